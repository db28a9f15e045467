"""What is being decoded at this moment, on disk, so that the next process knows what the last one died of.

What belongs here: the two files of a category. Not here: decoding (`stages/images/`), what is done with such a file
(`steps/ingest_pass.py`).

`decoding` has one slot per thread, and a few more: the hash of the content that is decoded. A slot keeps its hash until
it is used again, because a process may die a moment after its codec damaged it. So a few sound files are suspected too:
they are decoded apart once, and trusted again. Nothing is synced: what a process wrote survives its death, and a power
cut accuses no codec. What stands in the file when the next run begins goes to `undecodable.json`, and stays there until
it was decoded.
"""

import json
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pipeline.storage.files import write_atomically
from pipeline.storage.full_disk import writing

SPARE = 4  # contents that were decoded last and are suspected too
_WIDTH = 33  # a hash of 32 letters and a line end


class DecodingLog:
    """The files of one category. Thread-safe; one process at a time, which holds the category."""

    def __init__(self, current: Path, failed: Path) -> None:
        """`current` and `failed` are `Layout.decoding` and `Layout.undecodable`."""
        self._current, self._failed_file = current, failed
        self._lock = threading.Lock()
        self._free: deque[int] = deque()
        self._slots = 0
        left = set(current.read_text(errors="replace").split()) if current.exists() else set[str]()
        self.left = {digest for digest in left if len(digest) == _WIDTH - 1}  # by the process that died last
        self.failed = _read(failed) | self.left
        if self.failed - _read(failed):
            self._store()
        current.parent.mkdir(parents=True, exist_ok=True)
        self._file = current.open("wb", buffering=0)

    @contextmanager
    def during(self, digest: str) -> Generator[None]:
        """Note that this content is being decoded."""
        with self._lock:
            if len(self._free) > SPARE:
                slot = self._free.popleft()
            else:
                slot, self._slots = self._slots, self._slots + 1
            with writing(self._current):
                self._file.seek(slot * _WIDTH)
                self._file.write(digest.encode().ljust(_WIDTH - 1) + b"\n")
        try:
            yield
        finally:
            with self._lock:
                self._free.append(slot)

    def survived(self, digest: str) -> None:
        """It was decoded after all: the process had died of something else."""
        with self._lock:
            self.failed.discard(digest)
            self._store()

    def close(self) -> None:
        """Nothing is being decoded any more."""
        self._file.close()
        self._current.unlink(missing_ok=True)

    def _store(self) -> None:
        if self.failed:
            write_atomically(self._failed_file, json.dumps(sorted(self.failed), indent=1).encode())
        else:
            self._failed_file.unlink(missing_ok=True)


def _read(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):  # none yet, or damaged: another crash will tell again
        return set()
