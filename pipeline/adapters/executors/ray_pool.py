"""Workers as actors of a Ray cluster: started once, given tasks, replaced when they are lost.

What belongs here: everything that talks to Ray. Not here: what a worker does (`worker.py`), what becomes of the
outcomes (`steps/distributed.py`). Ray is imported when the first pool is made.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import polars as pl

from pipeline.adapters.executors.worker import EmbeddingWorker, Identity, TaskResult, WorkerSetup, versions
from pipeline.errors import ExecutionError, SettingsError
from pipeline.runtime.cpu import usable_cores
from pipeline.settings import RayParams

TASKS_PER_WORKER = 2  # one at work and one that waits, so that no worker idles while the driver stores
TASKS_AHEAD = 4  # per worker: finished ones that wait for a slow one before them
LOST = 3  # times that a task may lose its worker before this process does it itself
START_SECONDS = 300.0  # until the first worker is there: a cluster may have to start a machine
Ref = Any  # an ObjectRef of Ray


@dataclass
class Work:
    """What the workers did for one category: seconds at work of all together, and tasks that lost their worker."""

    seconds: float = 0.0
    tasks: int = 0
    lost: int = 0


@dataclass
class _Task:
    number: int
    keys: list[str]
    losses: int = 0


class RayPool:
    """Some workers. `results` gives them tasks; `close` ends them, and the Ray that the pool started."""

    def __init__(
        self, setup: WorkerSetup, params: RayParams, *, fingerprint: str, notice: Callable[[str], None]
    ) -> None:
        """Start the workers, wait for the first, and refuse those that would compute something else.

        Raises `SettingsError` without Ray, `ExecutionError` if no cluster answers, if it has no room for one worker, or
        if a worker cannot read the source or has another encoder (`fingerprint`) or other versions.
        """
        self.work, self._notice, self._fingerprint = Work(), notice, fingerprint
        self._ray = _imported()
        self._started_ray = _connect(self._ray, params)
        self._params, self._setup = params, setup
        self.wanted = params.workers or max(1, _room(self._ray, params))
        remote = self._ray.remote(EmbeddingWorker).options(
            num_cpus=params.cpus_per_worker, num_gpus=params.gpus_per_worker, max_restarts=-1, max_task_retries=0
        )
        self._actors = [remote.remote(setup) for _ in range(self.wanted)]
        self._starting: dict[Ref, int] = {}
        for number in range(self.wanted):
            self._introduce(number)
        self._ready: set[int] = set()
        self._knows: tuple[Ref, Ref] | None = None
        self._await_first()

    def know(self, contents: pl.DataFrame, with_vector: frozenset[str]) -> None:
        """What is known of the category whose keys come next; see `EmbeddingWorker.know`."""
        self.work = Work()
        self._knows = (self._ray.put(contents), self._ray.put(with_vector))
        for number in self._ready:
            self._actors[number].know.remote(*self._knows)

    def results(self, tasks: Iterable[list[str]]) -> Iterator[tuple[list[str], TaskResult | None]]:
        """The keys of each task and its result, in their order; None where it lost its workers too often.

        Tasks that are handed out, at work or finished and not yet taken are bounded by the number of workers.
        """
        coming, waiting = enumerate(tasks), deque[_Task]()
        running: dict[Ref, tuple[_Task, int]] = {}
        done: dict[int, tuple[list[str], TaskResult | None]] = {}
        following, ended = 0, False
        while True:
            while following in done:
                yield done.pop(following)
                following += 1
            self._welcome()
            load = Counter(worker for _, worker in running.values())
            while free := [number for number in sorted(self._ready) if load[number] < TASKS_PER_WORKER]:
                ahead = len(running) + len(done) + len(waiting)
                if not waiting and not ended and ahead < TASKS_AHEAD * self.wanted:
                    number, keys = next(coming, (-1, []))
                    ended = number < 0
                    if not ended:
                        waiting.append(_Task(number, keys))
                if not waiting:
                    break
                worker, task = min(free, key=lambda number: load[number]), waiting.popleft()
                running[self._actors[worker].embed.remote(task.keys)] = (task, worker)
                load[worker] += 1
            if not running and not self._ready:
                self._await_first()
                continue
            if not running and ended and not waiting:
                while following in done:
                    yield done.pop(following)
                    following += 1
                return
            for task, result in self._finished(running):
                if result is None and task.losses < LOST:
                    waiting.appendleft(task)
                else:
                    done[task.number] = (task.keys, result)

    @property
    def size(self) -> int:
        """How many workers are there now."""
        return len(self._ready)

    def close(self) -> None:
        """End the workers."""
        for actor in self._actors:
            self._ray.kill(actor, no_restart=True)
        self._actors, self._ready = [], set()
        if self._started_ray:
            self._ray.shutdown()

    def _finished(self, running: dict[Ref, tuple[_Task, int]]) -> Iterator[tuple[_Task, TaskResult | None]]:
        """Tasks that ended meanwhile; without a result if the worker was lost."""
        ready, _ = self._ray.wait([*running, *self._starting], num_returns=1, timeout=5.0)
        for ref in ready:
            if ref not in running:
                continue
            task, worker = running.pop(ref)
            try:
                result: TaskResult = self._ray.get(ref)
            except self._ray.exceptions.RayActorError:
                self._lose(worker, task)
                yield task, None
                continue
            self.work.tasks += 1
            self.work.seconds += result.seconds
            yield task, result

    def _lose(self, worker: int, task: _Task) -> None:
        task.losses += 1
        self.work.lost += 1
        if worker in self._ready:
            self._ready.discard(worker)
            self._notice(f"A worker was lost; its {len(task.keys)} images are done again by others.")
            self._introduce(worker)  # Ray starts it anew, perhaps on another machine

    def _introduce(self, number: int) -> None:
        self._starting[self._actors[number].identity.remote()] = number

    def _await_first(self) -> None:
        until = monotonic() + START_SECONDS
        while not self._ready:
            if monotonic() > until:
                raise ExecutionError(self._no_room())
            self._ray.wait(list(self._starting), num_returns=1, timeout=1.0)
            self._welcome()

    def _welcome(self) -> None:
        """Give tasks to workers that have come up, after a look at who they are."""
        if not self._starting:
            return
        ready, _ = self._ray.wait(list(self._starting), num_returns=len(self._starting), timeout=0)
        for ref in ready:
            number = self._starting.pop(ref)
            try:
                identity: Identity = self._ray.get(ref)
            except self._ray.exceptions.RayActorError:
                self._introduce(number)
                continue
            self._check(identity)
            if self._knows is not None:
                self._actors[number].know.remote(*self._knows)
            self._ready.add(number)

    def _check(self, worker: Identity) -> None:
        if worker.trouble:
            raise ExecutionError(f"The worker on {worker.node} cannot work: {worker.trouble}.")
        ours = versions()
        other = [f"{name} {has} (here {ours[name]})" for name, has in worker.versions.items() if has != ours[name]]
        if other:
            raise ExecutionError(
                f"The worker on {worker.node} has other versions: {', '.join(other)}. Its vectors could differ. "
                "Install the same requirements.lock on every machine."
            )
        if worker.fingerprint != self._fingerprint:
            raise ExecutionError(
                f"The worker on {worker.node} has another encoder behind {self._setup.encoder.spec}: fingerprint "
                f"{worker.fingerprint}, here {self._fingerprint}. Put the same weights on every machine."
            )

    def _no_room(self) -> str:
        has = self._ray.cluster_resources()
        return (
            f"No worker started within {START_SECONDS:g} s. A worker needs {self._params.cpus_per_worker:g} CPUs and "
            f"{self._params.gpus_per_worker:g} GPUs; the cluster has {has.get('CPU', 0):g} CPUs and "
            f"{has.get('GPU', 0):g} GPUs in all. Lower execution.ray.cpus_per_worker or gpus_per_worker, or add "
            "machines."
        )


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise SettingsError(
            "execution.engine is ray, but Ray is not installed. Install it: pip install 'image-cluster[ray]'."
        ) from error
    return ray


def _connect(ray: Any, params: RayParams) -> bool:
    """Connect to the cluster, or start one of this machine; whether it was started."""
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    where: dict[str, Any] = {"address": params.address} if params.address else {
        "include_dashboard": False, "num_cpus": usable_cores()
    }  # fmt: skip
    try:
        ray.init(log_to_driver=False, configure_logging=False, **where)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ExecutionError(
            f"No Ray cluster answers at {params.address or 'this machine'}: {error}. Start one with "
            "`ray start --head`, or correct execution.ray.address."
        ) from error
    return True


def _room(ray: Any, params: RayParams) -> int:
    """How many workers fit on the cluster as it is."""
    has = ray.cluster_resources()
    return int(min(
        has.get(name, 0) // each
        for name, each in (("CPU", params.cpus_per_worker), ("GPU", params.gpus_per_worker)) if each > 0
    ))  # fmt: skip
