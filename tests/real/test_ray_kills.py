"""Workers, machines and drivers of a Ray cluster that are killed: nothing is lost, nothing is there twice.

What belongs here: chosen moments, and random ones drawn from a seed. Not here: workers that die of their work
(`test_ray.py`).

    IMAGE_CLUSTER_CAMPAIGN=10 IMAGE_CLUSTER_CAMPAIGN_IMAGES=FOLDER pytest -s tests/real/test_ray_kills.py

kills ten of each over the images of a folder and prints what `docs/scale.md` tells.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.adapters.executors.ray_pool import RayPool
from pipeline.adapters.executors.worker import EmbeddingWorker
from pipeline.steps.project import Project
from tests.real.campaign import told
from tests.steps.distributed_library import Library, picture, results, run, stored

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
TIMES = int(os.environ.get("IMAGE_CLUSTER_CAMPAIGN", "1"))
IMAGES = os.environ.get("IMAGE_CLUSTER_CAMPAIGN_IMAGES", "")
PICTURES, KEYS_PER_TASK = 96, 32  # so that a result is too large for Ray to send it with the answer
KEYS, CHUNK = 8, 24  # many tasks, and many moments at which a driver stores
# The driver that is killed. It starts its workers first, so that the moment falls into the work; it tells how long that
# took if it was not killed.
DRIVER = """
import os, signal, sys, threading, time
from pathlib import Path
import yaml
from pipeline.settings import Settings
from pipeline.steps.distributed import workers_of
from pipeline.steps.project import Project
from tests.steps.distributed_library import run
project = Project(Settings.model_validate(yaml.safe_load(Path(sys.argv[1]).read_text())))
workers_of(project, embed=True)
threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
started = time.monotonic()
run(project)
print(time.monotonic() - started, flush=True)
os._exit(0)
"""


class Cluster:
    """A head without cores, which the driver is on, and nodes with one worker each."""

    def __init__(self, ray: Any) -> None:
        from ray.cluster_utils import Cluster as Local

        self.ray = ray
        self._cluster = Local(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        self.address: str = self._cluster.address
        self.nodes = [self.add() for _ in range(2)]
        ray.init(address=self.address, log_to_driver=False, configure_logging=False)

    def add(self) -> Any:
        return self._cluster.add_node(num_cpus=1)

    def kill_node(self, number: int) -> None:
        """The other node goes on alone, until `mend`."""
        self._cluster.remove_node(self.nodes.pop(number), allow_graceful=False)

    def kill_some_node(self, rng: random.Random) -> None:
        self.kill_node(rng.randrange(len(self.nodes)))

    def kill_worker(self, rng: random.Random) -> None:
        """One that is there; none is while all of them start anew."""
        if pids := self.workers():
            os.kill(rng.choice(pids), signal.SIGKILL)

    def workers(self) -> list[int]:
        """The processes of workers on these nodes."""
        raylets = {str(node.all_processes["raylet"][0].process.pid) for node in self.nodes}
        return [
            int(path.name) for path in Path("/proc").iterdir()
            if path.name.isdigit() and _is_worker(path, raylets)
        ]  # fmt: skip

    def mend(self) -> None:
        """In the main thread, which alone may start a node."""
        while len(self.nodes) < 2:
            self.nodes.append(self.add())

    def close(self) -> None:
        self.ray.shutdown()
        self._cluster.shutdown()


def _is_worker(process: Path, raylets: set[str]) -> bool:
    try:
        title, stat = (process / "cmdline").read_bytes(), (process / "stat").read_text()
    except OSError:  # it has ended meanwhile
        return False
    return title.startswith(b"ray::EmbeddingWorker") and stat.rpartition(")")[2].split()[1] in raylets


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(ray)
        yield made
        made.close()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path)
    if IMAGES:
        shutil.copytree(IMAGES, made.folder / "photographs")
    else:
        for seed in range(100, 100 + PICTURES):
            picture(seed).save(made.folder / f"c-{seed}.png")
    return made


@pytest.fixture
def pool(cluster: Cluster, library: Library) -> Iterator[RayPool]:
    assert cluster.ray.is_initialized()
    fingerprint = EmbeddingWorker(library.setup()).identity().fingerprint
    params = library.project("ray", workers=2).settings.execution.ray
    made = RayPool(library.setup(), params, fingerprint=fingerprint, notice=lambda _: None)
    yield made
    made.close()


def test_results_that_are_lost_with_their_node_are_computed_again(
    library: Library, pool: RayPool, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes die when a task is done and its result is not yet here."""
    wait, killed = cluster.ray.wait, list[bool]()

    def and_then_all_nodes_die(refs: list[Any], **options: Any) -> Any:
        ready, rest = wait(refs, fetch_local=False, **options)
        if ready and not killed and "num_returns" in options and options["timeout"] == 5.0:
            killed.append(True)
            cluster.kill_node(0)
            cluster.kill_node(0)
            cluster.mend()
        return ready, rest

    monkeypatch.setattr(cluster.ray, "wait", and_then_all_nodes_die)
    project = library.project("ray", keys_per_task=KEYS_PER_TASK)
    run(project, pool)
    assert killed
    assert pool.work.lost > 0
    local = library.project("local", keys_per_task=KEYS_PER_TASK)
    run(local)
    assert stored(project) == stored(local)


def small(library: Library, engine: str, data: str | None = None, **ray: Any) -> Project:
    return library.project(engine, data, chunk_size=CHUNK, keys_per_task=KEYS, **ray)


@pytest.mark.parametrize("victim", ["worker", "machine"])
def test_after_a_kill_at_a_random_moment_the_run_ends_with_the_same_bytes(
    library: Library, pool: RayPool, cluster: Cluster, victim: str
) -> None:
    rng, local = random.Random(3), small(library, "local")  # the first moment falls into the work
    run(local)
    wanted, took = results(local), seconds_of(lambda: run(small(library, "ray", "whole"), pool))
    kill = cluster.kill_worker if victim == "worker" else cluster.kill_some_node
    fell, lost = 0, 0
    for trial in range(TIMES):
        until_both_work(cluster, pool)
        project = small(library, "ray", f"trial{trial}")
        timer = threading.Timer(rng.uniform(0, took), kill, [rng])
        timer.start()
        took = min(took, seconds_of(lambda done=project: run(done, pool)))  # a busy machine is slow at times
        fell += timer.finished.is_set()
        timer.join()
        lost += pool.work.lost
        cluster.mend()
        assert results(project) == wanted
    told(f"a {victim} killed at a random moment of a run", TIMES, TIMES, 0, images=len(wanted["rows"]),
         during_the_work=fell, tasks_done_again=lost, seconds_of_a_run=round(took, 1))  # fmt: skip


def test_a_driver_that_is_killed_at_random_moments_goes_on_until_all_is_there_once(
    library: Library, cluster: Cluster, tmp_path: Path
) -> None:
    rng, local = random.Random("driver"), small(library, "local")
    took = seconds_of(lambda: run(local))
    wanted, killed, kept = results(local), 0, list[int]()
    for trial in range(TIMES):
        project = small(library, "ray", f"trial{trial}", address=cluster.address)
        settings = tmp_path / f"trial{trial}.yaml"
        settings.write_text(yaml.safe_dump(project.settings.model_dump(mode="json")))
        code = drive(settings, rng.uniform(0, took))
        assert code in (0, -signal.SIGKILL)
        killed += code != 0
        kept.append(len(results(project)["vectors"]))
        assert drive(settings, 3600) == 0
        assert results(project) == wanted
    told("the driver killed at a random moment of a run", TIMES, TIMES, 0, images=len(wanted["rows"]),
         during_the_work=killed, vectors_kept=kept, seconds_of_a_run=round(took, 1))  # fmt: skip


def drive(settings: Path, seconds: float) -> int:
    """The exit code of a driver that is killed after so many seconds of work."""
    return subprocess.run(
        [sys.executable, "-c", DRIVER, str(settings), str(seconds)], cwd=ROOT, check=False, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).returncode  # fmt: skip


def seconds_of(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def until_both_work(cluster: Cluster, pool: RayPool) -> None:
    """A worker that was lost is admitted at the next tasks; here it is enough that its process is there."""
    deadline = time.monotonic() + 120
    while len(cluster.workers()) < pool.wanted:
        assert time.monotonic() < deadline, "a worker did not come back"
        time.sleep(0.1)
