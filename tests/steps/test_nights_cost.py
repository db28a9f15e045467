"""Cost follows what changed: work is counted, not timed, and what is spared changes no result."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.curation import decisions as d
from pipeline.stages.duplicates.contract import DUPLICATES_SCHEMA
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.representatives.contract import MEMBERS_SCHEMA, Facts, clusters_schema
from pipeline.steps import listing, published_result
from pipeline.steps import publish as publish_step
from pipeline.steps import representatives as representatives_step
from pipeline.steps.manifest import preview
from pipeline.steps.project import Report
from pipeline.steps.representatives import representatives
from pipeline.steps.run import run
from pipeline.storage.artifacts import Artifact
from pipeline.storage.vectors import VectorStore
from tests.steps.test_run import KINDS, Bench, add

SLUG = "bollards"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """36 images of three kinds, read in, clustered and published."""
    for seed in range(36):
        add(tmp_path / "library", f"{SLUG}/{('de', 'at')[seed % 2]}/{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    found = Bench(tmp_path / "library", tmp_path / "data")
    found.run()
    return found


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is opened from now on: tables by name, vectors, and results that are gathered."""
    counted: Counter[str] = Counter()

    def counting(owner: Any, method: str, label: str) -> None:
        real = getattr(owner, method)

        def call(*given: Any, **named: Any) -> Any:
            counted[f"{label} {given[1]}" if owner is Artifact else label] += 1
            return real(*given, **named)

        monkeypatch.setattr(owner, method, call)

    counting(Artifact, "table", "table")
    counting(VectorStore, "read", "vectors read")
    counting(VectorStore, "index", "vectors looked up")
    counting(published_result, "gather", "gathered")
    return counted


def reports(bench: Bench) -> dict[str, Report]:
    [done] = run(bench.project()).finished
    return done.reports


def test_a_night_with_nothing_new_opens_the_manifest_at_most_and_the_next_one_nothing(
    bench: Bench, work: Counter[str]
) -> None:
    second = reports(bench)
    assert all(report.unchanged for report in second.values())
    assert work == {"table manifest": 1}  # marked: nothing is new in it any more
    work.clear()
    third = reports(bench)
    assert work == {}
    for name, report in third.items():
        told = ("counts", "data_version", "path", "effective")
        assert [getattr(report, one) for one in told] == [getattr(second[name], one) for one in told]


def test_what_is_told_when_nothing_is_new_is_what_reading_everything_tells(bench: Bench) -> None:
    bench.run()
    quick = reports(bench)
    for current in (bench.data / "categories").rglob("current.json"):  # as an earlier version left it
        text = current.read_text()
        current.write_text(text.replace('"seen"', '"not seen"').replace('"listing"', '"not listed"'))
    (bench.data / "cache" / "published" / f"{SLUG}.json").unlink()
    slow = reports(bench)
    assert {name: report.counts for name, report in quick.items()} == {n: r.counts for n, r in slow.items()}
    assert {name: report.data_version for name, report in quick.items()} == {n: r.data_version for n, r in slow.items()}
    assert quick["published"].effective == slow["published"].effective


def test_a_manifest_marked_without_reading_keys_is_the_one_that_reading_them_makes(bench: Bench) -> None:
    bench.run()
    table = bench.project().store.require(SLUG, "manifest").table("manifest", MANIFEST_SCHEMA)
    known = table.with_columns(change=pl.lit("added"))
    assert preview(bench.project(), SLUG, known).frame.equals(table)


def test_a_file_that_was_touched_is_read_and_nothing_after_that_is_made_again(bench: Bench, work: Counter[str]) -> None:
    path = bench.library / SLUG / "de" / "000-800w.png"
    os.utime(path, (1, 1))
    again = reports(bench)
    assert again["images"].counts["read"] == 1
    assert again["embeddings"].counts["embedded"] == 0
    assert all(again[name].unchanged for name in ("reduced", "labels", "identities", "representatives", "similarity"))
    assert not work["vectors read"]
    work.clear()
    reports(bench)
    assert work == {"table manifest": 1}


def test_vectors_that_were_lost_are_made_again_although_nothing_is_new(bench: Bench) -> None:
    for path in (bench.data / "vectors").rglob("part-*"):
        path.unlink()
    assert bench.run()[SLUG]["embedded"] == 36


def test_an_image_that_people_left_out_is_left_out_on_a_night_with_nothing_new(bench: Bench) -> None:
    image = bench.images()["content_hash"][0]
    bench.project().curation.decide(SLUG, d.Exclude(images=(image,)), actor="test")
    again = reports(bench)
    assert not again["reduced"].unchanged
    assert again["published"].counts["rejected"] == 1
    assert all(report.unchanged for report in reports(bench).values())


def test_a_name_gathers_once_and_clusters_nothing(bench: Bench, work: Counter[str]) -> None:
    cluster = bench.document()["clusters"][0]["id"]
    bench.project().curation.decide(SLUG, d.Rename(cluster=cluster, name="Post"), actor="test")
    work.clear()
    named = reports(bench)
    assert work["gathered"] == 1
    assert not named["published"].unchanged
    assert named["representatives"].unchanged
    assert bench.document()["clusters"][0]["name"] == "Post"
    reports(bench)
    assert work["gathered"] == 1


@pytest.mark.parametrize("what", ["setting", "version", "cache"])
def test_what_is_published_is_made_once_more_when_what_it_follows_from_may_have_changed(
    bench: Bench, work: Counter[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "setting":
        bench.settings["published"] = {"include_centroids": True}
    elif what == "version":
        monkeypatch.setattr(publish_step, "PACKAGES", ())
    else:
        (bench.data / "cache" / "published" / f"{SLUG}.json").unlink()
    assert reports(bench)["published"].unchanged == (what != "setting")
    assert work["gathered"] == 1


def test_one_new_image_is_compared_with_all_and_no_old_pair_is(bench: Bench) -> None:
    bench.run()
    add(bench.library, f"{SLUG}/de/100-800w.png", "red", 100)
    added = reports(bench)["duplicates"]
    assert 0 < added.facts["searched"] <= 2 * 37
    table = bench.project().store.require(SLUG, "duplicates").table("duplicates", DUPLICATES_SCHEMA)
    bench.data = bench.data.with_name("from scratch")
    bench.run()
    fresh = bench.project().store.require(SLUG, "duplicates").table("duplicates", DUPLICATES_SCHEMA)
    assert table.equals(fresh)


def test_representatives_of_clusters_that_stayed_are_not_computed_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(bench.library, f"{SLUG}/de/100-800w.png", "red", 100)
    found = reports(bench)
    fates = bench.project().store.require(SLUG, "identities").table("clusters", CLUSTERS_SCHEMA)["fate"].to_list()
    assert sorted(fates) == ["grown", "kept", "kept"]
    assert found["representatives"].facts["computed"] == 1

    def tables() -> list[pl.DataFrame]:
        stored = bench.project().store.require(SLUG, "representatives")
        schema = clusters_schema(stored.facts(Facts).dimension)
        return [stored.table("clusters", schema), stored.table("members", MEMBERS_SCHEMA)]

    before = tables()
    monkeypatch.setattr(representatives_step, "CODE", 99)  # so that nothing of before holds
    assert representatives(bench.project(), SLUG).facts["computed"] == 3
    assert all(one.equals(other) for one, other in zip(before, tables(), strict=True))


def test_a_night_with_few_new_images_moves_nobody_on_the_map(bench: Bench) -> None:
    def places() -> dict[str, tuple[float, float]]:
        stored = bench.project().store.require(SLUG, "reduced")
        rows = pl.read_parquet(stored.folder / "reduced.parquet", columns=["image_id", "x", "y"]).iter_rows()
        return {name: (x, y) for name, x, y in rows}

    before = places()
    add(bench.library, f"{SLUG}/de/100-800w.png", "red", 100)
    bench.run()
    after = places()
    assert len(after) == 37
    assert {name: after[name] for name in before} == before


def test_a_listing_too_long_to_hold_is_listed_once_more_and_gives_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LISTED_IN_MEMORY", 10)
    add(bench.library, f"{SLUG}/de/100-800w.png", "red", 100)
    found = reports(bench)["manifest"].counts
    assert (found["objects"], found["added"], found["same"]) == (37, 1, 36)


@pytest.mark.parametrize("setting", [{"variant": "400w"}, {"patterns": {SLUG: r"\w+/(?P<identifier>\d+)-800w\.png"}}])
def test_other_settings_read_the_keys_of_the_same_listing_again(bench: Bench, setting: dict[str, Any]) -> None:
    bench.run()
    bench.settings["source"] = setting
    found = reports(bench)["manifest"]
    assert found.counts["images"] == 36
    assert found.unchanged == ("variant" in setting)
