"""What the campaigns and situations share: the library that is harmed, and what must hold of it afterwards.

What belongs here: the bench and what is compared. Not here: the trials (`test_campaign.py`, `test_kill_points.py`,
`test_situations.py`).
"""

import shutil
from pathlib import Path

import pytest

from pipeline.steps.doctor.checkup import examine
from pipeline.steps.doctor.finding import Finding
from tests.steps.named_library import Bench, published_library


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 images of three kinds, published twice, with a name for each kind."""
    root = tmp_path_factory.mktemp("published")
    published_library(root)
    return root


@pytest.fixture
def bench(published: Path, tmp_path: Path) -> Bench:
    shutil.copytree(published, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Bench(tmp_path / "library", tmp_path / "data")


def faults(bench: Bench, *, repair: bool = False) -> list[Finding]:
    return [one for one in examine(bench.project(), repair=repair) if one.state == "fault"]


def names_by_id(bench: Bench) -> dict[str, str | None]:
    return {one["id"]: one["name"] for one in bench.document("posts")["clusters"]}


def curated_names(bench: Bench) -> dict[str, str | None]:
    """Cluster id → name as of now, whatever readers see: after a rollback they see an older set."""
    project = bench.project()
    try:
        return project.curation.curated("posts").names
    finally:
        project.curation.close()


def decided(bench: Bench) -> list[tuple[int, str]]:
    """Every event; those of the campaign itself come after those of before."""
    return [(one.number, repr(one.decision)) for one in bench.project().curation.log.events("posts")]


def told(what: str, tried: int, survived: int, lost: int, **rest: object) -> None:
    """A line of the table in docs/reliability.md."""
    further = "".join(f", {name.replace('_', ' ')} {value}" for name, value in rest.items())
    print(f"\n{what}: tried {tried}, survived {survived}, lost {lost}{further}")
