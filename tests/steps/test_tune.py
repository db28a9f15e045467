"""Choosing a granularity on a real library: nothing changes but what is asked for, and little is done twice."""

from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from pipeline.curation import decisions as d
from pipeline.errors import TooFewImagesError
from pipeline.stages.labels import clusterers as labelling
from pipeline.stages.tuning.contract import PAGE, PICTURE
from pipeline.steps import labels as labels_step
from pipeline.steps.families import family_of
from pipeline.steps.identities import identities
from pipeline.steps.labels import labels
from pipeline.steps.reduced import reduced
from pipeline.steps.tune import stored_sweep, tune
from pipeline.storage.views import query
from tests.steps.searches import counted_searches
from tests.steps.test_run import KINDS, Bench, add

STEPS = (0.2, 0.5)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("tune")
    for seed in range(30):
        add(root / "library", f"bollards/de/de-{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    for seed in range(3):
        add(root / "library", f"few/de/de-{seed:03d}-800w.png", "red", seed)
    made = Bench(root / "library", root / "data", reduced={"method": "none"})
    made.run()
    return made


def stored(bench: Bench) -> dict[str, Any]:
    """Everything below the data directory but what a sweep writes."""
    kept = (".parquet", ".json", ".html")
    paths = [path for path in sorted(bench.data.rglob("*")) if path.is_file() and path.suffix in kept]
    return {str(path): path.read_bytes() for path in paths if "/tuning/" not in str(path)}


def test_a_sweep_tells_what_each_setting_gives_and_changes_nothing_else(bench: Bench) -> None:
    before = stored(bench)
    project = bench.project()
    report = tune(project, "bollards", steps=STEPS, runs=1)
    rows = stored_sweep(project, "bollards").trials
    assert [row.setting for row in rows if row.current] == ["auto"]
    assert sum(row.best for row in rows) == 1
    now = next(row for row in rows if row.current)
    assert (now.clusters, now.ids_kept, now.ids, now.unclustered) == (3, 3, 3, 0.0)
    assert report.path is not None
    html = (report.path / PAGE).read_text()
    assert html.count("data:image/webp") > 6
    assert (report.path / PICTURE).read_text().startswith("<svg")
    assert stored(bench) == before
    assert query(project.store, "SELECT count(*) AS n FROM tuning") == [{"n": len(rows)}]


def test_a_second_sweep_of_the_same_clusters_does_nothing(bench: Bench) -> None:
    tune(bench.project(), "bollards", steps=STEPS, runs=1)
    assert tune(bench.project(), "bollards", steps=STEPS, runs=1).unchanged
    assert not tune(bench.project(), "bollards", steps=STEPS, runs=0).unchanged


def test_after_a_name_only_what_it_changes_is_computed_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    project = bench.project()
    tune(project, "bollards", steps=STEPS, runs=1)
    cluster = next(iter(project.curation.curated("bollards").clusters))
    project.curation.decide("bollards", d.Rename(cluster=cluster, name="Red"), actor="ann")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("clustered again")

    monkeypatch.setattr(labelling, "group", refused)
    before = stored_sweep(project, "bollards").trials
    assert not tune(bench.project(), "bollards", steps=STEPS, runs=1).unchanged
    after = stored_sweep(project, "bollards").trials
    now = next(row for row in after if row.current)
    assert (now.names, now.names_kept) == (1, 1)
    figures = attrgetter("setting", "clusters", "validity", "stability", "largest", "ids_kept", "best", "current")
    assert [figures(row) for row in after] == [figures(row) for row in before]
    project.curation.undo("bollards", None, actor="ann")


def test_three_images_are_too_few_to_choose_for(bench: Bench) -> None:
    with pytest.raises(TooFewImagesError, match="3 different images"):
        tune(bench.project(), "few")


def test_another_granularity_leaves_embeddings_and_reduced_alone_and_searches_no_neighbours(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = counted_searches(monkeypatch)
    bench.encoder.batches.clear()
    for granularity in ("0.8", "0.3"):
        moved = Bench(bench.library, bench.data, reduced={"method": "none"}, labels={"granularity": granularity})
        moved.encoder = bench.encoder
        assert reduced(moved.project(), "bollards").unchanged
        assert not labels(moved.project(), "bollards").unchanged
    assert searched == [30]
    assert bench.encoder.batches == []


def test_neighbours_from_the_cache_give_the_same_groups(bench: Bench) -> None:
    project = bench.project()
    points = labels_step.read_points(project, project.store.require("bollards", "reduced"))
    params = project.settings.labels
    again = labelling.group(points.vectors, params, neighbours=points.neighbours())
    assert (again.groups == labelling.group(points.vectors, params).groups).all()


def test_families_keep_their_ids_and_reach_the_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shades = [(200, 30, 30), (230, 90, 30), (30, 40, 200), (30, 110, 230), (30, 180, 40), (110, 210, 40)]
    monkeypatch.setattr("tests.steps.test_run.KINDS", {str(number): shade for number, shade in enumerate(shades)})
    for seed in range(72):
        add(tmp_path / "library", f"bollards/de/de-{seed:03d}-800w.png", str(seed % 6), seed)
    bench = Bench(tmp_path / "library", tmp_path / "data", reduced={"method": "none"}, labels={"n_clusters": 6})
    bench.run()
    first = family_of(bench.project().store.require("bollards", "identities"))
    document = bench.document()
    assert first
    assert {cluster["id"]: cluster["parent"] for cluster in document["clusters"] if cluster["parent"]} == first
    assert {one for family in document["families"] for one in family["clusters"]} == set(first)
    moved = Bench(tmp_path / "library", tmp_path / "data", reduced={"method": "none"},
                  labels={"n_clusters": 6, "seed": 7})  # fmt: skip
    assert not labels(moved.project(), "bollards").unchanged
    identities(moved.project(), "bollards")
    assert family_of(moved.project().store.require("bollards", "identities")) == first
