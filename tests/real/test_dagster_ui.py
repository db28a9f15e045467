"""A real Dagster: the nine assets, their checks and the contact sheet in a browser, and runs that the service launches.

What belongs here: what a user sees, and what the service asks of it. Not here: what is recorded (`tests/assets/`).
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest
from playwright.sync_api import Browser, Page

from pipeline.service.dagster_client import DagsterClient, DagsterError
from tests.assets.bench import Bench
from tests.servers import free_port
from tests.test_definitions import LINEAGE

pytestmark = [pytest.mark.real, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


@contextmanager
def webserver(home: Path, settings: Path) -> Generator[str]:
    """dagster-webserver on a free port, as `image-cluster dev` starts it; its address."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(Path(sys.executable).parent / "dagster-webserver"), "-h", "127.0.0.1", "-p", url.rpartition(":")[2]]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "IMAGE_CLUSTER_SETTINGS": str(settings)}
    log = home / "webserver.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "-w", "workspace.yaml"], cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + 120
        while not answers(f"{url}/server_info"):
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(0.3)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def daemon(home: Path, settings: Path) -> Generator[None]:
    """The process that takes runs from Dagster's queue, as `image-cluster dev` starts it."""
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", "workspace.yaml"]
    environment = {**os.environ, "DAGSTER_HOME": str(home), "IMAGE_CLUSTER_SETTINGS": str(settings)}
    with (home / "daemon.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=home, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ui")


@pytest.fixture(scope="module")
def served(root: Path) -> Iterator[str]:
    """The web UI over one category that was run."""
    home = root / "home"
    home.mkdir()
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            bench = Bench(root, instance)
            bench.add("bollards", range(24))
            assert bench.run("bollards").success
        with webserver(home, bench.settings_file) as url:
            yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """One tab of a real browser, wide enough for the lineage. Dagster's own pages may take a while."""
    tab = browser.new_page(viewport={"width": 1700, "height": 1000})
    tab.set_default_timeout(60_000)
    yield tab
    tab.close()


def test_the_lineage_shows_all_nine_assets(served: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"{served}/asset-groups/")
    for name in LINEAGE:
        page.get_by_text(name, exact=True).first.wait_for()
    page.screenshot(path=tmp_path / "lineage.png")
    assert (tmp_path / "lineage.png").stat().st_size > 20_000


def test_a_materialization_shows_its_figures_and_a_picture_of_the_clusters(
    served: str, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{served}/assets/representatives?view=partitions&partition=bollards")
    page.get_by_text("[Show Markdown]").click()
    picture = page.locator("img[alt='3 clusters']")
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") == 300
    page.screenshot(path=tmp_path / "contact-sheet.png")


def test_a_check_shows_what_it_compared(served: str, page: Page) -> None:
    page.goto(f"{served}/assets/identities?view=checks")
    page.get_by_text("24 usable images = 24 clustered + 0 unclustered + 0 excluded by people").wait_for()
    page.get_by_text("bollards", exact=True).first.wait_for()


def test_the_sensor_and_the_nightly_schedule_are_on(served: str, page: Page) -> None:
    page.goto(f"{served}/automation")
    page.get_by_text("bucket_sensor").first.wait_for()
    page.get_by_text("At 03:00 AM UTC").first.wait_for()


def test_the_service_launches_a_run_there_and_follows_it_to_its_end(served: str, root: Path) -> None:
    client = DagsterClient(served)
    with daemon(root / "home", root / "settings.yaml"):
        launched = client.launch("bollards")
        until = time.monotonic() + 180
        while (found := client.status(launched))[0] == "running":
            assert time.monotonic() < until, (found, (root / "home" / "daemon.log").read_text()[-3000:])
            time.sleep(1)
    state, word, done, steps = found
    assert (state, word) == ("succeeded", "SUCCESS")
    assert done == steps
    assert client.status("00000000-0000-0000-0000-000000000000")[0] == "died"
    with pytest.raises(DagsterError, match="did not stop"):
        client.terminate(launched)
