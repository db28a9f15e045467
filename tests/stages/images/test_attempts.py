"""Without a memory of earlier attempts no file is suspected; with one, a suspected file is decoded apart."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from pipeline.settings import ImageParams
from pipeline.stages.embeddings import stream as streaming
from pipeline.stages.images.attempts import Attempts, Untracked
from pipeline.stages.images.decode import Decoded, Rejected, content_hash, decode
from tests.odd_images import encoded, photograph

FILES = [encoded(photograph(40, 30, seed), "PNG") for seed in range(4)]


class Suspicious:
    """Suspects one content, and notes what is decoded."""

    def __init__(self, suspect: str) -> None:
        self.suspect, self.seen = suspect, list[str]()

    def during(self, digest: str) -> AbstractContextManager[None]:
        self.seen.append(digest)
        return nullcontext()

    def is_suspect(self, digest: str) -> bool:
        return digest == self.suspect

    def apart(self, _data: bytes, digest: str, _name: str) -> Decoded | Rejected:
        return Rejected("broken", "Its decoder crashed (SIGSEGV).", digest)


def statuses(attempts: Attempts | None) -> list[str]:
    outcomes = streaming.stream(
        [(str(n), data) for n, data in enumerate(FILES)], image_params=ImageParams(), encoder=None, batch_size=4,
        threads=2, thumbnail_pixels=64, attempts=attempts,
    )  # fmt: skip
    return [one.image.status if isinstance(one.image, Rejected) else "ok" for one in outcomes]


def test_a_suspected_file_costs_its_own_row_only() -> None:
    attempts = Suspicious(content_hash(FILES[2]))
    assert statuses(attempts) == ["ok", "ok", "broken", "ok"]
    assert sorted(attempts.seen) == sorted(map(content_hash, FILES))


def test_a_decoder_that_seems_never_to_end_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    told, go_on = list[str](), threading.Event()

    def slow(data: bytes, params: ImageParams, **options: Any) -> Decoded | Rejected:
        go_on.wait(30)
        return decode(data, params, **options)

    def notice(text: str) -> None:
        told.append(text)
        go_on.set()

    monkeypatch.setattr(streaming, "decode", slow)
    outcomes = streaming.stream(
        [("a.png", FILES[0])], image_params=ImageParams(decode_seconds=0.05), encoder=None, batch_size=4, threads=1,
        thumbnail_pixels=None, on_notice=notice,
    )  # fmt: skip
    assert len(list(outcomes)) == 1
    assert len(told) == 1
    assert told[0].startswith("a.png has been decoding for 0.05 s.")
    assert "start it again" in told[0]


def test_without_a_memory_nothing_is_suspected() -> None:
    assert statuses(None) == ["ok"] * 4
    untracked = Untracked()
    with untracked.during("a"):
        assert not untracked.is_suspect("a")
    with pytest.raises(NotImplementedError):
        untracked.apart(b"", "a", "a")
