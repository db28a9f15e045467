"""A small real library with a service over it, for the tests of this folder.

What belongs here: drawing the library, running it, serving it on a free port. Not here: what is asserted.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image

from pipeline.service.app import create_app
from pipeline.service.context import Service
from pipeline.service.options import Options
from pipeline.settings import Settings
from pipeline.steps.categories import categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from pipeline.steps.publish import publish
from pipeline.steps.run import CLUSTER_STEPS
from tests.fakes import MeanColourEncoder
from tests.servers import free_port

KINDS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 200)}
SECRET = "a secret that both sides know"
TOKEN = "a-token-that-is-long-enough"


def picture(colour: tuple[int, int, int], seed: int) -> Image.Image:
    """A noisy field of one colour."""
    noise = np.random.default_rng(seed).normal(0, 12, size=(60, 80, 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def draw(root: Path) -> None:
    """36 images of three kinds in bollards, a copy, a broken one, and 6 in posts."""
    for seed in range(36):
        group = ["de", "at"][seed % 2]
        path = root / f"bollards/{group}/{group}-{seed:03d}-800w.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(KINDS[list(KINDS)[seed % 3]], seed).save(path)
    (root / "bollards/fr").mkdir()
    (root / "bollards/fr/fr-100-800w.png").write_bytes((root / "bollards/de/de-000-800w.png").read_bytes())
    (root / "bollards/fr/fr-101-800w.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    for seed in range(6):
        path = root / f"posts/x/{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture((120, 120, 120), 100 + seed).save(path)


class Site:
    """A library below `root`, its data directory, and services over it."""

    def __init__(self, root: Path, **sections: Any) -> None:
        self.root, self.library, self.data = root, root / "library", root / "data"
        if not self.library.exists():
            draw(self.library)
        service = {"queue_seconds": 0.05, **sections.pop("service", {})}
        values = {"data_dir": self.data, "source": {"url": str(self.library)}, "service": service, **sections}
        self.settings = Settings.model_validate(values)
        self.encoder = MeanColourEncoder()

    def project(self) -> Project:
        return Project(self.settings, encoder=lambda: self.encoder, clock=lambda: datetime.now(UTC))

    def run(self, *wanted: str) -> None:
        """Every step up to the index, of the wanted categories or all; publishing is for those that ask for it."""
        project = self.project()
        for slug in sorted(categories(project)):
            if wanted and slug not in wanted:
                continue
            manifest(project, slug)
            ingest(project, slug)
            for step in CLUSTER_STEPS:
                step(project, slug)

    def publish(self) -> None:
        publish(self.project(), "bollards")

    def application(self, **options: Any) -> FastAPI:
        """The service, not served."""
        return create_app(self.project(), Options(**options))

    @contextmanager
    def serve(self, **options: Any) -> Iterator["Client"]:
        """A real server on a free port, until the block ends."""
        port = free_port()
        chosen = Options(**{"port": port, "events_secret": SECRET, **options})
        app = create_app(self.project(), chosen)
        config = uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        with Client(f"http://127.0.0.1:{port}", app.state.service) as client:
            yield client
        server.should_exit = True
        thread.join(timeout=20)


class Client(httpx.Client):
    """An HTTP client of one service, with what the tests ask again and again."""

    def __init__(self, url: str, service: Service) -> None:
        super().__init__(base_url=f"{url}/api/v1", timeout=60)
        self.url, self.service = url, service

    def ids(self, category: str = "bollards", **query: Any) -> list[str]:
        """The ids of a category's images."""
        found = self.get("/images", params={"category": category, "limit": 1000, **query}).raise_for_status()
        return [one["image_id"] for one in found.json()["items"]]

    def clusters(self) -> list[dict[str, Any]]:
        return self.get("/categories/bollards/clusters").raise_for_status().json()["items"]

    def until(self, path: str, done: Any, seconds: float = 120) -> Any:
        """Ask until `done(answer)`; returns the answer."""
        deadline = time.monotonic() + seconds
        while True:
            answer = self.get(path).raise_for_status().json()
            if done(answer):
                return answer
            assert time.monotonic() < deadline, f"{path} still says {answer}"
            time.sleep(0.05)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of an answer, which must have that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["detail"]
    assert document["type"]
    return document
