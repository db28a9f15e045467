"""The folder of one run: the job that the service writes, and what the worker answers.

What belongs here: its files and their formats. Not here: starting and following a run (`runs.py`), doing the job
(`worker.py`).

    job.json        kind, settings, categories
    vectors.npz     posted vectors, for the kind `vectors`
    progress.jsonl  what happened, a JSON object a line
    result.json     written when all is done
    log.txt         what the process printed
    alive           locked while the process lives, so that a restarted service can tell
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from filelock import FileLock, Timeout

from pipeline.storage.files import write_atomically

BYTES_AT_ONCE = 1 << 20  # of progress lines
LOG_TAIL = 1000  # characters


@dataclass(frozen=True)
class RunFolder:
    """The files of one run below `path`."""

    path: Path

    @property
    def vectors(self) -> Path:
        return self.path / "vectors.npz"

    def write_job(self, job: Mapping[str, Any]) -> None:
        """Create the folder with its job."""
        self.path.mkdir(parents=True)
        (self.path / "job.json").write_text(json.dumps(job), encoding="utf-8")

    def read_job(self) -> dict[str, Any]:
        """The job as it was written."""
        return json.loads((self.path / "job.json").read_text(encoding="utf-8"))

    def open_progress(self) -> TextIO:
        """The progress, to append lines to."""
        return (self.path / "progress.jsonl").open("a", encoding="utf-8")

    def lines(self, offset: int) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """Progress lines after byte `offset`, each with the offset after it; and the last such offset."""
        path = self.path / "progress.jsonl"
        if not path.exists():
            return [], offset
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(BYTES_AT_ONCE)
        events: list[tuple[int, dict[str, Any]]] = []
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            events.append((offset, json.loads(line)))
        return events, offset

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    def write_result(self, result: Any) -> None:
        """Store the result as JSON."""
        write_atomically(self.result, json.dumps(result, ensure_ascii=False, default=str).encode())

    def open_log(self) -> BinaryIO:
        """The file for what the process prints."""
        return (self.path / "log.txt").open("ab")

    def log_tail(self) -> str:
        """The end of what the process printed; empty if it printed nothing."""
        log = self.path / "log.txt"
        return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:].strip() if log.exists() else ""

    def lock(self) -> FileLock:
        """What a worker holds while it lives."""
        return FileLock(self.path / "alive")

    def is_locked(self) -> bool:
        """Whether a worker lives."""
        try:
            with FileLock(self.path / "alive", timeout=0):
                return False
        except Timeout:
            return True
