"""One category's trouble, of whatever kind, leaves the others alone; what failed and why is told at the end."""

import errno
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import BucketUnreachableError, CategoriesFailedError, EncoderError, TransientError
from pipeline.steps.each import each_category, raise_failures
from pipeline.steps.run import run
from tests.steps.test_run import Bench, add


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Three categories; `cars` is looked at between the two others."""
    made = Bench(tmp_path / "library", tmp_path / "data")
    for number, category in enumerate(("bollards", "cars", "posts")):
        for seed in range(12):
            add(made.library, f"{category}/de/{seed:03d}-800w.png", ("red", "green", "blue")[seed % 3],
                100 * number + seed)  # fmt: skip
    return made


def published(bench: Bench) -> set[str]:
    return {path.name for path in (bench.data / "published").iterdir() if not path.name.startswith(".")}


def test_a_category_of_unusable_files_does_not_stop_the_others(bench: Bench) -> None:
    for path in (bench.library / "cars").rglob("*.png"):
        path.write_bytes(b"no picture")
    done = run(bench.project())
    assert [one.category for one in done.finished] == ["bollards", "posts"]
    assert published(bench) == {"bollards", "posts"}
    row = done.summaries()[-1]
    assert row["category"] == "cars"
    assert "None of the 12 images of cars could be used" in row["failed"]
    with pytest.raises(
        CategoriesFailedError, match=r"1 of 3 categories failed\. The other 2 were finished.\n  cars: None"
    ):
        raise_failures(done.failures, len(done.finished))


@pytest.mark.parametrize(
    "trouble", [EncoderError("no memory on the card"), OSError(errno.ENOSPC, "No space left on device", "vectors/part"),
                PermissionError(errno.EACCES, "Permission denied", "thumbnails/ab")],
    ids=["encoder", "disk", "permission"],
)  # fmt: skip
def test_the_encoder_or_the_disk_failing_in_one_category_does_not_stop_the_others(
    bench: Bench, trouble: Exception
) -> None:
    def fail_once(_: np.ndarray) -> None:
        if bench.encoder.encoded == 12:
            bench.encoder.batches.append(0)
            bench.encoder.before = None
            raise trouble

    bench.encoder.before = fail_once
    done = run(bench.project())
    assert [one.category for one in done.failures] == ["cars"]
    assert published(bench) == {"bollards", "posts"}
    assert run(bench.project()).failures == []
    assert published(bench) == {"bollards", "cars", "posts"}


def test_a_bug_in_one_category_lets_the_others_be_finished_and_then_shows_its_traceback(bench: Bench) -> None:
    def work(slug: str) -> str:
        if slug == "b":
            raise ZeroDivisionError("a bug")
        return slug

    finished, failures = each_category(bench.project(), ["a", "b", "c"], work)
    assert finished == ["a", "c"]
    with pytest.raises(ZeroDivisionError, match="a bug") as raised:
        raise_failures(failures, len(finished))
    assert "1 of 3 categories failed" in raised.value.__notes__[0]


def test_what_is_tried_again_stays_so_where_all_failures_are_of_that_kind(bench: Bench) -> None:
    def busy(slug: str) -> str:
        raise TransientError(f"database {slug} is busy")

    _, failures = each_category(bench.project(), ["a", "b"], busy)
    with pytest.raises(TransientError, match=r"2 of 2 categories failed\.\n  a: database a is busy\n  b: "):
        raise_failures(failures, 0)


def test_a_bucket_that_is_gone_is_asked_once_and_not_for_every_category(bench: Bench) -> None:
    asked: list[str] = []

    def gone(slug: str) -> str:
        asked.append(slug)
        bench.library.rename(bench.library.with_name("unplugged"))
        raise BucketUnreachableError("no answer")

    _, failures = each_category(bench.project(), ["a", "b", "c"], gone)
    assert asked == ["a"]
    assert [one.slug for one in failures] == ["a", "b", "c"]


def test_one_reason_for_all_is_said_once_as_it_is(bench: Bench) -> None:
    def no_encoder(_: str) -> str:
        raise EncoderError("there are no weights")

    _, failures = each_category(bench.project(), ["a", "b"], no_encoder)
    with pytest.raises(EncoderError, match=r"^there are no weights$"):
        raise_failures(failures, 0)
