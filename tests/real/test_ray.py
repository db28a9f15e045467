"""Workers on a real Ray of this machine: the same results, even if they die, and refusals by name."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.executors import ray_pool
from pipeline.adapters.executors.ray_pool import RayPool
from pipeline.adapters.executors.worker import EmbeddingWorker, Identity, TaskResult
from pipeline.errors import ExecutionError
from tests.steps.distributed_library import Library, run, stored

pytestmark = [pytest.mark.real, pytest.mark.slow]


class DiesOnce(EmbeddingWorker):
    """Dies in the middle of its first task of all."""

    def embed(self, keys: list[str]) -> TaskResult:
        flag = Path(os.environ["IMAGE_CLUSTER_CACHE"]) / "died-once"
        if not flag.exists():
            flag.touch()
            os._exit(1)
        return super().embed(keys)


class DiesOfOne(EmbeddingWorker):
    """Dies of one file, as of a codec that crashes."""

    def embed(self, keys: list[str]) -> TaskResult:
        if "posts/a-5.png" in keys:
            os._exit(1)
        return super().embed(keys)


class Other(EmbeddingWorker):
    """Has another version of a library."""

    def identity(self) -> Identity:
        mine = super().identity()
        return Identity(mine.node, mine.device, mine.fingerprint, {**mine.versions, "pillow": "1.0"})


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Ray of this machine. It writes a token into the home of its user."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
        yield ray
        ray.shutdown()


@pytest.fixture
def on_ray(
    cluster: Any, library: Library, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[type[EmbeddingWorker]], RayPool]]:
    pools: list[RayPool] = []
    fingerprint = EmbeddingWorker(library.setup()).identity().fingerprint

    def start(kind: type[EmbeddingWorker]) -> RayPool:
        assert cluster.is_initialized()
        monkeypatch.setattr(ray_pool, "EmbeddingWorker", kind)
        params = library.project("ray", workers=2).settings.execution.ray
        pools.append(RayPool(library.setup(), params, fingerprint=fingerprint, notice=lambda _: None))
        return pools[-1]

    yield start
    for pool in pools:
        pool.close()


@pytest.mark.parametrize("kind", [EmbeddingWorker, DiesOnce, DiesOfOne])
def test_two_workers_on_ray_store_the_same_even_if_they_die(
    kind: type[EmbeddingWorker], library: Library, on_ray: Callable[..., RayPool]
) -> None:
    project, pool = library.project("ray"), on_ray(kind)
    run(project, pool)
    local = library.project("local")
    run(local)
    assert stored(project) == stored(local)
    assert bool(pool.work.lost) == (kind is not EmbeddingWorker)


def test_a_worker_with_other_versions_is_refused_by_name(on_ray: Callable[..., RayPool]) -> None:
    with pytest.raises(ExecutionError, match=r"pillow 1\.0 \(here"):
        on_ray(Other)


def test_a_cluster_without_room_for_a_worker_is_said_so(
    cluster: Any, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.is_initialized()
    monkeypatch.setattr(ray_pool, "START_SECONDS", 1.0)
    params = library.project("ray", gpus_per_worker=8, workers=1).settings.execution.ray
    with pytest.raises(ExecutionError, match="8 GPUs; the cluster has 2 CPUs and 0 GPUs"):
        RayPool(library.setup(), params, fingerprint="", notice=lambda _: None)
