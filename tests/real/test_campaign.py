"""A campaign against one data directory: killed at random moments, disks that fill at every write, mutated images.

What belongs here: trials that are drawn by chance from a seed, and their count. Not here: chosen moments and kinds of
damage (`tests/steps/test_doctor.py`, `test_decision_guard.py`).

    IMAGE_CLUSTER_CAMPAIGN=10 pytest -s tests/real/test_campaign.py

runs ten times as many trials and prints what `docs/reliability.md` tells.
"""

import errno
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.steps.doctor.checkup import examine
from pipeline.steps.doctor.finding import Finding
from pipeline.steps.each import raise_failures
from pipeline.steps.published_sets import accept, candidates
from pipeline.steps.run import run
from pipeline.storage import artifacts, files
from tests.odd_images import mutated
from tests.steps.named_library import Bench, published_library
from tests.steps.test_run import add

pytestmark = [pytest.mark.real, pytest.mark.timeout(3600)]

TIMES = int(os.environ.get("IMAGE_CLUSTER_CAMPAIGN", "1"))
ROOT = Path(__file__).parents[2]
KILLS, MUTATIONS = 8 * TIMES, 60 * TIMES
EVERY_WRITE = 5 if TIMES == 1 else 1  # every n-th write meets a full disk
# The process that is killed: it loads everything first, so that the moment falls into the work
WORK = """
import os, signal, sys, threading
from pathlib import Path
from pipeline.curation import decisions as d
from pipeline.steps.backup import backup
from pipeline.steps.published_sets import rollback
from pipeline.steps.run import run
from pipeline.steps.publish import publish
from tests.steps.named_library import Bench
import pipeline.adapters.buckets, pipeline.stages.images.decode, pipeline.stages.similarity.index
bench = Bench(Path(sys.argv[1]), Path(sys.argv[2]))
def recluster():
    project = bench.project()
    project.settings.labels.recluster = "always"
    run(project)
def tag():
    images = bench.project().store.require("posts", "images").folder
    import polars as pl
    image = pl.read_parquet(images / "images.parquet")["content_hash"][0]
    curation = bench.project().curation
    curation.decide("posts", d.Tag(images=(image,), tag=f"t{sys.argv[4]}"), actor="ann")
    publish(bench.project(), "posts")
def roll_back():
    rollback(bench.project(), "posts")
    bench.run()
works = {"run": bench.run, "tag": tag, "backup": lambda: backup(bench.project(), None), "rollback": roll_back}
print("ready", flush=True)
threading.Timer(float(sys.argv[5]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
works[sys.argv[3]]()
os._exit(0)
"""


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
    """Every event but the tags that the campaign itself decides."""
    events = bench.project().curation.log.events("posts")
    return [(one.number, repr(one.decision)) for one in events if one.decision.kind != "tag"]


def told(what: str, tried: int, survived: int, lost: int, **rest: object) -> None:
    """A line of the table in docs/reliability.md."""
    further = "".join(f", {name.replace('_', ' ')} {value}" for name, value in rest.items())
    print(f"\n{what}: tried {tried}, survived {survived}, lost {lost}{further}")


def test_killed_at_random_moments_nothing_is_lost_and_the_directory_is_sound(bench: Bench) -> None:
    rng = random.Random(13)
    before, events = curated_names(bench), decided(bench)
    killed, swept = Counter[str](), 0
    for trial in range(KILLS):
        work = rng.choice(["run", "run", "tag", "rollback", "backup"])
        add(bench.library, f"posts/de/{200 + trial}-800w.png", ("red", "green", "blue")[trial % 3], 200 + trial)
        seconds = rng.uniform(0.0, 1.2)
        ended = subprocess.run(
            [sys.executable, "-c", WORK, str(bench.library), str(bench.data), work, str(trial), str(seconds)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, capture_output=True,
        )  # fmt: skip
        assert ended.returncode in (0, -9), ended.stderr.decode()
        killed[work if ended.returncode else "ended before"] += 1
        left = faults(bench)
        assert {one.check for one in left} <= {"leftovers"}, left
        swept += len(left)
        assert faults(bench, repair=True) == []
        names = curated_names(bench)
        assert {name: names[name] for name in before} == before
        assert decided(bench) == events
    bench.run()
    if waiting := candidates(bench.project(), ["posts"]):  # after a rollback a person accepts the next result
        accept(bench.project(), "posts", waiting["posts"].version)
    assert faults(bench) == []
    assert {name: names_by_id(bench)[name] for name in before} == before
    told("killed at a random moment of a command", KILLS, KILLS, 0, moments=dict(killed), leftovers_swept=swept)


class FullDisk:
    """Our own file layer on a disk that is full from the n-th write on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.writes, self.full_at = 0, -1
        whole = files.write_atomically
        self._patch_everywhere(patch, "write_atomically", self._counting(whole))
        self._patch_everywhere(patch, "sync_file", self._counting(files.sync_file))

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def write(path: Path, *rest: object) -> Any:
            self.writes += 1
            if 0 <= self.full_at < self.writes:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            return function(path, *rest)

        return write

    @staticmethod
    def _patch_everywhere(patch: pytest.MonkeyPatch, name: str, function: Callable[..., Any]) -> None:
        for module in [one for key, one in sys.modules.items() if key.startswith("pipeline.")]:
            if getattr(module, name, None) is getattr(files, name) and module is not files:
                patch.setattr(module, name, function)


def test_a_disk_that_fills_at_any_write_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(300, 306):
        add(bench.library, f"posts/de/{seed}-800w.png", ("red", "green", "blue")[seed % 3], seed)
    whole = bench.data.with_name("whole")
    shutil.copytree(bench.data, whole, symlinks=True)
    before, events = names_by_id(bench), decided(bench)
    disk = FullDisk(monkeypatch)
    assert artifacts.write_atomically is not files.write_atomically
    bench.run()
    writes, tried = disk.writes, 0
    for full_at in range(0, writes, EVERY_WRITE):
        shutil.rmtree(bench.data)
        shutil.copytree(whole, bench.data, symlinks=True)
        disk.writes, disk.full_at = 0, full_at
        with pytest.raises(OSError, match="No space left"):
            finished(bench)
        disk.full_at = -1
        tried += 1
        assert names_by_id(bench) == before, "readers see what they saw"
        assert {one.check for one in faults(bench)} <= {"leftovers"}
        bench.run()
        assert {name: names_by_id(bench)[name] for name in before} == before
        assert decided(bench) == events
        assert faults(bench, repair=True) == []
    told("disk full at a write of a run", tried, tried, 0, writes_of_a_run=writes)


def finished(bench: Bench) -> None:
    done = run(bench.project())
    raise_failures(done.failures, len(done.finished))


def test_mutated_images_cost_a_row_each_at_most_and_every_one_is_accounted_for(bench: Bench) -> None:
    rng = random.Random(17)
    before = names_by_id(bench)
    for number in range(MUTATIONS):
        path = bench.library / "posts" / "mutated" / f"{number:05d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(mutated(rng))
    summary = bench.run()["posts"]
    assert summary["images"] == 36 + MUTATIONS
    assert summary["images"] == summary["clustered"] + summary["unclustered"] + summary["set_aside"]
    assert {name: names_by_id(bench)[name] for name in before} == before
    assert faults(bench) == []
    told("mutated images through one run", MUTATIONS, MUTATIONS, 0, set_aside=summary["set_aside"])


def test_the_campaign_is_the_same_each_time() -> None:
    first, second = (json.dumps([mutated(rng).hex() for _ in range(5)]) for rng in (random.Random(1), random.Random(1)))
    assert first == second
