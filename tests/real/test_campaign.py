"""A campaign against one data directory: killed at random moments, disks that fill at every write, mutated images.

What belongs here: trials that are drawn by chance from a seed, and their count. Not here: chosen moments and kinds of
damage (`tests/steps/test_doctor.py`, `test_decision_guard.py`).

    IMAGE_CLUSTER_CAMPAIGN=10 pytest -s tests/real/test_campaign.py

runs ten times as many trials and prints what `docs/appendix/reliability.md` tells.
"""

import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.each import raise_failures
from pipeline.steps.published_sets import accept, candidates
from pipeline.steps.run import run
from pipeline.storage import artifacts, files
from tests.odd_images import mutated
from tests.real.campaign import bench, curated_names, decided, faults, names_by_id, published, told
from tests.steps.named_library import Bench
from tests.steps.test_run import add

__all__ = ["bench", "published"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(3600)]

TIMES = int(os.environ.get("IMAGE_CLUSTER_CAMPAIGN", "1"))
ROOT = Path(__file__).parents[2]
KILLS, MUTATIONS = 20 * TIMES, 60 * TIMES
EVERY_WRITE = 5 if TIMES == 1 else 1  # every n-th write meets a full disk
# The process that is killed: a command of the command line, with an encoder that needs no model. It loads everything
# first, so that the moment falls into the work. It tells how long it took if it was not killed.
WORK = """
import os, signal, sys, threading, time
import pipeline.cli
import pipeline.adapters.buckets, pipeline.stages.images.decode, pipeline.stages.similarity.index
import pipeline.steps.backup, pipeline.steps.doctor.checkup, pipeline.steps.run, pipeline.steps.tune
from pipeline.steps.project import Project
from tests.fakes import MeanColourEncoder
Project.load_encoder = lambda self: MeanColourEncoder()
threading.Timer(float(sys.argv[1]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
started = time.monotonic()
try:
    pipeline.cli.main(sys.argv[2:], standalone_mode=False)
finally:
    print("took", time.monotonic() - started, flush=True)
    sys.stdout.flush()
    os._exit(0)
"""
OTHER_TRIALS = ("run", "run", "run", "run")  # the command that does most is killed most


def commands(bench: Bench, trial: int, before: int) -> dict[str, list[str]]:
    """The commands that write, and a few that only read; each may end by itself with an error of its own.

    What was decided `before` the campaign is not undone.
    """
    last = bench.project().curation.log.last("posts")
    images = bench.project().store.require("posts", "images").table("images", IMAGES_SCHEMA)
    one, other = images["key"].to_list()[:2]
    cluster = bench.document("posts")["clusters"][0]["id"]
    out = bench.data.parent
    return {
        "run": ["run"],
        "cluster": ["cluster"],
        "publish": ["publish"],
        "tag": ["clusters", "tag", f"t{trial}", one],
        "untag": ["clusters", "untag", f"t{trial - 1}", one],
        "describe": ["clusters", "describe", cluster, f"text {trial}"],
        "note": ["clusters", "note", cluster, f"remark {trial}"],
        "create": ["clusters", "create", f"Own {trial}", other],
        "undo": ["clusters", "undo", str(last)] if last > before else ["changes"],
        "rollback": ["rollback", "--category", "posts"],
        "backup": ["backup"],
        "backup to a file": ["backup", str(out / f"copy{trial}.sqlite3")],
        "restore": ["restore", "latest"],
        "export": ["export", "--as", "folders", "--to", str(out / f"export{trial}")],
        "download": ["download", "--to", str(out / "originals")],
        "duplicates": ["duplicates"],
        "doctor": ["doctor"],
        "doctor --repair": ["doctor", "--repair"],
        "tune": ["tune"],
        "changes": ["changes"],
    }


def test_killed_at_random_moments_nothing_is_lost_and_the_directory_is_sound(bench: Bench, tmp_path: Path) -> None:
    rng = random.Random(13)
    before, events = curated_names(bench), decided(bench)
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"data_dir: {bench.data}\nsource: {{url: {bench.library}}}\nreduced: {{method: pca}}\n"
        "labels: {recluster: always}\npublished: {guard: {enabled: false}}\n"
    )
    killed, tried, swept = Counter[str](), Counter[str](), 0
    longest = dict[str, float]()
    for trial in range(KILLS):
        words = commands(bench, trial, len(events))
        name = rng.choice([*words, *OTHER_TRIALS])
        add(bench.library, f"posts/de/{200 + trial}-800w.png", ("red", "green", "blue")[trial % 3], 200 + trial)
        seconds = rng.uniform(0.0, longest.get(name, 1.5))
        ended = subprocess.run(
            [sys.executable, "-c", WORK, str(seconds), *words[name], "--settings", str(settings)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert ended.returncode in (0, -9), ended.stderr
        assert "Traceback" not in ended.stderr, ended.stderr
        tried[name] += 1
        killed[name] += ended.returncode == -9
        if took := re.search(r"^took ([0-9.]+)\n", ended.stdout, re.MULTILINE):  # a kill may cut the line
            longest[name] = min(longest.get(name, 60.0), float(took[1]))
        left = faults(bench)
        assert {one.check for one in left} <= {"leftovers"}, (name, left)
        swept += len(left)
        assert faults(bench, repair=True) == []
        names = curated_names(bench)
        assert {cluster: names[cluster] for cluster in before} == before, name
        assert decided(bench)[: len(events)] == events, name
    bench.run()
    if waiting := candidates(bench.project(), ["posts"]):  # after a rollback a person accepts the next result
        accept(bench.project(), "posts", waiting["posts"].version)
    assert faults(bench) == []
    assert {name: names_by_id(bench)[name] for name in before} == before
    deaths = sum(killed.values())
    told("killed at a random moment of a command", KILLS, KILLS, 0, killed=deaths, commands=len(tried),
         of_each=dict(tried), killed_of_each=dict(killed), leftovers_swept=swept)  # fmt: skip


class FullDisk:
    """Our own file layer on a disk that is full from the n-th write on."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.writes, self.full_at = 0, -1
        self.needed = 0  # writes up to the last one that a run cannot do without: a cache may be lost without a word
        whole = files.write_atomically
        self._patch_everywhere(patch, "write_atomically", self._counting(whole))
        self._patch_everywhere(patch, "sync_file", self._counting(files.sync_file))

    def _counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def write(path: Path, *rest: object) -> Any:
            self.writes += 1
            self.needed = self.needed if "cache" in path.parts else self.writes
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
    writes, tried = disk.needed, 0
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
