"""The wheel carries the documentation: without the source code, its pages are read from the package."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pipeline.manual.pages import names

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "lib")
    return folder / "lib"


def test_every_page_is_read_and_rendered_from_the_wheel(unpacked: Path) -> None:
    code = (
        "from pipeline.manual.pages import folder, names\n"
        "from pipeline.manual.render import render\n"
        "print(folder(), sum(len(render(name).html) > 100 for name in names()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == [str(unpacked / "pipeline" / "manual" / "docs"), str(len(names()))], done.stderr


def test_the_command_prints_a_page_from_the_wheel(unpacked: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "help", "start"], cwd=unpacked.parent, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.startswith("# In five minutes"), done.stderr
