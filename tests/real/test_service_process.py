"""`image-cluster serve` as a person starts it: it says where it is, ends on Ctrl-C, loses nothing when it is killed."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.service.site import KINDS, TOKEN, Site, picture

pytestmark = [pytest.mark.real, pytest.mark.slow]
COMMAND = [sys.executable, "-m", "pipeline.cli", "serve", "--port", "auto"]


@contextmanager
def serving(site: Site, *options: str, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    file = site.root / "settings.yaml"
    file.write_text(f"data_dir: {site.data}\nsource:\n  url: {site.library}\nservice:\n  queue_seconds: 0.1\n")
    process = subprocess.Popen(
        [*COMMAND, "--settings", str(file), *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url), process.stderr.read() if process.stderr else url
        yield url, process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Run as a person would, with the real encoder: one library for all tests here."""
    made = Site(tmp_path_factory.mktemp("process") / "site")
    command = [sys.executable, "-m", "pipeline.cli", "run", str(made.library), "--out", str(made.data), "--quiet"]
    subprocess.run(command, check=True, timeout=250)
    return made


def test_it_prints_its_address_answers_and_ends_on_ctrl_c(site: Site) -> None:
    with serving(site) as (url, process):
        assert httpx.get(f"{url}/api/v1/categories").json()["items"][0]["images"] == 38
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Traceback" not in said
        assert "Stopped." in said


def test_ctrl_c_ends_it_at_once_and_in_one_line_while_a_page_is_open(site: Site) -> None:
    with (
        serving(site) as (url, process),
        httpx.stream("GET", f"{url}/api/v1/categories/bollards/stream", timeout=60) as page,
    ):
        pieces = page.iter_text()  # kept: the connection closes with it
        assert next(pieces)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert said == "Stopped.\n"
        assert process.returncode == 0


def test_killed_in_the_middle_the_queue_and_the_runs_are_there_again(site: Site) -> None:
    out = io.BytesIO()
    picture(KINDS["red"], 800).save(out, "PNG")
    with serving(site) as (url, process):
        api = f"{url}/api/v1"
        answer = httpx.post(f"{api}/images", data={"category": "posts"}, files={"files": out.getvalue()}, timeout=60)
        item = answer.raise_for_status().json()["items"][0]
        run = httpx.post(f"{api}/cluster/run", json={"category": "bollards"}).raise_for_status().json()
        process.kill()
        process.wait(timeout=20)
    with serving(site) as (url, _):
        api = f"{url}/api/v1"
        deadline = time.monotonic() + 200
        while True:
            queue = httpx.get(f"{api}/queue", timeout=30).json()
            state = httpx.get(f"{api}/runs/{run['id']}", timeout=30).json()["state"]
            if queue["counts"]["done"] == 1 and state not in ("queued", "running"):
                break
            assert time.monotonic() < deadline, (queue, state)
            time.sleep(0.5)
        assert httpx.get(f"{api}/images/{item['image_id']}", timeout=30).json()["state"] == "new"
        assert state == "succeeded"


def test_off_this_machine_it_wants_a_token_and_then_asks_for_it(site: Site) -> None:
    refused = subprocess.run(
        [*COMMAND, "--host", "0.0.0.0", "--out", str(site.data)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert "IMAGE_CLUSTER_TOKEN" in refused.stderr
    assert refused.stdout == ""
    with serving(site, "--host", "0.0.0.0", IMAGE_CLUSTER_TOKEN=TOKEN) as (url, _):
        assert httpx.get(f"{url}/api/v1/categories").status_code == 401
        answer = httpx.get(f"{url}/api/v1/categories", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
