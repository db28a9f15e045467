"""Nights that change little cluster nothing again: new images are placed, ids stay, and cost follows what is new."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pipeline.settings import Settings
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA, LEDGER_SCHEMA, MEMBERS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps import identities as identities_step
from pipeline.steps.categories import select_categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project, Report
from pipeline.steps.run import CLUSTER_STEPS
from tests.fakes import MeanColourEncoder

COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200), "yellow": (220, 200, 20)}
SLUG = "posts"


class Night:
    """A library whose images are noisy colours, and a run of the steps up to `identities` for each call."""

    def __init__(self, root: Path, **labels: Any) -> None:
        self.root, self.labels = root, {"min_cluster_size": 3, **labels}
        self.encoder = MeanColourEncoder()
        self.now = datetime(2026, 11, 2, 3, tzinfo=UTC)
        self.reducer = "auto"

    def add(self, kind: str, *numbers: int) -> None:
        for number in numbers:
            noise = np.random.default_rng(number).normal(0, 14, size=(24, 32, 3))
            path = self.root / "library" / SLUG / "de" / f"{kind}-{number:03d}-800w.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(np.array(COLOURS[kind]) + noise, 0, 255).astype(np.uint8)).save(path)

    def remove(self, kind: str, *numbers: int) -> None:
        for number in numbers:
            (self.root / "library" / SLUG / "de" / f"{kind}-{number:03d}-800w.png").unlink()

    def project(self) -> Project:
        values = {
            "data_dir": self.root / "data", "source": {"url": str(self.root / "library")}, "labels": self.labels,
            "reduced": {"method": self.reducer},
        }  # fmt: skip
        return Project(Settings.model_validate(values), encoder=lambda: self.encoder, clock=lambda: self.now)

    def run(self) -> dict[str, Report]:
        project = self.project()
        select_categories(project, [])
        reports = [manifest(project, SLUG), *ingest(project, SLUG)]
        for step in CLUSTER_STEPS:
            reports.append(step(project, SLUG))
            if step is identities_step.identities:
                break
        self.now += timedelta(days=1)
        return {report.artifact: report for report in reports}

    def table(self, name: str, schema: pl.Schema) -> pl.DataFrame:
        return self.project().store.require(SLUG, "identities").table(name, schema)

    def stored(self) -> dict[Path, bytes]:
        found = [path for name in ("labels", "identities")
                 for path in (self.root / "data" / "categories" / SLUG / name).rglob("*.*")]  # fmt: skip
        return {path: path.read_bytes() for path in found}

    def cluster_of(self) -> dict[str, str | None]:
        keys = self.project().store.require(SLUG, "images").table("images", IMAGES_SCHEMA, ["image_id", "key"])
        rows = self.table("members", MEMBERS_SCHEMA).join(keys, on="image_id").select("key", "cluster_id").iter_rows()
        return {key.rpartition("/")[2].removesuffix("-800w.png"): cluster for key, cluster in rows}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    found = Night(tmp_path)
    for kind in ("red", "green", "blue"):
        found.add(kind, *range(14))
    return found


def test_a_few_new_images_join_their_kind_without_clustering(night: Night) -> None:
    first = night.run()["labels"]
    assert (first.facts["mode"], first.facts["reason"]) == ("full", "first")
    before = night.cluster_of()
    night.add("red", 20, 21)
    night.add("blue", 20)
    second = night.run()["labels"]
    assert (second.facts["mode"], second.facts["reason"]) == ("incremental", "few")
    after = night.cluster_of()
    assert all(after[image] == cluster for image, cluster in before.items())
    assert after["red-020"] == after["red-021"] == before["red-000"]
    assert after["blue-020"] == before["blue-000"]
    assert second.counts["placed"] == 3
    assert second.counts["compared"] == 3 * (42 + 3)


def test_nothing_new_changes_nothing(night: Night) -> None:
    night.run()
    night.add("red", 20)
    night.run()
    stored = night.stored()
    third = night.run()
    assert third["labels"].unchanged
    assert third["identities"].unchanged
    assert night.stored() == stored


def test_deleting_and_adding_in_one_night_works_and_deleting_alone_compares_nothing(night: Night) -> None:
    night.run()
    before = night.cluster_of()
    night.remove("green", 0, 1)
    alone = night.run()["labels"]
    assert (alone.facts["mode"], alone.counts["compared"]) == ("incremental", 0)
    night.remove("red", 3)
    night.add("green", 30)
    both = night.run()["labels"]
    assert (both.facts["mode"], both.counts["came_since_full"], both.counts["went_since_full"]) == ("incremental", 1, 3)
    after = night.cluster_of()
    assert after["green-030"] == before["green-005"]
    assert all(before[image] == cluster for image, cluster in after.items() if image in before)


def test_the_share_counts_from_the_last_full_clustering_however_many_nights_it_takes(night: Night) -> None:
    night.run()
    modes: list[str] = []
    for number in range(20, 32):
        night.now -= timedelta(days=1)  # all on one day, so that the schedule has no part in it
        night.add("red", number)
        modes.append(night.run()["labels"].facts["mode"])
    # 42 images: the ninth is more than 20 %, and counting begins anew
    assert modes == ["incremental"] * 8 + ["full"] + ["incremental"] * 3


def test_coming_and_going_that_ends_where_it_began_is_the_clustering_that_it_was(night: Night) -> None:
    night.run()
    before = night.cluster_of()
    night.add("red", 20)
    night.remove("blue", 1, 2)
    night.run()
    night.remove("red", 20)
    night.add("blue", 1, 2)
    found = night.run()["labels"]
    assert found.counts["compared"] == 0
    assert night.cluster_of() == before


def test_a_new_kind_stays_unclustered_until_the_schedule_asks_and_is_then_found(night: Night) -> None:
    night.labels["recluster_days"] = 3
    night.run()
    night.add("yellow", 0, 1, 2, 3, 4)
    second = night.run()["labels"]
    assert (second.facts["mode"], second.counts["new_unclustered"]) == ("incremental", 5)
    night.run()
    fourth = night.run()
    assert (fourth["labels"].facts["mode"], fourth["labels"].facts["reason"]) == ("full", "schedule")
    after = night.cluster_of()
    assert after["yellow-000"] is not None
    assert len({after[f"yellow-{number:03d}"] for number in range(5)}) == 1
    assert fourth["identities"].facts["fate_born"] == 1
    assert not night.run()["labels"].facts["new_unclustered"]


def test_a_full_clustering_can_be_asked_for_and_asking_twice_costs_nothing(night: Night) -> None:
    night.run()
    night.add("red", 20)
    night.run()
    night.labels["recluster"] = "always"
    asked = night.run()["labels"]
    assert (asked.unchanged, asked.facts["mode"], asked.facts["reason"]) == (False, "full", "asked")
    assert night.run()["labels"].unchanged
    night.labels["recluster"] = "auto"
    assert night.run()["labels"].unchanged


def test_another_setting_clusters_in_full_and_one_that_says_when_does_not(night: Night) -> None:
    night.run()
    night.labels["recluster_share"] = 0.3
    assert night.run()["labels"].unchanged
    night.labels["granularity"] = "coarse"
    changed = night.run()["labels"]
    assert (changed.facts["mode"], changed.facts["reason"]) == ("full", "settings")


def test_a_setting_that_is_changed_back_goes_on_with_the_clustering_that_it_had(night: Night) -> None:
    """A named cluster of 135 stamps fell apart when a granularity was tried and undone: they were clustered afresh."""
    night.run()
    night.add("red", 20)
    night.remove("green", 0)
    night.run()
    before, placed = night.cluster_of(), night.project().store.require(SLUG, "labels")
    night.labels["granularity"] = "0.9"
    night.add("blue", 20)
    finer = night.run()["labels"]
    assert (finer.facts["mode"], finer.facts["reason"]) == ("full", "settings")
    del night.labels["granularity"]
    back = night.run()["labels"]
    assert (back.facts["mode"], back.facts["reason"]) == ("incremental", "few")
    assert (back.counts["came_since_full"], back.counts["went_since_full"]) == (2, 1)
    assert back.effective == placed.provenance.params
    after = night.cluster_of()
    assert {image: after[image] for image in before} == before
    assert after["blue-020"] == before["blue-000"]
    assert night.run()["labels"].unchanged
    night.labels["granularity"] = "0.9"
    assert night.run()["labels"].facts["mode"] == "incremental"  # and there again


@pytest.mark.parametrize("damage", ["gone", "unreadable"])
def test_a_clustering_of_before_that_is_kept_no_more_is_made_afresh(night: Night, damage: str) -> None:
    night.run()
    before = night.cluster_of()
    first = night.project().store.require(SLUG, "labels").folder
    night.labels["granularity"] = "0.9"
    night.run()
    del night.labels["granularity"]
    if damage == "gone":
        shutil.rmtree(first)
    else:
        (first / "base.parquet").write_bytes(b"nothing")
    assert night.run()["labels"].facts["mode"] == "full"
    assert night.cluster_of() == before


def test_another_encoder_clusters_in_full_and_ids_stay(night: Night) -> None:
    night.run()
    before = night.cluster_of()
    other = MeanColourEncoder()
    other.fingerprint, other.name = "another", "fake:another"
    night.encoder = other
    project = night.project()
    values = project.settings.model_dump()
    values["encoder"]["spec"] = "timm:another"
    night.project = lambda: Project(  # type: ignore[method-assign]
        Settings.model_validate(values), encoder=lambda: other, clock=lambda: night.now
    )
    assert night.run()["labels"].facts["reason"] == "settings"
    assert night.cluster_of() == before


def test_a_cluster_stays_with_two_members_and_goes_with_one(night: Night) -> None:
    night.labels["recluster_share"] = 1.0
    night.run()
    before = night.cluster_of()
    night.remove("blue", *range(12))
    night.run()
    assert night.cluster_of()["blue-013"] == before["blue-013"]
    night.remove("blue", 12)
    last = night.run()
    assert night.cluster_of()["blue-013"] is None
    assert last["identities"].facts["died"] == [[before["blue-013"], 2]]


def test_every_night_accounts_for_every_image(night: Night) -> None:
    night.run()
    for number in range(3):
        night.add("yellow", number)
        night.add("red", 40 + number)
        night.remove("green", number)
        found = night.run()
        counts = found["identities"].counts
        assert counts["images"] == len(night.cluster_of()) == found["images"].counts["ok"]
        assert sum(cluster is None for cluster in night.cluster_of().values()) == counts["unclustered"]


def test_a_died_cluster_says_where_its_images_went(night: Night) -> None:
    night.run()
    before = night.cluster_of()
    night.labels.update({"method": "kmeans", "n_clusters": 2})
    night.reducer = "pca"  # k-means would have UMAP, which takes its time to start
    died = night.run()["identities"].facts
    [(gone, _)] = died["died"]
    assert sum(died["died_into"][gone].values()) == sum(cluster == gone for cluster in before.values())
    ledger = night.table("ledger", LEDGER_SCHEMA).filter(pl.col("cluster_id") == gone)
    assert ledger["into"].to_list() == [list(died["died_into"][gone])]
    alive = set(night.table("clusters", CLUSTERS_SCHEMA)["cluster_id"])
    assert set(died["died_into"][gone]) <= alive


def test_a_name_computes_nothing_afresh(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    night.run()
    ids = frozenset(night.table("clusters", CLUSTERS_SCHEMA)["cluster_id"])
    monkeypatch.setattr(identities_step, "named_clusters", lambda *_: ids)
    assert night.run()["identities"].unchanged


def test_a_full_clustering_remembers_the_groups_of_before_but_not_those_of_other_settings(night: Night) -> None:
    def used() -> dict[str, Any]:
        return night.project().store.require(SLUG, "labels").provenance.params

    night.run()
    assert "memory" not in used()
    night.labels["recluster"] = "always"
    night.add("red", 20)
    night.run()
    assert (used()["memory"], used()["remembered"]) == (0.5, 42)
    night.labels["memory"] = 0.0
    night.add("red", 21)
    night.run()
    assert "memory" not in used()
    night.labels |= {"memory": 1.0, "granularity": "0.6"}
    night.add("red", 22)
    night.run()
    assert "memory" not in used()


def test_how_much_is_remembered_asks_for_no_clustering_by_itself(night: Night) -> None:
    night.run()
    night.labels["memory"] = 1.0
    assert night.run()["labels"].unchanged
