"""Command line, API, page and publication say the same of every cluster, whatever people decided."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.curation import decisions as d
from pipeline.curation.events import active_events
from pipeline.errors import DecisionError
from pipeline.service.app import create_app
from pipeline.service.options import Options
from pipeline.service.page import members
from pipeline.stages.published import document as documents
from pipeline.stages.published import schema
from pipeline.stages.representatives.ranking import centroid
from pipeline.steps.curation import Curation, new_cluster_id
from pipeline.steps.library_view.listing import cluster_detail, cluster_rows
from pipeline.steps.library_view.published import gather
from pipeline.steps.project import Project
from tests.steps.test_run import Bench, add

KINDS = ["red", "green", "blue"]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """36 images of three kinds, clustered once; tests keep their decisions in databases of their own."""
    root = tmp_path_factory.mktemp("view")
    for seed in range(36):
        group = ["de", "at"][seed % 2]
        add(root / "library", f"bollards/{group}/{group}-{seed:03d}-800w.png", KINDS[seed % 3], seed)
    copy = root / "library/bollards/de/de-000-800w.png"
    (copy.parent / "de-100-800w.png").write_bytes(copy.read_bytes())
    bench = Bench(root / "library", root / "data")
    bench.run()
    return bench


@dataclass(frozen=True)
class Readers:
    """A library with fresh decisions, and its four readers."""

    project: Project
    client: TestClient

    @property
    def curation(self) -> Curation:
        return self.project.curation

    def decide(self, decision: d.Decision) -> None:
        self.curation.decide("bollards", decision, actor="ann")
        self.client.app.state.service.library.forget("bollards")  # pyright: ignore[reportAttributeAccessIssue]

    def snapshot(self) -> Any:
        return self.client.app.state.service.library.get("bollards")  # pyright: ignore[reportAttributeAccessIssue]

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", params=query).raise_for_status().json()

    def published(self) -> Row:
        document = documents.build_document(gather(self.project, "bollards"), generated_at=self.project.now())
        schema.validate(document)
        return document

    def members(self, cluster: str) -> list[str]:
        return sorted(self.curation.curated("bollards").clusters[cluster].members)

    def vectors(self, hashes: list[str]) -> np.ndarray:
        return self.project.vectors(self.snapshot().base.fingerprint).read(hashes).astype(np.float32)


@contextmanager
def reading(ran: Bench, database: Path) -> Iterator[Readers]:
    """The readers, with no decision made yet."""
    bench = Bench(ran.library, ran.data, published={"include_centroids": True},
                  curation={"database_url": f"sqlite:///{database}"})  # fmt: skip
    project = bench.project()
    app = create_app(bench.project(), Options())
    try:
        yield Readers(project, TestClient(app, base_url="http://127.0.0.1:8765"))
    finally:
        app.state.service.stop()
        project.curation.close()
        project.layout.decided.unlink(missing_ok=True)  # the next database belongs to the same data directory


@pytest.fixture
def readers(ran: Bench, tmp_path: Path) -> Iterator[Readers]:
    with reading(ran, tmp_path / "decisions.sqlite3") as made:
        yield made


@pytest.fixture(scope="module")
def empty_database(ran: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without decisions, to be copied: making one takes longer than all that a test decides."""
    path = tmp_path_factory.mktemp("empty") / "decisions.sqlite3"
    with reading(ran, path) as made:
        assert made.curation.store.last("bollards") == 0
    return path


def from_command_line(readers: Readers) -> dict[str, Row]:
    rows = [cluster_detail(readers.project, "bollards", row["id"]) for row in cluster_rows(readers.project, "bollards")]
    return {
        row["id"]: {
            "name": row["name"], "size": row["size"], "status": row["status"], "cohesion": row["cohesion"],
            "images": [one["key"] for one in row["images"]],
            "similarities": [one["similarity"] for one in row["images"]],
        }
        for row in rows
    }  # fmt: skip


def from_api(readers: Readers) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for row in readers.get("/categories/bollards/clusters", limit=1000)["items"]:
        images = readers.get(f"/clusters/{row['id']}/images", limit=1000)["items"]
        keys = {one["image_id"]: one["key"] for one in images}
        found[row["id"]] = {
            "name": row["name"], "size": row["size"], "status": row["status"], "cohesion": row["cohesion"],
            "images": [one["key"] for one in images], "similarities": [one["similarity"] for one in images],
            "probabilities": [one["probability"] for one in images],
            "representatives": [keys[one] for one in row["representatives"]],
            "face": keys[row["representative"]],
        }  # fmt: skip
    return found


def from_publication(readers: Readers) -> dict[str, Row]:
    return {
        row["id"]: {
            "name": row["name"], "size": row["size"], "status": row["status"], "cohesion": row["cohesion"],
            "images": [one["key"] for one in row["images"]],
            "probabilities": [one["probability"] for one in row["images"]],
            "representatives": [one["key"] for one in row["representatives"]],
            "face": row["representativeImage"]["key"], "centroid": row["centroid"],
        }
        for row in readers.published()["clusters"]
    }  # fmt: skip


def assert_same(one: dict[str, Row], other: dict[str, Row]) -> None:
    """Both name the same clusters, and agree wherever both say something."""
    assert one.keys() == other.keys()
    for cluster, row in one.items():
        shared = row.keys() & other[cluster].keys()
        assert {name: row[name] for name in shared} == {name: other[cluster][name] for name in shared}, cluster


def assert_all_agree(readers: Readers) -> None:
    """All readers say the same, and it is what the vectors of the present members say."""
    api, published = from_api(readers), from_publication(readers)
    assert_same(from_command_line(readers), api)
    assert_same(api, published)
    unclustered = [
        (one["key"], one["nearest_cluster"]) for one in readers.get("/categories/bollards/unclustered")["items"]
    ]
    assert sorted(unclustered, key=str) == sorted(
        ((one["key"], one["nearestCluster"]) for one in readers.published()["unclustered"]), key=str
    )
    snapshot = readers.snapshot()
    hashes = dict(snapshot.frame.select("key", "content_hash").iter_rows())
    chosen = {one.id: one.representative for one in readers.curation.curated("bollards").clusters.values()}
    for cluster, row in api.items():
        vectors = readers.vectors([hashes[key] for key in row["images"]])
        middle = centroid(vectors)
        similarity = vectors @ middle
        np.testing.assert_allclose(published[cluster]["centroid"], middle, atol=1e-5)
        np.testing.assert_allclose(row["similarities"], similarity, atol=1e-4)
        assert row["cohesion"] == pytest.approx(float(similarity.mean()), abs=2e-3)
        assert np.all(np.diff(similarity) < 1e-4), "the most typical come first"
        if chosen[cluster] is None:
            assert row["face"] == row["images"][0]
        else:
            assert hashes[row["face"]] == chosen[cluster]
        assert_sections(readers, cluster, dict(zip(row["images"], similarity.tolist(), strict=True)))


def assert_sections(readers: Readers, cluster: str, similarity: dict[str, float]) -> None:
    """The page's core and edge follow from the same similarities."""
    snapshot = readers.snapshot()
    keys = snapshot.frame["key"]
    found = members.sections(snapshot, cluster, "typical")
    core = [similarity[keys[row]] for row in found.rows if found.heading[row] == members.CORE]
    edge = [similarity[keys[row]] for row in found.rows if found.heading[row] == members.EDGE]
    assert not edge or max(edge) < np.mean([*core, *edge]) < max(core)


def test_all_readers_agree_before_anything_is_decided(readers: Readers) -> None:
    assert_all_agree(readers)


def test_images_that_people_moved_are_the_least_typical_of_where_they_are_now(readers: Readers) -> None:
    home, away = sorted(readers.curation.curated("bollards").clusters)[:2]
    strangers = readers.members(away)[:2]
    before = from_api(readers)[home]
    readers.decide(d.Move(images=tuple(strangers), to=home))
    after = from_api(readers)[home]
    assert after["cohesion"] < before["cohesion"] - 0.05
    snapshot = readers.snapshot()
    moved = {snapshot.frame["key"][row] for value in strangers for row in snapshot.rows_by_hash[value]}
    assert set(after["images"][-len(moved) :]) == moved
    assert not moved & set(after["representatives"])
    assert after["probabilities"][-1] == 1.0
    assert_all_agree(readers)


def test_a_merged_cluster_is_as_loose_as_its_images_are(readers: Readers) -> None:
    into, other = sorted(readers.curation.curated("bollards").clusters)[:2]
    before = from_api(readers)[into]["cohesion"]
    readers.decide(d.Merge(clusters=(into, other), into=into))
    assert from_api(readers)[into]["cohesion"] < before - 0.05
    assert_all_agree(readers)


def test_a_split_cluster_has_figures_and_a_face_of_its_own(readers: Readers) -> None:
    source = min(readers.curation.curated("bollards").clusters)
    images = readers.members(source)[:4]
    readers.decide(d.Split(cluster=source, images=tuple(images), new_cluster=new_cluster_id("bollards", images, 0)))
    assert_all_agree(readers)


def test_clusters_of_one_image_are_exactly_like_themselves(readers: Readers) -> None:
    source = min(readers.curation.curated("bollards").clusters)
    for image in readers.members(source)[:6]:  # as float16 some of them are a hair longer than 1
        new = new_cluster_id("bollards", [image], 0)
        readers.decide(d.Split(cluster=source, images=(image,), new_cluster=new))
        assert readers.get(f"/clusters/{new}")["cohesion"] == pytest.approx(1.0, abs=2e-3)
        assert readers.get(f"/clusters/{new}")["cohesion"] <= 1.0
    assert_all_agree(readers)


def test_a_decision_costs_the_figures_of_the_clusters_that_it_changed(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.stages.representatives import ranking

    computed: list[int] = []
    represent = ranking.represent

    def counted(vectors: np.ndarray, *rest: Any) -> Any:
        computed.append(len(vectors))
        return represent(vectors, *rest)

    monkeypatch.setattr(ranking, "represent", counted)
    first, second, third = sorted(readers.curation.curated("bollards").clusters)
    readers.snapshot()
    assert computed == []
    readers.decide(d.Move(images=tuple(readers.members(first)[:1]), to=second))
    readers.snapshot()
    assert len(computed) == 2
    readers.decide(d.Move(images=tuple(readers.members(third)[:1]), to=second))
    readers.snapshot()
    assert len(computed) == 4, "the first cluster is as it was"
    readers.decide(d.Rename(cluster=third, name="Third"))
    readers.snapshot()
    assert len(computed) == 4


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["move", "move", "loose", "merge", "split", "exclude", "include", "face", "rename", "undo"]),
        st.integers(0, 2**16), st.integers(0, 2**16), st.integers(1, 9),
    ),
    max_size=10,
)  # fmt: skip


def decision(readers: Readers, kind: str, one: int, two: int, many: int) -> d.Decision | None:  # noqa: PLR0911  # one line for each kind
    """A decision that fits what is there now, from numbers that mean nothing by themselves."""
    curated = readers.curation.curated("bollards")
    clusters = sorted(curated.clusters)
    if not clusters:
        return None
    source, target = clusters[one % len(clusters)], clusters[two % len(clusters)]
    images = readers.members(source)
    some = tuple(images[(two + step) % len(images)] for step in range(min(many, len(images))))
    match kind:
        case "move":
            return d.Move(images=some, to=target)
        case "loose":
            return d.Move(images=some, to=None)
        case "merge" if source != target:
            return d.Merge(clusters=(source, target), into=source)
        case "split":
            new = new_cluster_id("bollards", some, readers.curation.store.last("bollards"))
            return d.Split(cluster=source, images=some, new_cluster=new)
        case "exclude":
            return d.Exclude(images=some)
        case "include" if curated.excluded:
            return d.Include(images=tuple(sorted(curated.excluded)[:many]))
        case "face":
            return d.ChooseRepresentative(cluster=source, image=some[0])
        case "rename":
            return d.Rename(cluster=source, name=f"Kind {two}")
        case "undo" if events := active_events(readers.curation.log.events("bollards")):
            return d.Undo(event=events[one % len(events)].number)
        case _:
            return None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_all_readers_agree_after_any_decisions(
    ran: Bench, empty_database: Path, tmp_path: Path, acts: list[tuple[str, int, int, int]]
) -> None:
    database = tmp_path / "decisions.sqlite3"
    shutil.copyfile(empty_database, database)
    with reading(ran, database) as readers:
        for act in acts:
            made = decision(readers, *act)
            if made is not None:
                with suppress(DecisionError):  # such as a split that would leave nothing
                    readers.decide(made)
                readers.snapshot()
        assert_all_agree(readers)
