"""`--log-format json`: each line is one object, whatever speaks."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline.json_log import JsonConsole, JsonFormatter
from pipeline.service.observed import Seen


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_progress_is_a_line_every_ten_seconds_and_one_at_the_end() -> None:
    out, now = io.StringIO(), [0.0]
    console = JsonConsole(out=out, clock=lambda: now[0])
    for second in range(25):
        now[0] = float(second)
        console.progress("images", second, 24)
    assert [line["done"] for line in lines(out)] == [0, 10, 20, 24]


def test_a_notice_with_line_ends_is_one_line_and_a_warning_is_told_as_such() -> None:
    out = io.StringIO()
    console = JsonConsole(out=out)
    console.notice("two\nlines")
    console.notice("WARNING: open to everybody")
    assert [(line["level"], line["message"]) for line in lines(out)] == [
        ("info", "two\nlines"), ("warning", "open to everybody"),
    ]  # fmt: skip


def test_probes_that_succeed_are_not_logged() -> None:
    out = io.StringIO()
    console = JsonConsole(out=out)
    console.request(Seen("GET", "/readyz", "/readyz", 200, 0.001))
    console.request(Seen("GET", "/readyz", "/readyz", 503, 0.001))
    assert [(line["path"], line["level"], line["milliseconds"]) for line in lines(out)] == [("/readyz", "error", 1.0)]


def test_quiet_leaves_errors() -> None:
    out = io.StringIO()
    console = JsonConsole(quiet=True, out=out)
    console.notice("a notice")
    console.progress("images", 1, 1)
    console.error("the reason")
    assert [line["message"] for line in lines(out)] == ["the reason"]


def test_passwords_in_addresses_do_not_reach_the_log() -> None:
    out = io.StringIO()
    JsonConsole(out=out).notice("cannot reach postgresql://me:hunter2@db/name")
    try:
        raise ValueError("postgresql://me:hunter2@db/name")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "failed with %s", ("a://b:hunter2@c",), sys.exc_info())
    text = out.getvalue() + JsonFormatter().format(record)
    assert "hunter2" not in text
    assert "ValueError" in json.loads(JsonFormatter().format(record))["exception"]


def test_a_command_that_fails_says_so_in_json(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "run", "--settings", str(tmp_path / "none.yaml")]
    failed = subprocess.run([*command, "--log-format", "json"], capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    (line,) = [json.loads(text) for text in failed.stderr.splitlines()]
    assert line["level"] == "error"
    assert "There is no settings file" in line["message"]
