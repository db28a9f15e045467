"""What must hold of reading in: what is read again, and what a change of the code costs a data directory of before."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import Settings
from pipeline.stages.images.decode import IMAGES_SCHEMA
from pipeline.steps import ingest as ingest_step
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest, select_categories
from pipeline.steps.project import Project, Report
from tests.fakes import MeanColourEncoder

SLUG = "posts"


class Library:
    """A folder of pictures and a data directory, read in by each call of `run`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.encoder = MeanColourEncoder()
        self.folder = root / "library" / SLUG
        self.folder.mkdir(parents=True)

    def picture(self, seed: int, width: int = 64) -> Image.Image:
        noise = np.random.default_rng(seed).normal(0, 30, size=(8, 8, 3))
        small = np.clip(np.array((200, 30 + 20 * seed, 60)) + noise, 0, 255).astype(np.uint8)
        return Image.fromarray(small).resize((width, width * 3 // 4), Image.Resampling.BICUBIC)

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).write_bytes(data)

    def run(self) -> dict[str, Report]:
        values = {"data_dir": self.root / "data", "source": {"url": str(self.root / "library")}}
        self.project = Project(
            Settings.model_validate(values),
            encoder=lambda: self.encoder,
            clock=lambda: datetime(2026, 11, 2, tzinfo=UTC),
        )
        select_categories(self.project, [])
        reports = [manifest(self.project, SLUG), *ingest(self.project, SLUG)]
        return {report.artifact: report for report in reports}

    def rows(self) -> dict[str, dict[str, object]]:
        frame = self.project.store.require(SLUG, "images").table("images", IMAGES_SCHEMA)
        return {str(row["key"]).rpartition("/")[2]: row for row in frame.iter_rows(named=True)}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def test_after_a_better_decoder_only_what_was_set_aside_is_read_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.picture(1).save(library.folder / "a.png")
    library.write("b.png", b"this was not understood")
    monkeypatch.setattr(ingest_step, "CODE", ingest_step.USABLE_SINCE)
    assert library.run()["images"].counts["read"] == 2
    monkeypatch.setattr(ingest_step, "CODE", ingest_step.USABLE_SINCE + 1)
    again = library.run()
    assert again["images"].counts["read"] == 1
    assert again["embeddings"].counts["embedded"] == 0
    assert {name: row["status"] for name, row in library.rows().items()} == {"a.png": "ok", "b.png": "not_an_image"}
    assert library.run()["images"].counts["read"] == 0
