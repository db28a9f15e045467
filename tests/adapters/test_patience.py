"""How long and how often a request is made again, on a clock that no test waits for."""

from collections.abc import Callable

import pytest

from pipeline.adapters.patience import RetryPolicy
from pipeline.adapters.s3_errors import BusyError
from pipeline.errors import BucketError, BucketUnreachableError


class Scene:
    """A server that fails with what `errors` holds, then answers; a clock that only sleeping moves."""

    def __init__(self, retries: int = 2, seconds: float = 100) -> None:
        self.now, self.pauses, self.said = 0.0, list[float](), list[str]()
        self.patience = RetryPolicy(retries, seconds, self.said.append, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def failing(self, error: Exception, times: int = 10_000) -> Callable[[], str]:
        left = [times]

        def request() -> str:
            left[0] -= 1
            if left[0] >= 0:
                raise error
            return "answer"

        return request

    def ask(self, error: Exception, times: int = 10_000) -> str:
        return self.patience.ask(self.failing(error, times))


BUSY, SILENT = BusyError("503, SlowDown."), BucketUnreachableError("no answer.")


def test_a_busy_server_is_asked_for_all_the_time_and_that_is_told_now_and_then() -> None:
    scene = Scene()
    with pytest.raises(BusyError):
        scene.ask(BUSY)
    assert 100 <= scene.now <= 101
    assert len(scene.pauses) < 25
    assert 3 <= len(scene.said) <= 8
    assert all("source.retry_seconds" in text and "SlowDown" in text for text in scene.said)


def test_pauses_grow_and_no_two_readers_make_the_same() -> None:
    first, second = Scene(), Scene()
    for scene in (first, second):
        assert scene.ask(BUSY, 9) == "answer"
    assert first.pauses != second.pauses
    assert first.pauses[-1] > 5 * first.pauses[0]
    assert max(first.pauses) <= 15


def test_silence_is_waited_for_only_where_the_server_answered_before() -> None:
    scene = Scene()
    with pytest.raises(BucketUnreachableError):
        scene.ask(SILENT)
    assert (len(scene.pauses), scene.said) == (2, [])
    assert scene.ask(SILENT, 0) == "answer"
    assert scene.ask(SILENT, 8) == "answer"


def test_what_waited_in_vain_once_is_not_waited_for_again_until_there_is_an_answer() -> None:
    scene = Scene()
    with pytest.raises(BusyError):
        scene.ask(BUSY)
    before = scene.now
    with pytest.raises(BusyError):
        scene.ask(BUSY)
    assert scene.now - before < 1
    assert scene.ask(BUSY, 1) == "answer"
    assert scene.ask(BUSY, 8) == "answer"


def test_with_no_seconds_the_retries_are_all() -> None:
    scene = Scene(retries=3, seconds=0)
    with pytest.raises(BusyError):
        scene.ask(BUSY)
    assert (len(scene.pauses), scene.said) == (3, [])


def test_what_no_waiting_mends_is_not_tried_again() -> None:
    scene = Scene()
    with pytest.raises(BucketError):
        scene.ask(BucketError("access refused"))
    assert scene.pauses == []


def test_a_pause_that_a_busy_server_wants_is_asked_for_after_the_first_retry_and_kept_by_all() -> None:
    scene = Scene(retries=4)
    assert scene.patience.ask(scene.failing(BUSY, 1), lambda: 60) == "answer"
    assert scene.now < 1
    assert scene.patience.ask(scene.failing(BUSY, 2), lambda: 60) == "answer"
    assert 60 <= scene.now < 70
    assert any("Retry-After" in text and "60 s" in text for text in scene.said)


def test_nobody_waits_longer_than_the_settings_say_whatever_a_server_wants() -> None:
    scene = Scene(retries=2, seconds=100)
    assert scene.patience.ask(scene.failing(BUSY, 2), lambda: 86_400) == "answer"
    assert 100 <= scene.now < 102
