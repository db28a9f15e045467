"""Two encoders beside each other on one library, and a change of encoder that keeps names."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.curation import decisions as d
from pipeline.demo.bollards import write_library
from pipeline.errors import TooFewImagesError
from pipeline.settings import Settings
from pipeline.stages.tuning.agreement import PairScore
from pipeline.steps.encoder_comparison import Comparison, Side, better, compare
from pipeline.steps.encoder_sample import draw_sample
from pipeline.steps.project import Project
from pipeline.steps.run import run

LITE0, GEM = "packaged:efficientnet_lite0", "packaged:efficientnet_lite0_gem"


@pytest.fixture(scope="module")
def bollards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("demo") / "library", images=60, cars=0, workers=1)


@pytest.fixture
def project(bollards: Path, tmp_path: Path) -> Iterator[Project]:
    made = opened(bollards, tmp_path, LITE0)
    run(made, ["bollards"])
    yield made
    made.curation.close()


def opened(library: Path, root: Path, spec: str) -> Project:
    values = {"data_dir": root / "data", "source": {"url": str(library)}, "encoder": {"spec": spec, "device": "cpu"}}
    return Project(Settings.model_validate(values))


def name_all(project: Project) -> dict[str, str]:
    """Cluster id → the name that it was given."""
    names = {cluster: f"Post {number}" for number, cluster in enumerate(project.curation.curated("bollards").clusters)}
    for cluster, name in names.items():
        project.curation.decide("bollards", d.Rename(cluster=cluster, name=name), actor="ann")
    return names


def compared(project: Project, specs: tuple[str, str] = (LITE0, GEM), sample: int = 1000) -> Comparison:
    return compare(project, "bollards", specs, sample=sample)


def test_a_library_without_decisions_is_told_so_and_compared_with_its_present_clusters(
    project: Project, bollards: Path
) -> None:
    found = compared(project)
    assert (found.without_decisions, found.decided, found.images) == (True, 0, found.of)
    assert [side.in_use for side in found.sides] == [True, False]
    arguments = ["encoders", "compare", LITE0, GEM, "--out", str(project.settings.data_dir), "--quiet"]
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0, shown.output
    assert "People decided nothing here yet" in shown.stdout
    assert "agreement with the present clusters" in shown.stdout


def test_what_a_change_would_do_to_names_is_said_before_and_is_what_the_change_does(
    project: Project, bollards: Path, tmp_path: Path
) -> None:
    names = name_all(project)
    before = {path.name: path.read_bytes() for path in (project.settings.data_dir / "published/bollards").iterdir()}
    found = compared(project)
    now, then = found.sides
    assert not found.without_decisions
    assert found.decided > 0.5 * found.images
    assert (then.names, then.to_embed) == (len(names), 0)  # the sample was the whole library
    assert then.names_kept >= 0.7 * len(names)
    assert {
        path.name: path.read_bytes() for path in (project.settings.data_dir / "published/bollards").iterdir()
    } == before
    changed = opened(bollards, tmp_path, GEM)
    done = run(changed, ["bollards"]).finished[0].summary()
    assert done["embedded"] == 0  # the comparison embedded them
    kept = {name for name in changed.curation.curated("bollards").names.values() if name is not None}
    assert kept == set(names.values()) - set(then.names_lost)
    assert now.agreement is not None
    assert then.agreement is not None
    changed.curation.close()


def test_a_second_comparison_embeds_and_clusters_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compared(project, sample=40)
    assert first.images == 40
    assert first.sides[1].to_embed == first.of - 40
    assert first.sides[1].seconds is not None
    monkeypatch.setattr("pipeline.steps.encoder_comparison._compare", None)
    again = Project(project.settings, encoder=lambda: pytest.fail("an encoder was loaded"))
    assert compared(again, sample=40) == first


def test_images_of_pairs_are_in_the_sample_first_and_a_tiny_category_is_refused(
    project: Project, tmp_path: Path
) -> None:
    every = draw_sample(project, "bollards", 1000, 0)
    wanted = every[-10:]
    drawn = draw_sample(project, "bollards", 24, 0, wanted)
    assert len(drawn) == 24
    assert set(wanted) <= set(drawn)
    assert drawn == draw_sample(project, "bollards", 24, 0, wanted) != draw_sample(project, "bollards", 24, 1, wanted)
    few = write_library(tmp_path / "few", images=5, cars=0, workers=1)
    small = opened(few, tmp_path / "small", LITE0)
    run(small, ["bollards"])
    with pytest.raises(TooFewImagesError, match="from 8 on"):
        compared(small)


def side(spec: str, *per_draw: float) -> Side:
    none = PairScore(0, 0, None, None)
    return Side(spec, False, 3, 0.0, sum(per_draw) / len(per_draw), list(per_draw), none, none, 0, 0, 0, 0, [], 1, 0, 0)


def test_better_is_only_what_agrees_better_in_every_draw() -> None:
    assert better([side("a", 0.8, 0.9), side("b", 0.7, 0.8)]) == "a"
    assert better([side("a", 0.8, 0.8), side("b", 0.9, 0.95)]) == "b"
    assert better([side("a", 0.8, 0.9), side("b", 0.9, 0.8)]) is None
    assert better([side("a", 0.8, 0.8), side("b", 0.801, 0.801)]) is None
