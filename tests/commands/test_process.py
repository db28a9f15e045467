"""What surrounds every command: signals end it in one line with their exit code, and closed outputs do no harm."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


WAITS = """
import os, signal, sys, threading
import click
from pipeline.commands.process import Group

@click.group(cls=Group)
def group(): ...

@group.command()
def wait():
    os.kill(os.getpid(), int(sys.argv[1]))
    threading.Event().wait(float(sys.argv[2]))
    click.echo("nothing stopped it")

signal.signal(signal.SIGHUP, signal.SIG_IGN if sys.argv[3] == "nohup" else signal.SIG_DFL)  # not as it was inherited
signal.signal(signal.SIGINT, signal.default_int_handler)
group(["wait"])
"""


def stopped_by(number: int, seconds: int = 10, how: str = "") -> subprocess.CompletedProcess[str]:
    """A process of its own: a test runner has its own ideas about signals."""
    return subprocess.run(
        [sys.executable, "-c", WAITS, str(int(number)), str(seconds), how], cwd=ROOT, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_in_one_line_with_the_exit_code_that_shells_know(number: signal.Signals) -> None:
    done = stopped_by(number)
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert done.stderr.strip() == "Stopped. Finished work is kept; the same command continues from there."


def test_an_ignored_hangup_stays_ignored() -> None:
    assert stopped_by(signal.SIGHUP, 0, "nohup").stdout == "nothing stopped it\n"


def shell(words: str, where: Path) -> subprocess.CompletedProcess[str]:
    command = f"{sys.executable} -m pipeline.cli"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", words.replace("IC", command)], cwd=where, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["settings", "help", "help buckets", "run --help", "encoders list"])
def test_a_reader_that_goes_away_is_no_error(command: str, tmp_path: Path) -> None:
    done = shell(f"IC {command} | true; exit ${{PIPESTATUS[0]}}", tmp_path)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("command", ["help buckets", "--help", "encoders list"])
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_whose_output_is_closed_does_its_work(command: str, closed: str, tmp_path: Path) -> None:
    done = shell(f"IC {command} {closed}", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["settings", "--help"])
def test_an_output_that_is_full_is_told_in_one_line(command: str, tmp_path: Path) -> None:
    done = shell(f"IC {command} > /dev/full", tmp_path)
    assert (done.returncode, done.stderr) == (1, "Error: No space left on device.\n")
