"""A picture of every view of the curation page: `python -m tests.real.screenshots DATA FOLDER [--width N]
[--cluster NAME]`.

What belongs here: opening each view of a library in Chromium as a person would, and saving what is seen as WebP. Not
here: whether the views work (`test_page_afternoon.py`). The library is served read-only: nothing in it changes.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Page, sync_playwright

QUALITY = 72
SIZE = {"width": 1280, "height": 860}


def main() -> None:
    """Serve, look, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--width", type=int, default=960, help="of the pictures that are saved")
    parser.add_argument("--cluster", default="", help="name of the one that is shown closely; else the first")
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    command = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "serve",
        "--port",
        "auto",
        "--read-only",
        "--out",
        str(options.data),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        _look(url, options.folder, options.width, options.cluster, dark=options.dark)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _look(url: str, folder: Path, width: int, called: str, *, dark: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    slug = httpx.get(f"{url}/api/v1/categories", timeout=60).json()["items"][0]["slug"]
    clusters = httpx.get(f"{url}/api/v1/categories/{slug}/clusters", timeout=60).json()["items"]
    cluster = next(one["id"] for one in clusters if not called or one["name"] == called)
    image = httpx.get(f"{url}/api/v1/clusters/{cluster}/images", timeout=60).json()["items"][0]["image_id"]
    views = {
        "clusters": "", "cluster": f"/cluster/{cluster}", "find": f"/find?image={image}", "map": "/map",
        "unclustered": "/unclustered", "rejected": "/rejected", "duplicates": "/duplicates", "runs": "/runs",
    }  # fmt: skip
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(found for name in names if (found := shutil.which(name)))
    arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        page = browser.new_page(viewport=SIZE, color_scheme="dark" if dark else "light")  # type: ignore[arg-type]
        for name, view in views.items():
            page.goto(f"{url}/c/{slug}{view}")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(1500)  # the map draws
            _save(page, folder / f"curation-{name}.webp", width)
            print(folder / f"curation-{name}.webp")
        browser.close()


def _save(page: Page, path: Path, width: int) -> None:
    seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    seen.resize((width, round(seen.height * width / seen.width)), Image.Resampling.LANCZOS).save(path, quality=QUALITY)


if __name__ == "__main__":
    main()
