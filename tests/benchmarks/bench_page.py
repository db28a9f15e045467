"""What a curator waits for on the page, in a real browser: `python -m tests.benchmarks.bench_page --out DATA
[--settings FILE] [--photos FOLDER] [--rounds N]`.

What belongs here: from starting the service to the first paint; from a decision to right figures on the wall; from a
key to the large view of a photograph. Not here: single requests (`bench_service.py`), the map (`bench_map.py`).

The data directory is a real one, with its vectors; work on a copy, since two clusters are merged and taken apart again.
CPU time is that of the service: it says the same on a busy machine, on which every wait is longer.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.rows import Row, row, show

FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
# from the key that confirms a merge to the first frame in which the card shows how many images both have
RIGHT = """([id, size]) => new Promise((done) => {
    const right = () => document.querySelector(`.card[data-id="${id}"]`)?.dataset.size === size;
    const now = () => done(performance.now()), look = () => { requestAnimationFrame(right() ? now : look); };
    look();
})"""
# from the key that opens to the first frame with a picture, and to that with the original
OPEN = """() => new Promise((done) => {
    const image = document.getElementById('viewer-image'), began = performance.now();
    let first = 0;
    const look = () => {
      const there = document.getElementById('viewer').open && image.complete && image.naturalWidth > 0;
      if (there && !first) first = performance.now() - began;
      if (there && image.naturalWidth > 512) { done([first, performance.now() - began]); return; }
      requestAnimationFrame(look);
    };
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'o', bubbles: true }));
    look();
})"""


def rows(out: Path, settings: Path | None, photos: str, rounds: int) -> list[Row]:
    """Every wait, in milliseconds."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
        page.set_default_timeout(120_000)
        started = time.perf_counter()
        with _serving(out, settings) as (url, process):
            listens = time.perf_counter() - started
            slug, images = _library(url)
            page.goto(f"{url}/c/{slug}")
            page.wait_for_function(f"{PAINTED} > 0")
            first = time.perf_counter() - started
            what = f"page, {images:,} images"
            found = [row(what, "service started, until it listens", listens, "s"),
                     row(what, "service started, until the wall is painted", first, "s")]  # fmt: skip
            found += _paints(page, url, slug, what, rounds)
            found += _decisions(page, url, slug, what, rounds, process.pid)
            if photos:
                found += _photographs(page, url, slug, what, photos, rounds)
        browser.close()
    return found


@contextmanager
def _serving(out: Path, settings: Path | None) -> Generator[tuple[str, subprocess.Popen[str]]]:
    more = ["--settings", str(settings)] if settings else ["--out", str(out)]
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", "auto", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        yield process.stdout.readline().strip() if process.stdout else "", process
    finally:
        process.terminate()
        process.wait(timeout=20)


def _library(url: str) -> tuple[str, int]:
    category = httpx.get(f"{url}/api/v1/categories", timeout=60).raise_for_status().json()["items"][0]
    return category["slug"], category["images"]


def _paints(page: Page, url: str, slug: str, what: str, rounds: int) -> list[Row]:
    """How soon a view is painted once the service is warm."""
    found: list[Row] = []
    for name, path in (("wall", ""), ("unclustered", "/unclustered"), ("find", "/find"), ("map", "/map")):
        times: list[float] = []
        for _ in range(rounds):
            page.goto(f"{url}/c/{slug}{path}")
            page.wait_for_function(f"{PAINTED} > 0")
            times.append(page.evaluate(PAINTED))
        found.append(row(what, f"first paint of the {name}", statistics.median(times), "ms", "", _spread(times)))
    return found


def _decisions(page: Page, url: str, slug: str, what: str, rounds: int, pid: int) -> list[Row]:
    """Merge the two largest clusters by keys, until the wall is right; then undo it, until the wall is right again."""
    waits: list[float] = []
    cpu: list[float] = []
    for _ in range(rounds):
        page.goto(f"{url}/c/{slug}?order=size")
        page.wait_for_selector(".card .suggestion", state="attached")
        page.evaluate("localStorage.setItem('actor', 'benchmark')")
        cards = page.locator(".card")
        boxes = page.locator(".card input[type=checkbox]")
        boxes.nth(0).check()
        boxes.nth(1).check()
        sizes = [int(cards.nth(at).get_attribute("data-size") or 0) for at in (0, 1)]
        name = cards.nth(0).get_attribute("data-id")
        page.keyboard.press("m")
        page.wait_for_selector("#ask[open]")
        before, began = _cpu(pid), page.evaluate("performance.now()")
        page.keyboard.press("Enter")
        waits.append(page.evaluate(RIGHT, [name, str(sum(sizes))]) - began)
        cpu.append(_cpu(pid) - before)
        page.keyboard.press("u")
        page.evaluate(RIGHT, [name, str(sizes[0])])
    return [
        row(what, "two largest clusters merged, until the wall is right", statistics.median(waits), "ms", "<= 300",
            f"{_spread(waits)}; CPU of the service {statistics.median(cpu):.0f} ms")
    ]  # fmt: skip


def _photographs(page: Page, url: str, slug: str, what: str, photos: str, rounds: int) -> list[Row]:
    """Open one photograph after another of that folder large."""
    first: list[float] = []
    whole: list[float] = []
    for number in range(0, 2 * rounds, 2):  # the one after it is fetched ahead, and not measured
        page.goto(f"{url}/c/{slug}/find?group={photos}")
        page.wait_for_selector("#list .tile img")
        page.locator("#list .tile .pick").nth(number).focus()
        times = page.evaluate(OPEN)
        first.append(times[0])
        whole.append(times[1])
    return [
        row(what, "large view of a photograph, until it shows it", statistics.median(first), "ms", "<= 200",
            _spread(first)),
        row(what, "large view of a photograph, until the original is there", statistics.median(whole), "ms", "",
            _spread(whole)),
    ]  # fmt: skip


def _spread(times: list[float]) -> str:
    return f"{min(times):.0f} to {max(times):.0f} ms, {len(times)} times, load {os.getloadavg()[0]:.0f}"


def _cpu(pid: int) -> float:
    """Milliseconds of processor time of a process so far, all its threads."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("data"))
    parser.add_argument("--settings", type=Path, help="a settings file that names data directory and source")
    parser.add_argument("--photos", default="", help="a folder (group) of the library with large photographs")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args()
    show(rows(given.out, given.settings, given.photos, given.rounds), given.json)


if __name__ == "__main__":
    main()
