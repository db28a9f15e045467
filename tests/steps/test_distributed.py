"""What workers read and embed is stored as if this process had done it, byte for byte."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pipeline.adapters.executors import ray_pool
from pipeline.adapters.executors.ray_pool import RayPool, Work
from pipeline.adapters.executors.worker import EmbeddingWorker, Identity, TaskResult, WorkerSetup
from pipeline.errors import EncoderError, ExecutionError
from pipeline.settings import ImageParams, Settings
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest, select_categories
from pipeline.steps.project import Project, Report
from tests.broken_codec import break_codec

SLUG, KEYS_PER_TASK = "posts", 4


def picture(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, size=(8, 8, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC)


class InThisProcess:
    """Stands where `RayPool` stands: one worker, without another process. The tasks of these numbers are lost."""

    def __init__(self, worker: EmbeddingWorker, lost: Iterable[int] = ()) -> None:
        self.worker, self.lost = worker, set(lost)
        self.vectors, self.size, self.work = 0, 1, Work()

    def start_category(self, contents: pl.DataFrame, with_vector: frozenset[str]) -> None:
        self.worker.start_category(contents, with_vector)

    def results(self, tasks: Iterable[list[str]]) -> Iterator[tuple[list[str], TaskResult | None]]:
        for number, keys in enumerate(tasks):
            result = None if number in self.lost else self.worker.embed(keys)
            if result is not None:
                self.vectors += sum(outcome.vector is not None for outcome in result.outcomes)
            yield keys, result


class Library:
    """A folder of pictures: plain ones, a copy, one with other bytes and the same pixels, and one that is damaged."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "library" / SLUG
        self.folder.mkdir(parents=True)
        for seed in range(10):
            picture(seed).save(self.folder / f"a-{seed}.png")
        shutil.copy(self.folder / "a-1.png", self.folder / "b-copy.png")
        picture(2).save(self.folder / "b-same-pixels.png", compress_level=0)
        (self.folder / "b-damaged.png").write_bytes((self.folder / "a-3.png").read_bytes()[:900])

    def project(self, engine: str, data: str | None = None, **ray: Any) -> Project:
        values = {
            "data_dir": self.root / (data or engine), "source": {"url": str(self.root / "library")},
            "execution": {"engine": engine, "ray": {"keys_per_task": KEYS_PER_TASK, **ray}},
        }  # fmt: skip
        return Project(Settings.model_validate(values), clock=lambda: datetime(2026, 11, 2, tzinfo=UTC))

    def setup(self, **changed: Any) -> WorkerSetup:
        settings, cache = self.project("ray").settings, Path(os.environ["IMAGE_CLUSTER_CACHE"])
        setup = WorkerSetup(settings.source, settings.images, settings.encoder, embed=True, threads=1, cache=cache)
        return replace(setup, **changed)


def run(project: Project, pool: InThisProcess | None = None) -> dict[str, Report]:
    if pool is not None:
        project.workers[True] = pool  # type: ignore[assignment]
    select_categories(project, [])
    return {report.artifact: report for report in (manifest(project, SLUG), *ingest(project, SLUG))}


def stored(project: Project) -> dict[str, str]:
    """A digest of each stored table, vector and thumbnail. Names have random letters, and records have times."""
    root = project.settings.data_dir
    files = [
        path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix in (".parquet", ".npy", ".webp")
    ]
    names = [str(path.relative_to(root)).split("-", maxsplit=2) for path in files]
    return {
        "-".join(name[:2]): hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in zip(names, files, strict=True)
    }


def status(project: Project) -> dict[str, str]:
    return {key.rpartition("/")[2]: value for key, value in images(project).select("key", "status").iter_rows()}


def reasons(project: Project) -> list[str]:
    return images(project)["reason"].drop_nulls().to_list()


def images(project: Project) -> pl.DataFrame:
    return project.store.require(SLUG, "images").table("images", IMAGES_SCHEMA)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


@pytest.fixture
def here(library: Library) -> dict[str, str]:
    """What a run in this process stores."""
    project = library.project("local")
    run(project)
    assert status(project)["b-damaged.png"] == "broken"
    return stored(project)


def test_what_workers_did_is_stored_as_what_this_process_did(library: Library, here: dict[str, str]) -> None:
    project = library.project("ray")
    reports = run(project, InThisProcess(EmbeddingWorker(library.setup())))
    assert stored(project) == here
    assert reports["embeddings"].counts["embedded"] == 10


def test_a_task_whose_workers_are_lost_again_and_again_is_done_here(library: Library, here: dict[str, str]) -> None:
    project = library.project("ray")
    run(project, InThisProcess(EmbeddingWorker(library.setup()), lost=[0, 2]))
    assert stored(project) == here


@pytest.mark.usefixtures("here")
def test_a_file_that_its_workers_die_of_does_not_kill_this_process(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(60).resize((41, 43)).save(library.folder / "a-51.png")
    break_codec(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)", (41, 43))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    project = library.project("ray")
    run(project, InThisProcess(EmbeddingWorker(library.setup()), lost=[1]))
    assert status(project) == {**status(library.project("local")), "a-51.png": "broken"}
    assert "Its decoder crashed (SIGSEGV)." in reasons(project)


def test_what_a_worker_cannot_read_is_read_here(library: Library, here: dict[str, str], tmp_path: Path) -> None:
    """A share may look different from another machine; an image is gone only if this process misses it too."""
    other = tmp_path / "other"
    shutil.copytree(library.root / "library", other)
    for name in ("a-0.png", "a-7.png"):
        (other / SLUG / name).unlink()
    source = library.project("ray").settings.source.model_copy(update={"url": str(other)})
    project = library.project("ray")
    run(project, InThisProcess(EmbeddingWorker(library.setup(source=source))))
    assert stored(project) == here


def test_a_renamed_file_is_not_embedded_again_by_a_worker(library: Library) -> None:
    project = library.project("ray")
    worker = EmbeddingWorker(library.setup())
    run(project, InThisProcess(worker))
    (library.folder / "a-5.png").rename(library.folder / "c-5.png")
    picture(50).save(library.folder / "c-new.png")
    pool = InThisProcess(worker)
    assert run(library.project("ray"), pool)["embeddings"].counts["embedded"] == 1
    assert pool.vectors == 1


def test_a_thumbnail_that_is_gone_is_made_here(library: Library) -> None:
    project = library.project("ray")
    worker = EmbeddingWorker(library.setup())
    run(project, InThisProcess(worker))
    (gone, *_) = (path for path in sorted((project.settings.data_dir / "thumbnails").rglob("*")) if path.is_file())
    gone.unlink()
    for path in library.folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))
    run(library.project("ray"), InThisProcess(worker))
    assert gone.exists()


def test_an_encoder_that_fails_in_a_worker_ends_the_run_and_keeps_what_was_done(library: Library) -> None:
    worker = EmbeddingWorker(library.setup())
    whole = worker.embed

    def fails_later(keys: list[str]) -> TaskResult:
        result = whole(keys)
        failed = "posts/a-5.png" in keys
        return TaskResult(result.outcomes[:1], 0.0, EncoderError("out of memory")) if failed else result

    worker.embed = fails_later  # type: ignore[method-assign]
    with pytest.raises(EncoderError, match="out of memory"):
        run(library.project("ray"), InThisProcess(worker))
    assert run(library.project("local", data="ray"))["embeddings"].counts == {"vectors": 10, "embedded": 5, "reused": 5}


def test_a_worker_says_why_it_cannot_work(library: Library) -> None:
    source = library.project("ray").settings.source.model_copy(update={"url": "/nowhere/at/all"})
    problem = EmbeddingWorker(library.setup(source=source)).identity().problem
    assert "/nowhere/at/all" in problem
    assert "same path on every machine" in problem


def test_a_worker_ends_itself_when_a_decoder_does_not(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(60).resize((41, 43)).save(library.folder / "a-51.png")
    break_codec(tmp_path, "time.sleep(3600)", (41, 43))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    worker = EmbeddingWorker(library.setup(embed=False, images=ImageParams(decode_seconds=1)))
    process = get_context("spawn").Process(target=worker.embed, args=(["posts/a-51.png"],))
    process.start()
    process.join(60)
    exitcode = process.exitcode
    process.kill()
    assert exitcode == 1


def test_a_worker_holds_no_secret(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-driver")
    assert "s3cr3t" not in repr(library.setup())


# ---- on Ray itself


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


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("kind", [EmbeddingWorker, DiesOnce, DiesOfOne])
def test_two_workers_on_ray_store_the_same_even_if_they_die(
    kind: type[EmbeddingWorker], library: Library, here: dict[str, str], on_ray: Callable[..., RayPool]
) -> None:
    project, pool = library.project("ray"), on_ray(kind)
    run(project, pool)  # type: ignore[arg-type]
    assert stored(project) == here
    assert bool(pool.work.lost) == (kind is not EmbeddingWorker)


@pytest.mark.real
@pytest.mark.slow
def test_a_worker_with_other_versions_is_refused_by_name(on_ray: Callable[..., RayPool]) -> None:
    with pytest.raises(ExecutionError, match=r"pillow 1\.0 \(here"):
        on_ray(Other)


@pytest.mark.real
@pytest.mark.slow
def test_a_cluster_without_room_for_a_worker_is_said_so(
    cluster: Any, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster.is_initialized()
    monkeypatch.setattr(ray_pool, "START_SECONDS", 1.0)
    params = library.project("ray", gpus_per_worker=8, workers=1).settings.execution.ray
    with pytest.raises(ExecutionError, match="8 GPUs; the cluster has 2 CPUs and 0 GPUs"):
        RayPool(library.setup(), params, fingerprint="", notice=lambda _: None)
