"""What a process was decoding when it died is known to the next one, until it was decoded."""

from pathlib import Path

import pytest

from pipeline.storage.attempts import SPARE, DecodingLog

ONE, TWO = (f"{number:032x}" for number in (1, 2))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "images" / "decoding", tmp_path / "images" / "undecodable.json"


def test_what_was_in_work_when_the_process_died_has_failed(files: tuple[Path, Path]) -> None:
    log = DecodingLog(*files)
    with log.during(ONE), log.during(TWO):
        assert DecodingLog(*files).failed == {ONE, TWO}  # as the next process reads it; this one is as good as dead
    assert DecodingLog(*files).failed == {ONE, TWO}, "remembered although the next process wrote nothing more"


def test_what_was_decoded_just_before_is_suspected_too_and_what_was_earlier_is_not(files: tuple[Path, Path]) -> None:
    log = DecodingLog(*files)
    digests = [f"{number:032x}" for number in range(20)]
    for digest in digests:
        with log.during(digest):
            pass
    assert DecodingLog(*files).failed == set(digests[-SPARE - 1 :])


def test_what_ended_leaves_nothing(files: tuple[Path, Path]) -> None:
    log = DecodingLog(*files)
    for digest in (ONE, TWO):
        with log.during(digest):
            pass
    log.close()
    assert not files[0].exists()
    assert DecodingLog(*files).failed == set()


def test_slots_are_used_again(files: tuple[Path, Path]) -> None:
    log = DecodingLog(*files)
    for _ in range(100):
        with log.during(ONE), log.during(TWO):
            pass
    assert files[0].stat().st_size == (2 + SPARE) * 33


def test_what_was_decoded_after_all_is_trusted_again(files: tuple[Path, Path]) -> None:
    files[1].parent.mkdir()
    files[1].write_text(f'["{ONE}", "{TWO}"]')
    log = DecodingLog(*files)
    log.survived(ONE)
    assert DecodingLog(*files).failed == {TWO}
    log.survived(TWO)
    assert not files[1].exists()


@pytest.mark.parametrize("content", [b"", b"[", b"\xff\xfe", b"7"])
def test_a_damaged_memory_is_none(files: tuple[Path, Path], content: bytes) -> None:
    files[1].parent.mkdir()
    files[1].write_bytes(content)
    files[0].write_bytes(content)
    assert DecodingLog(*files).failed == set()
