"""What workers read and embed is stored as if this process had done it, byte for byte."""

import os
import shutil
from collections.abc import Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path

import polars as pl
import pytest

from pipeline.adapters.executors.ray_pool import Work
from pipeline.adapters.executors.worker import STUCK, EmbeddingWorker, TaskResult
from pipeline.errors import EncoderError
from pipeline.settings import ImageParams
from tests.broken_codec import break_codec
from tests.steps.distributed_library import SLUG, Library, picture, reasons, run, status, stored


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
    codes: dict[str, int | None] = {}
    for name in ("a-5.png", "a-51.png"):
        process = get_context("spawn").Process(target=worker.embed, args=([f"posts/{name}"],))
        process.start()
        process.join(60)
        codes[name] = process.exitcode
        process.kill()
    assert codes == {"a-5.png": 0, "a-51.png": STUCK}, "one that raises would end with 1"


def test_a_worker_holds_no_secret(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-of-the-driver")
    assert "s3cr3t" not in repr(library.setup())
