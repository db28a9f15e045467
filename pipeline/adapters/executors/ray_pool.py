"""Workers as actors of a Ray cluster: started once, given tasks, replaced when they are lost.

What belongs here: everything that talks to Ray. Not here: what a worker does (`worker.py`), what becomes of the
outcomes (`steps/distributed.py`). Ray is imported when the first pool is made.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import polars as pl

from pipeline.adapters.executors.worker import EmbeddingWorker, Identity, TaskResult, WorkerSetup, versions
from pipeline.errors import ExecutionError, SettingsError
from pipeline.runtime.cpu import usable_cores
from pipeline.settings import RayParams

TASKS_PER_WORKER = 2  # one at work and one that waits, so that no worker idles while the driver stores
TASKS_AHEAD = 4  # per worker: finished ones that wait for a slow one before them
MOST_LOSSES = 3  # of workers by one task; then it is left to the caller
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


@dataclass
class _Tasks:
    """The tasks of one category, at most `most` of them between their origin and the caller."""

    coming: Iterator[_Task]
    most: int
    waiting: deque[_Task] = field(default_factory=deque[_Task])  # those that lost their worker
    running: dict[Ref, tuple[_Task, int]] = field(default_factory=dict[Ref, tuple[_Task, int]])  # with their worker
    done: dict[int, tuple[list[str], TaskResult | None]] = field(
        default_factory=dict[int, tuple[list[str], TaskResult | None]]
    )
    following: int = 0  # number of the task whose result comes next

    def next(self) -> _Task | None:
        """The task to hand out next; None if there is none, or if too many are under way."""
        if self.waiting:
            return self.waiting.popleft()
        return next(self.coming, None) if len(self.running) + len(self.done) < self.most else None

    def in_order(self) -> Iterator[tuple[list[str], TaskResult | None]]:
        """The results up to the first that is missing."""
        while self.following in self.done:
            yield self.done.pop(self.following)
            self.following += 1


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
        self.wanted = params.workers or max(1, _workers_that_fit(self._ray, params))
        remote = self._ray.remote(EmbeddingWorker).options(
            num_cpus=params.cpus_per_worker, num_gpus=params.gpus_per_worker, max_restarts=-1, max_task_retries=0
        )
        self._actors = [remote.remote(setup) for _ in range(self.wanted)]
        self._starting: dict[Ref, int] = {}
        for number in range(self.wanted):
            self._ask_identity(number)
        self._ready: set[int] = set()
        self._category: tuple[Ref, Ref] | None = None
        self._await_first()

    def start_category(self, contents: pl.DataFrame, with_vector: frozenset[str]) -> None:
        """What is known of the category whose keys come next; see `EmbeddingWorker.start_category`."""
        self.work = Work()
        self._category = (self._ray.put(contents), self._ray.put(with_vector))
        for number in self._ready:
            self._actors[number].start_category.remote(*self._category)

    def results(self, tasks: Iterable[list[str]]) -> Iterator[tuple[list[str], TaskResult | None]]:
        """The keys of each task and its result, in their order; None where it lost its workers too often.

        Tasks that are handed out, at work or finished and not yet taken are bounded by the number of workers.
        """
        numbered = (_Task(number, keys) for number, keys in enumerate(tasks))
        state = _Tasks(numbered, TASKS_AHEAD * self.wanted)
        while True:
            yield from state.in_order()
            self._admit_started()
            self._hand_out(state)
            if state.running:
                self._collect(state)
            elif self._ready:
                return
            else:
                self._await_first()

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

    def _hand_out(self, tasks: _Tasks) -> None:
        load = Counter(worker for _, worker in tasks.running.values())
        while self._ready:
            worker = min(self._ready, key=lambda number: (load[number], number))
            if load[worker] >= TASKS_PER_WORKER or (task := tasks.next()) is None:
                return
            tasks.running[self._actors[worker].embed.remote(task.keys)] = (task, worker)
            load[worker] += 1

    def _collect(self, tasks: _Tasks) -> None:
        """Wait for a task to end, or a worker to start. A task whose worker was lost waits for another one."""
        ready, _ = self._ray.wait([*tasks.running, *self._starting], num_returns=1, timeout=5.0)
        for ref in tasks.running.keys() & ready:
            task, worker = tasks.running.pop(ref)
            result = self._result(ref)
            if result is None:
                self._lose(worker, task)
            if result is None and task.losses < MOST_LOSSES:
                tasks.waiting.appendleft(task)
            else:
                tasks.done[task.number] = (task.keys, result)

    def _result(self, ref: Ref) -> TaskResult | None:
        """The result of a task that ended; None if its worker is gone, or the machine on which the result was kept."""
        gone = self._ray.exceptions
        try:
            result: TaskResult = self._ray.get(ref)
        except (gone.RayActorError, gone.ObjectLostError):
            return None
        self.work.tasks += 1
        self.work.seconds += result.seconds
        return result

    def _lose(self, worker: int, task: _Task) -> None:
        task.losses += 1
        self.work.lost += 1
        if worker in self._ready:
            self._ready.discard(worker)
            self._notice(f"A worker was lost; its {len(task.keys)} images are done again by others.")
            self._ask_identity(worker)  # Ray starts it anew, perhaps on another machine

    def _ask_identity(self, number: int) -> None:
        self._starting[self._actors[number].identity.remote()] = number

    def _await_first(self) -> None:
        until = monotonic() + START_SECONDS
        while not self._ready:
            if monotonic() > until:
                raise ExecutionError(self._no_workers_that_fit())
            self._ray.wait(list(self._starting), num_returns=1, timeout=1.0)
            self._admit_started()

    def _admit_started(self) -> None:
        """Give tasks to workers that have come up, after a look at who they are."""
        if not self._starting:
            return
        ready, _ = self._ray.wait(list(self._starting), num_returns=len(self._starting), timeout=0)
        for ref in ready:
            number = self._starting.pop(ref)
            try:
                identity: Identity = self._ray.get(ref)
            except self._ray.exceptions.RayActorError:
                self._ask_identity(number)
                continue
            self._check(identity)
            if self._category is not None:
                self._actors[number].start_category.remote(*self._category)
            self._ready.add(number)

    def _check(self, worker: Identity) -> None:
        if worker.problem:
            raise ExecutionError(f"The worker on {worker.node} cannot work: {worker.problem}.")
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

    def _no_workers_that_fit(self) -> str:
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
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, ray.exceptions.AuthenticationError) as error:
        if _wants_token(error):
            raise ExecutionError(
                f"The Ray cluster at {params.address or 'this machine'} wants its token. Set RAY_AUTH_MODE=token here, "
                "and put the token of its machines into RAY_AUTH_TOKEN or ~/.ray/auth_token (`ray get-auth-token` "
                "shows it there)."
            ) from error
        raise ExecutionError(
            f"No Ray cluster answers at {params.address or 'this machine'}: {error}. Start one with "
            "`ray start --head`, or correct execution.ray.address."
        ) from error
    return True


def _wants_token(error: BaseException) -> bool:
    """Whether a cluster was refused for its token; Ray says so only in what an error was raised from."""
    chain: BaseException | None = error
    while chain is not None:
        if "AuthenticationError" in type(chain).__name__ or "InvalidAuthToken" in str(chain):
            return True
        chain = chain.__cause__ or chain.__context__
    return False


def _workers_that_fit(ray: Any, params: RayParams) -> int:
    """How many workers fit on the cluster as it is."""
    has = ray.cluster_resources()
    return int(min(
        has.get(name, 0) // each
        for name, each in (("CPU", params.cpus_per_worker), ("GPU", params.gpus_per_worker)) if each > 0
    ))  # fmt: skip
