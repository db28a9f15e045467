"""A signal while the program is loaded, or after its command: one line and the exit code that shells know."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EARLY = """
import os, signal, sys
number, module = int(sys.argv[1]), sys.argv[2]
for other in (signal.SIGHUP, signal.SIGTERM):
    signal.signal(other, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

class WhileLoading:
    def find_spec(self, name, path, target=None):
        if name == module:
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, WhileLoading())
from pipeline.entry import main
sys.argv[1:] = ["settings"]
main()
"""
LATE = """
import atexit, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
from pipeline.entry import main
import sys
sys.argv[1:] = ["--version"]
main()
"""


def started(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("module", ["click", "pipeline.commands.serve"])
def test_a_signal_while_the_program_is_loaded_ends_it_in_one_line(number: signal.Signals, module: str) -> None:
    done = started(EARLY, str(int(number)), module)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "\nStopped.\n")


def test_ctrl_c_after_the_command_is_no_traceback_either() -> None:
    done = started(LATE)
    assert (done.returncode, done.stderr) == (130, "\nStopped.\n")
