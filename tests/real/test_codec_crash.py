"""A codec that crashes or never ends kills a run once; the next run sets that file aside and reads all others.

What belongs here: whole runs in real processes that die of a decoder. Not here: the parts
(`tests/storage/test_attempts.py`, `tests/adapters/test_decode_apart.py`).
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.stages.images.decode import content_hash
from tests.steps.test_run import Bench, add, picture

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
# What a broken codec does to the process that it runs in. The size of the image says which file it stumbles over.
CODEC = """
import os, signal, time
from PIL import ImageFile
before = ImageFile.ImageFile.load
def load(self):
    if self.size == (41, 43):
        {what}
    return before(self)
ImageFile.ImageFile.load = load
"""
RUN = """
import sys
from pathlib import Path
from tests.steps.test_run import Bench
Bench(Path(sys.argv[1]), Path(sys.argv[2]), images={"decode_seconds": 5}).run()
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    for seed in range(24):
        add(tmp_path / "library", f"bollards/{seed:03d}.png", ("red", "blue")[seed % 2], seed)
    picture((30, 180, 40), 7).resize((41, 43)).save(tmp_path / "library" / "bollards" / "012-odd.png")
    return Bench(tmp_path / "library", tmp_path / "data")


def start(bench: Bench, folder: Path, what: str) -> "subprocess.Popen[bytes]":
    (folder / "sitecustomize.py").write_text(CODEC.format(what=what))
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(bench.library), str(bench.data)], cwd=ROOT, stderr=subprocess.PIPE,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )  # fmt: skip


def finish(process: "subprocess.Popen[bytes]") -> int:
    process.communicate()
    return process.returncode


def reasons(bench: Bench) -> dict[str, str]:
    rows = bench.images().filter(bench.images()["status"] != "ok")
    return dict(rows.select("key", "reason").iter_rows())


def test_a_codec_that_crashes_costs_one_row_and_not_the_next_run(bench: Bench, tmp_path: Path) -> None:
    what = "os.kill(os.getpid(), signal.SIGSEGV)"
    assert finish(start(bench, tmp_path, what)) == -signal.SIGSEGV
    assert finish(start(bench, tmp_path, what)) == 0
    assert reasons(bench) == {"bollards/012-odd.png": "Its decoder crashed (SIGSEGV)."}
    assert len(bench.document()["rejected"]) == 1
    add(bench.library, "bollards/100.png", "red", 100)
    assert finish(start(bench, tmp_path, what)) == 0
    assert reasons(bench) == {"bollards/012-odd.png": "Its decoder crashed (SIGSEGV)."}


def test_a_codec_that_never_ends_costs_one_row_once_its_run_was_killed(bench: Bench, tmp_path: Path) -> None:
    what = "time.sleep(3600)"
    odd = content_hash((bench.library / "bollards" / "012-odd.png").read_bytes())
    hanging = start(bench, tmp_path, what)
    marker = bench.data / "categories" / "bollards" / "images" / "decoding"
    while not (marker.exists() and odd in marker.read_text()):
        assert hanging.poll() is None, hanging.communicate()
        time.sleep(0.05)
    hanging.kill()
    finish(hanging)
    assert finish(start(bench, tmp_path, what)) == 0
    assert reasons(bench) == {"bollards/012-odd.png": "Its decoder did not end within 5 s (images.decode_seconds)."}


def test_a_file_that_was_in_work_when_a_run_was_killed_is_no_worse_for_it(bench: Bench, tmp_path: Path) -> None:
    odd = content_hash((bench.library / "bollards" / "012-odd.png").read_bytes())
    marker = bench.data / "categories" / "bollards" / "images" / "decoding"
    marker.parent.mkdir(parents=True)
    marker.write_text(f"{odd}\n")
    assert finish(start(bench, tmp_path, "pass")) == 0
    assert reasons(bench) == {}
    assert not marker.with_name("undecodable.json").exists()
