"""A category whose clusters the test chooses, published through the real steps into a real data directory.

What belongs here: the bench. Not here: what is asserted.
"""

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.settings import Settings
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.published.document import ClusterView, LibraryView, Unclustered
from pipeline.steps import publish as publishing
from pipeline.steps import published_result
from pipeline.steps.project import Project
from pipeline.storage.categories import write_slugs
from pipeline.storage.history import History, read_history
from tests.stages.published.library import cluster, image, library

START = datetime(2026, 11, 21, 3, tzinfo=UTC)


def view_of(sizes: list[int], *, loose: int = 0, names: dict[int, str] | None = None, category: str = "bollards"):
    """Clusters c-0, c-1, … of these sizes, every other image from another country, and `loose` unclustered ones."""
    clusters: list[ClusterView] = [
        cluster(f"c-{n}", *(image(("de", "fr")[k % 2], f"{n}{k:03d}", category) for k in range(size)),
                name=(names or {}).get(n))
        for n, size in enumerate(sizes)
    ]  # fmt: skip
    unclustered = [Unclustered(image("at", str(k), category)) for k in range(loose)]
    return library(
        clusters=clusters, unclustered=unclustered, rejected=(), died=(), total_images=sum(sizes) + loose,
        category=category,
    )  # fmt: skip


class PublishingBench:
    """What the pipeline computes is `view`; a day passes with each call of `publish`."""

    def __init__(self, root: Path, *outlets: str, **published: Any) -> None:
        self.data = root / "data"
        self.outlets = [{"url": url} for url in outlets]
        self.published = published
        self.view: LibraryView = view_of([6, 5, 4])
        self.notices: list[str] = []
        self.days = 0

    def settings(self) -> Settings:
        published = {"outlets": self.outlets, **self.published}
        return Settings.model_validate({"data_dir": self.data, "published": published})

    def project(self) -> Project:
        project = Project(self.settings(), talk=self, clock=lambda: START + timedelta(days=self.days))
        if project.store.current("bollards", "images") is None:
            for slug in ("bollards", "cars"):
                write_slugs(project.layout, {"bollards": "bollards", "cars": "cars"})
                empty = pl.DataFrame(schema=IMAGES_SCHEMA)
                project.store.write(slug, "images", {"images": (empty, IMAGES_SCHEMA)}, fingerprint="", created_at="")
        return project

    def publish(self, slug: str = "bollards") -> publishing.PublishReport:
        self.days += 1
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(published_result, "gather", lambda project, slug: self.view)
            return publishing.publish(self.project(), slug)

    def publish_held(self) -> publishing.Held:
        """Publish a result that has to wait."""
        report = self.publish()
        assert report.held is not None
        return report.held

    def history(self, slug: str = "bollards") -> History:
        return read_history(self.data / "published", slug)

    def read(self, name: str = "clusters.json", root: Path | None = None, slug: str = "bollards") -> Any:
        return json.loads(((root or self.data / "published") / slug / name).read_bytes())

    def sizes(self, root: Path | None = None) -> list[int]:
        return [one["size"] for one in self.read(root=root)["clusters"]]

    def notice(self, text: str) -> None:
        self.notices.append(text)
        logging.getLogger("bench").info(text)

    def progress(self, phase: str, done: int, total: int) -> None:
        pass
