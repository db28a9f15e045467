"""Nodes of a Ray cluster that are killed: nothing is lost, nothing is there twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.executors.ray_pool import RayPool
from pipeline.adapters.executors.worker import EmbeddingWorker
from tests.steps.distributed_library import Library, picture, run, stored

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(1800)]
PICTURES, KEYS_PER_TASK = 96, 32  # so that a result is too large for Ray to send it with the answer


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

    def mend(self) -> None:
        """In the main thread, which alone may start a node."""
        while len(self.nodes) < 2:
            self.nodes.append(self.add())

    def close(self) -> None:
        self.ray.shutdown()
        self._cluster.shutdown()


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
