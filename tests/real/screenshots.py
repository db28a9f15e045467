"""A picture of every view of the curation page, and of the review page: `python -m tests.real.screenshots DATA FOLDER
[--width N] [--cluster NAME] [--only NAME ...]`.

What belongs here: opening each view of a library in Chromium as a person would, and saving what is seen as WebP. Not
here: whether the views work (`test_page_afternoon.py`). Nothing in the library changes: it is served read-only, and the
settings of the slider are compared on a copy.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

QUALITY = 72
SIZE = {"width": 1280, "height": 860}
NAMES = [
    "clusters", "cluster", "find", "map", "unclustered", "rejected", "duplicates", "runs", "granularity", "review",
]  # fmt: skip


def main() -> None:
    """Serve, look, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=960, help="of the pictures that are saved")
    parser.add_argument("--cluster", default="", help="name of the one that is shown closely; else the first")
    parser.add_argument("--only", nargs="*", choices=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}; else all")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    wanted = options.only or NAMES
    pictures = Pictures(options.folder, options.width, wanted, dark=options.dark)
    with _served(options.data, "--read-only") as url:
        pictures.of_views(url, options.cluster)
    if "granularity" in wanted:
        with tempfile.TemporaryDirectory() as scratch:
            data = shutil.copytree(options.data, Path(scratch) / "data")
            with _served(data) as url:
                pictures.of_slider(url)
    for page in sorted(options.data.glob("published/*/clusters.html"))[:1]:
        pictures.of_file(page)


@contextmanager
def _served(data: Path, *options: str) -> Generator[str]:
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", "auto", "--out", str(data), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        yield process.stdout.readline().strip() if process.stdout else ""
    finally:
        process.terminate()
        process.wait(timeout=20)


class Pictures:
    """Takes pictures and saves those that are wanted."""

    def __init__(self, folder: Path, width: int, wanted: list[str], *, dark: bool) -> None:
        self.folder, self.width, self.wanted, self.dark = folder, width, wanted, dark
        folder.mkdir(parents=True, exist_ok=True)

    def of_views(self, url: str, called: str) -> None:
        """Every view of the first category."""
        slug, clusters = _library(url)
        cluster = next(one["id"] for one in clusters if not called or one["name"] == called)
        image = httpx.get(f"{url}/api/v1/clusters/{cluster}/images", timeout=60).json()["items"][0]["image_id"]
        views = {
            "clusters": "", "cluster": f"/cluster/{cluster}", "find": f"/find?image={image}", "map": "/map",
            "unclustered": "/unclustered", "rejected": "/rejected", "duplicates": "/duplicates", "runs": "/runs",
        }  # fmt: skip
        with self._page() as page:
            for name, view in views.items():
                if name in self.wanted:
                    page.goto(f"{url}/c/{slug}{view}")
                    self._save(page, f"curation-{name}.webp")

    def of_slider(self, url: str) -> None:
        """*Coarser or finer*, all settings compared, at the best by the figures or else the first finer one."""
        slug, _ = _library(url)
        run = httpx.post(f"{url}/api/v1/categories/{slug}/granularity/compare", json={}, timeout=60).json()["id"]
        while httpx.get(f"{url}/api/v1/runs/{run}", timeout=60).json()["state"] in ("queued", "running"):
            time.sleep(0.5)
        settings = httpx.get(f"{url}/api/v1/categories/{slug}/granularity", timeout=60).json()["comparison"]["settings"]
        now = next(one["clusters"] for one in settings if one["current"])
        others = sorted((one for one in settings if one["clusters"] > now), key=lambda one: not one["best"])
        finer = others[0]["setting"] if others else settings[-1]["setting"]
        with self._page() as page:
            page.goto(f"{url}/c/{slug}/granularity?at={finer}")
            self._save(page, "curation-granularity.webp")

    def of_file(self, path: Path) -> None:
        """The review page that is published."""
        if "review" in self.wanted:
            with self._page() as page:
                page.set_viewport_size({"width": SIZE["width"], "height": 1500})
                page.goto(path.resolve().as_uri())
                self._save(page, "review-page.webp")

    @contextmanager
    def _page(self) -> Generator[Page]:
        names = ("chromium", "chromium-browser", "google-chrome")
        path = next(found for name in names if (found := shutil.which(name)))
        arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
            page = browser.new_page(viewport=SIZE, color_scheme="dark" if self.dark else "light")  # type: ignore[arg-type]
            page.add_init_script("localStorage.setItem('actor-asked', 'no')")  # the question for a name hides nothing
            yield page
            browser.close()

    def _save(self, page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1500)  # the map draws
        seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        height = round(seen.height * self.width / seen.width)
        seen.resize((self.width, height), Image.Resampling.LANCZOS).save(self.folder / name, quality=QUALITY)
        print(self.folder / name)


def _library(url: str) -> tuple[str, list[dict[str, str]]]:
    """The first category and its clusters."""
    slug = httpx.get(f"{url}/api/v1/categories", timeout=60).json()["items"][0]["slug"]
    return slug, httpx.get(f"{url}/api/v1/categories/{slug}/clusters", timeout=60).json()["items"]


if __name__ == "__main__":
    main()
