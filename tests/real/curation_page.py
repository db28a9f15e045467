"""What the browser tests of the curation page share: a small library, and what is asked of the service behind it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.service.site import Client, picture

KINDS = {
    "red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200), "yellow": (220, 200, 40),
    "pink": (220, 60, 200), "cyan": (40, 200, 210),
}  # fmt: skip
EVIL = "<img src=x onerror=boom()>"
VIEWS = ("", "/find", "/map", "/unclustered", "/rejected", "/duplicates", "/runs")


@contextmanager
def strict_page(browser: Browser, **options: Any) -> Iterator[Page]:
    """A fresh tab, 1280 by 900, light; an error of a script or a breach of the content policy fails the test."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce", **options
    )
    page = context.new_page()
    page.set_default_timeout(10_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert errors == []


def draw(root: Path) -> None:
    """60 images of six kinds, three that fit nowhere (one with a hostile name), a copy and a broken one."""
    for number, colour in enumerate(KINDS.values()):
        for seed in range(10):
            group = ["de", "at", "fr"][seed % 3]
            path = root / f"bollards/{group}/{group}-{number}{seed:02d}-800w.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(colour, number * 100 + seed).save(path)
    odd = np.zeros((60, 80, 3), np.uint8)
    odd[:30], odd[30:] = (200, 30, 30), (250, 250, 250)
    Image.fromarray(odd).save(root / "bollards/de/odd-1.png")
    odd[:, :40] = (30, 40, 200)
    Image.fromarray(odd).save(root / "bollards/de/odd-2.png")
    odd[:], odd[:, 40:] = 0, 255
    Image.fromarray(odd).save(root / f"bollards/at/{EVIL}.png")
    (root / "bollards/fr/copy.png").write_bytes((root / "bollards/de/de-000-800w.png").read_bytes())
    (root / "bollards/fr/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")


def decided(served: Client, kind: str) -> list[dict[str, Any]]:
    """The decisions of that kind that hold, the newest first."""
    items = served.get("/categories/bollards/history").raise_for_status().json()["items"]
    return [one["decision"] for one in items if one["decision"]["kind"] == kind and not one["undone"]]


def clusters(served: Client) -> dict[str, dict[str, Any]]:
    served.service.library.forget("bollards")
    return {one["id"]: one for one in served.clusters()}


def eventually(holds: Callable[[], bool], seconds: float = 20) -> None:
    """What is stored without the page waiting for it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def sizes(found: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {name: one["size"] for name, one in found.items()}


def toast(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("#toasts")).to_contain_text(text)


def open_first(shown: Page, served: Client) -> str:
    name = max(clusters(served).values(), key=lambda one: one["size"])["id"]
    shown.goto(f"/c/bollards/cluster/{name}")
    return str(name)
