"""`--log-format json`: everything that goes to stderr as one JSON object a line, for log collectors.

What belongs here: the lines, from notices, progress, errors, requests and Python's loggers. Not here: text for people
(`console.py`), the lines that a run of the service writes for the service (`service/worker.py`), results on stdout.

Each line has `time` (UTC), `level` (info, warning or error) and `message`; further names depend on what happened.
"""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.console import Console
from pipeline.settings import without_secrets

if TYPE_CHECKING:
    from pipeline.service.observed import Seen

PROGRESS_SECONDS = 10.0
PROBES = ("/health", "/healthz", "/readyz", "/metrics")  # asked every few seconds: a line only if they fail


class JsonConsole(Console):
    """A `Console` that writes JSON lines: every notice, and progress every ten seconds and at the end of a phase."""

    def __init__(
        self, *, quiet: bool = False, out: TextIO | None = None, clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__(quiet=quiet)
        self._out, self._clock = out, clock
        self._last: dict[str, float] = {}

    def notice(self, text: str) -> None:
        """One line."""
        warning = text.startswith("WARNING")
        if not self.quiet:
            self.write("warning" if warning else "info", text.removeprefix("WARNING: "), event="notice")

    def progress(self, phase: str, done: int, total: int) -> None:
        """At most a line in `PROGRESS_SECONDS`, and one at the end."""
        now = self._clock()
        if self.quiet or (done < total and now - self._last.get(phase, float("-inf")) < PROGRESS_SECONDS):
            return
        self._last[phase] = now
        self.write("info", f"{phase}: {done} of {total}", event="progress", phase=phase, done=done, total=total)

    def error(self, text: str) -> None:
        """The reason why the command fails."""
        self.write("error", text, event="error")

    def request(self, seen: "Seen") -> None:
        """One answered request, without its query."""
        if self.quiet or (seen.path in PROBES and seen.status < 500):
            return
        self.write(
            "error" if seen.status >= 500 else "info", f"{seen.method} {seen.path} {seen.status}", event="request",
            method=seen.method, route=seen.route, path=seen.path, status=seen.status,
            milliseconds=round(seen.seconds * 1000, 1),
        )  # fmt: skip

    def write(self, level: str, message: str, **values: Any) -> None:
        """One line."""
        out = self._out or sys.stderr
        out.write(_line(level, message, values) + "\n")
        out.flush()


class JsonFormatter(logging.Formatter):
    """Records of Python's loggers, ours and those of libraries, in the same shape."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with the traceback of an exception in `exception`."""
        values: dict[str, Any] = {"event": "log", "logger": record.name}
        if record.exc_info:
            values["exception"] = without_secrets(self.formatException(record.exc_info))
        return _line(record.levelname.lower(), record.getMessage(), values, record.created)


def log_as_json() -> None:
    """Send what Python's loggers say to stderr as JSON lines."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]


def _line(level: str, message: str, values: dict[str, Any], seconds: float | None = None) -> str:
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    head = {"time": moment.isoformat(timespec="milliseconds"), "level": level, "message": without_secrets(message)}
    return json.dumps(head | values, ensure_ascii=False, default=str)
