"""A granularity that people chose: what the preview says is what comes, names go on, and an undo brings all back."""

from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.errors import DecisionError, MissingArtifactError, UnknownNameError
from pipeline.settings import Settings
from pipeline.steps.decided import cluster_params
from pipeline.steps.granularity import choice, choose, normal, preview, sweep_is_current
from pipeline.steps.project import Project
from pipeline.steps.run import cluster_again
from pipeline.steps.tune import stored_sweep, tune
from tests.steps.test_run import Bench, add

SHADES = [(200, 30, 30), (230, 90, 30), (30, 40, 200), (30, 110, 230), (30, 180, 40), (110, 210, 40)]
STEPS = (0.2, 0.5, 0.9)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """72 images of six shades in three families."""
    monkeypatch.setattr("tests.steps.test_run.KINDS", {str(number): shade for number, shade in enumerate(SHADES)})
    for seed in range(72):
        add(tmp_path / "library", f"bollards/de/de-{seed:03d}-800w.png", str(seed % 6), seed)
    made = Bench(tmp_path / "library", tmp_path / "data", reduced={"method": "none"})
    made.run()
    return made


def clusters(project: Project) -> dict[str, tuple[str | None, frozenset[str]]]:
    curated = project.curation.curated("bollards")
    return {one.id: (one.name, one.members) for one in curated.clusters.values()}


def another(project: Project) -> str:
    """A tried setting with another number of clusters than today's."""
    rows = stored_sweep(project, "bollards").trials
    now = next(row.clusters for row in rows if row.current)
    return next(row.setting for row in reversed(rows) if row.clusters != now)


def test_what_the_preview_says_is_what_clustering_gives_and_undo_brings_ids_and_names_back(bench: Bench) -> None:
    project = bench.project()
    first = clusters(project)
    for number, cluster in enumerate(first):
        project.curation.decide("bollards", d.Rename(cluster=cluster, name=f"Kind {number}"), actor="ann")
    ids = sorted(first)
    stranger = min(first[ids[0]][1])
    project.curation.decide("bollards", d.Move(images=(stranger,), to=ids[1]), actor="ann")
    named = clusters(project)
    tune(project, "bollards", steps=STEPS, runs=0)
    setting = another(project)
    seen = preview(project, "bollards", setting)
    event = choose(project, "bollards", setting, actor="ann")
    assert event is not None
    assert choice(project, "bollards").pending
    assert clusters(project) == named
    cluster_again(bench.project(), "bollards")
    after = clusters(bench.project())
    assert after == {one.id: (one.name, one.members) for one in seen.outlook.then.clusters.values()}
    assert after != named
    assert not choice(bench.project(), "bollards").pending
    home = {image: cluster for cluster, (_, members) in after.items() for image in members}
    if ids[1] in after:
        assert home[stranger] == ids[1]

    undone = bench.project()
    undone.curation.undo("bollards", event.number, actor="ben")
    assert choice(undone, "bollards").pending
    cluster_again(undone, "bollards")
    assert clusters(bench.project()) == named


def test_the_table_counts_what_the_preview_shows(bench: Bench) -> None:
    project = bench.project()
    tune(project, "bollards", steps=STEPS, runs=0)
    ids = sorted(clusters(project))
    project.curation.decide("bollards", d.Rename(cluster=ids[0], name="Red"), actor="ann")
    project.curation.decide("bollards", d.Merge(clusters=tuple(ids[:2]), into=ids[0]), actor="ann")
    assert sweep_is_current(project, "bollards")
    tune(project, "bollards", steps=STEPS, runs=0)
    for row in stored_sweep(project, "bollards").trials:
        outlook = preview(project, "bollards", row.setting).outlook
        assert row.clusters == len(outlook.then.clusters)
        assert (row.ids, row.ids_kept) == (len(ids) - 1, len(outlook.kept))
        assert row.names_lost == list(outlook.lost)


def test_a_decision_overrides_the_settings_and_a_run_that_was_told_a_granularity_overrides_both(bench: Bench) -> None:
    project = bench.project()
    choose(project, "bollards", "0.90", actor="ann")
    assert cluster_params(project, "bollards").granularity == "0.9"
    told = Project(project.settings, granularity_given=True)
    assert cluster_params(told, "bollards").granularity == "auto"
    values = {**project.settings.model_dump(), "labels": {"n_clusters": 3}}
    with_number = Project(Settings.model_validate(values))
    params = cluster_params(with_number, "bollards")
    assert (params.granularity, params.n_clusters) == ("0.9", None)
    assert choice(with_number, "bollards").n_clusters == 3
    assert choose(project, "bollards", "0.9", actor="ann") is None
    assert choose(project, "bollards", None, actor="ann") is not None
    assert cluster_params(with_number, "bollards").n_clusters == 3
    assert choose(project, "bollards", None, actor="ann") is None


def test_a_preview_needs_a_sweep_and_a_setting_that_was_tried(bench: Bench) -> None:
    project = bench.project()
    with pytest.raises(MissingArtifactError, match="image-cluster tune bollards"):
        preview(project, "bollards", "0.5")
    tune(project, "bollards", steps=STEPS, runs=0)
    with pytest.raises(UnknownNameError, match=r"auto, 0\.2|0\.2"):
        preview(project, "bollards", "0.77")
    now = preview(project, "bollards", "auto")
    assert {step.change for step in now.outlook.steps} == {"same"}
    assert sum(now.size(one.members) for one in now.outlook.then.clusters.values()) == 72


@pytest.mark.parametrize("value", ["finer", "-0.1", "1.01", "nan", ""])
def test_what_is_no_granularity_is_refused(value: str) -> None:
    with pytest.raises(DecisionError, match="auto, coarse, fine"):
        normal(value)
