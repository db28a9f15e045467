"""The encoder of one category: chosen, worked with, told otherwise for one run, and taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.demo.bollards import write_library
from pipeline.errors import DecisionError
from pipeline.settings import Settings
from pipeline.steps.encoder_choice import choose_encoder, encoder_choice, encoders_here, for_search
from pipeline.steps.project import Project
from pipeline.steps.run import run
from pipeline.steps.search import find_similar

LITE0, GEM = "packaged:efficientnet_lite0", "packaged:efficientnet_lite0_gem"
BOTH = ["bollards", "follow-cars"]


@pytest.fixture(scope="module")
def bollards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_library(tmp_path_factory.mktemp("demo") / "library", images=40, cars=8, workers=1)


@pytest.fixture
def project(bollards: Path, tmp_path: Path) -> Iterator[Project]:
    values = {"data_dir": tmp_path / "data", "source": {"url": str(bollards)}, "encoder": {"device": "cpu"}}
    made = Project(Settings.model_validate(values))
    run(made, BOTH)
    yield made
    made.curation.close()


def members(project: Project) -> dict[str, tuple[str | None, frozenset[str]]]:
    return {one.id: (one.name, one.members) for one in project.curation.curated("bollards").clusters.values()}


def test_another_encoder_is_used_from_the_next_run_on_for_that_category_alone_and_taken_back_without_embedding(
    project: Project,
) -> None:
    for number, cluster in enumerate(members(project)):
        project.curation.decide("bollards", d.Rename(cluster=cluster, name=f"Post {number}"), actor="ann")
    before = members(project)
    event = choose_encoder(project, "bollards", GEM, actor="ann", why="it tells caps apart")
    assert event is not None
    now = encoder_choice(project, "bollards")
    assert (now.spec, now.settings, now.embedded, now.pending) == (GEM, LITE0, LITE0, True)
    assert choose_encoder(project, "bollards", GEM, actor="ann") is None
    done = {one.slug: one.summary()["embedded"] for one in run(project, BOTH).finished}
    assert done == {"bollards": 40, "follow-cars": 0}
    assert not encoder_choice(project, "bollards").pending
    assert encoder_choice(project, "follow-cars").spec == LITE0
    assert run(project, ["bollards"]).finished[0].nothing_new

    project.curation.undo("bollards", event.number, actor="ben")
    assert encoder_choice(project, "bollards").pending
    again = {one.slug: one.summary()["embedded"] for one in run(project, BOTH).finished}
    assert again == {"bollards": 0, "follow-cars": 0}
    assert members(project) == before


def test_a_run_that_was_told_an_encoder_overrides_the_decision(project: Project) -> None:
    choose_encoder(project, "bollards", GEM, actor="ann")
    told = Project(project.settings, encoder_given=True)
    assert encoder_choice(told, "bollards").spec == LITE0
    assert run(told, ["bollards"]).finished[0].summary()["embedded"] == 0
    told.curation.close()
    assert choose_encoder(project, "bollards", None, actor="ann") is not None
    assert choose_encoder(project, "bollards", None, actor="ann") is None
    assert encoder_choice(project, "bollards").spec == LITE0


def test_only_an_encoder_that_is_here_can_be_chosen(project: Project) -> None:
    assert {LITE0, GEM} <= set(encoders_here(project, "bollards"))
    for spec in ("open_clip:ViT-B-16-SigLIP2/webli", "timm:resnet18@/etc/passwd", "packaged:nothing"):
        with pytest.raises(DecisionError, match="is not here"):
            choose_encoder(project, "bollards", spec, actor="ann")


def test_a_search_uses_the_encoder_that_the_category_was_embedded_with(project: Project, bollards: Path) -> None:
    choose_encoder(project, "bollards", GEM, actor="ann")
    run(project, ["bollards"])
    picture = next((bollards / "bollards").rglob("*.webp"))
    assert for_search(project, ["bollards"]).settings.encoder.spec == GEM
    assert for_search(project, ["follow-cars"]).settings.encoder.spec == LITE0
    best = find_similar(project, str(picture), category="bollards", top_k=1)[0]
    assert best["key"].endswith(picture.name)
    assert best["score"] > 0.999
