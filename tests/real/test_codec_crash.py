"""A codec that crashes or never ends kills a run once; the next run sets that file aside and reads all others.

What belongs here: whole runs in real processes that die of a decoder. Not here: the parts
(`tests/storage/test_attempts.py`, `tests/adapters/test_decode_apart.py`).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pipeline.stages.images.decode import content_hash
from tests.broken_codec import break_codec
from tests.steps.test_run import Bench, add, picture

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
ODD = (41, 43)  # pixels of the image that the codec stumbles over
RUN = """
import sys
from pathlib import Path
from tests.broken_codec import break_codec
from tests.steps.test_run import Bench
Bench(Path(sys.argv[1]), Path(sys.argv[2]), images={"decode_seconds": 5}).run()
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    for seed in range(24):
        add(tmp_path / "library", f"bollards/{seed:03d}.png", ("red", "blue")[seed % 2], seed)
    picture((30, 180, 40), 7).resize(ODD).save(tmp_path / "library" / "bollards" / "012-odd.png")
    return Bench(tmp_path / "library", tmp_path / "data")


def start(bench: Bench, folder: Path, what: str) -> "subprocess.Popen[bytes]":
    break_codec(folder, what, ODD)
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


def test_several_files_that_their_codec_crashes_on_cost_no_more_runs_than_one(bench: Bench, tmp_path: Path) -> None:
    odd = [f"bollards/{seed:03d}-odd.png" for seed in (12, 15, 18, 21)]
    for at, key in enumerate(odd):
        picture((30, 180, 40), at).resize(ODD).save(bench.library / key)
    what = "os.kill(os.getpid(), signal.SIGSEGV)"
    assert finish(start(bench, tmp_path, what)) == -signal.SIGSEGV
    assert finish(start(bench, tmp_path, what)) == 0
    assert reasons(bench) == dict.fromkeys(odd, "Its decoder crashed (SIGSEGV).")
    assert bench.images().height == 28


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


def test_a_codec_that_crashes_or_never_ends_costs_the_service_one_answer(bench: Bench, tmp_path: Path) -> None:
    odd = (bench.library / "bollards" / "012-odd.png").read_bytes()
    (bench.library / "bollards" / "012-odd.png").unlink()
    bench.run()
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"data_dir: {bench.data}\nsource: {{url: {bench.library}}}\nimages: {{decode_seconds: 5}}\n"
        "encoder: {spec: 'packaged:efficientnet_lite0'}\nservice: {queue_seconds: 0.1}\n"
    )
    for what, said in (
        ("os.kill(os.getpid(), signal.SIGSEGV)", "Its decoder crashed (SIGSEGV)."),
        ("time.sleep(3600)", "Its decoder did not end within 5 s (images.decode_seconds)."),
    ):
        break_codec(tmp_path, what, ODD)
        with serving(settings, tmp_path) as (url, process):
            found = httpx.post(f"{url}/api/v1/similarity/find", files={"file": ("x.png", odd)}, timeout=60)
            assert (found.status_code, said in found.json()["detail"]) == (422, True), found.text
            kept = httpx.post(
                f"{url}/api/v1/images", data={"category": "bollards"}, files={"files": ("x.png", odd)}, timeout=60
            )
            assert (kept.status_code, said in kept.json()["detail"]) == (422, True), kept.text
            # one that came into the bucket by another way, beside an upload
            (bench.library / "bollards" / "013-odd.png").write_bytes(odd)
            sound = httpx.post(
                f"{url}/api/v1/images", data={"category": "bollards"}, timeout=60,
                files={"files": ("y.png", (bench.library / "bollards" / "000.png").read_bytes() + bytes(len(said)))},
            )  # fmt: skip
            assert sound.status_code == 202, sound.text
            until_read(url)
            assert process.poll() is None
        assert reasons(bench) == {"bollards/013-odd.png": said}
        (bench.library / "bollards" / "013-odd.png").unlink()


@contextmanager
def serving(settings: Path, folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "serve", "--port", "auto", "--settings", str(settings)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.wait()


def until_read(url: str) -> None:
    for _ in range(1200):
        counts = httpx.get(f"{url}/api/v1/queue").json()["counts"]
        assert counts["failed"] == 0
        if counts["waiting"] + counts["working"] == 0:
            return
        time.sleep(0.05)
    raise AssertionError(counts)
