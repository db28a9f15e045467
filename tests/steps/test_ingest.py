"""What must hold of reading in: what is read again, and what a change of the code costs a data directory of before."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.settings import Settings
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps import ingest as ingest_step
from pipeline.steps.categories import select_categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project, Report
from tests.fakes import MeanColourEncoder
from tests.odd_images import encoded

SLUG = "posts"


class Library:
    """A folder of pictures and a data directory, read in by each call of `run`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.encoder = MeanColourEncoder()
        self.folder = root / "library" / SLUG
        self.folder.mkdir(parents=True)

    def picture(self, seed: int, width: int = 256) -> Image.Image:
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


def with_keyword(data: bytes) -> bytes:
    """A JPEG as a photo manager leaves it: one more header segment, not one pixel changed."""
    note = b"keyword=seen"
    return data[:2] + b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note + data[2:]


def hashes(library: Library) -> dict[str, object]:
    return {name: row["content_hash"] for name, row in library.rows().items()}


@pytest.fixture
def photographs(library: Library) -> Library:
    for seed in range(4):
        library.write(f"{seed}.jpg", encoded(library.picture(seed), "JPEG", quality=90))
    library.run()
    library.encoder.batches.clear()
    return library


@pytest.mark.parametrize("earlier_version", [False, True])
def test_a_keyword_written_into_the_files_changes_no_image_and_embeds_nothing(
    photographs: Library, earlier_version: bool
) -> None:
    before = hashes(photographs)
    if earlier_version:
        shutil.rmtree(photographs.root / "data" / "contents")
    for path in photographs.folder.iterdir():
        path.write_bytes(with_keyword(path.read_bytes()))
    reports = photographs.run()
    assert reports["images"].counts["read"] == 4
    assert reports["embeddings"].counts["embedded"] == photographs.encoder.encoded == 0
    assert hashes(photographs) == before
    assert photographs.run()["images"].counts["read"] == 0


def test_an_image_that_is_renamed_and_edited_at_once_stays_the_same(photographs: Library) -> None:
    before = hashes(photographs)
    data = (photographs.folder / "1.jpg").read_bytes()
    (photographs.folder / "1.jpg").unlink()
    photographs.write("moved.jpg", with_keyword(data))
    photographs.run()
    assert hashes(photographs)["moved.jpg"] == before["1.jpg"]
    assert photographs.encoder.encoded == 0


def test_an_image_that_was_gone_for_a_while_comes_back_edited_as_itself(photographs: Library) -> None:
    before = hashes(photographs)
    data = (photographs.folder / "1.jpg").read_bytes()
    (photographs.folder / "1.jpg").unlink()
    photographs.run()
    photographs.write("back.jpg", with_keyword(data))
    photographs.run()
    assert hashes(photographs)["back.jpg"] == before["1.jpg"]


def test_saved_anew_under_its_key_an_image_stays_and_another_picture_there_is_new(photographs: Library) -> None:
    before = hashes(photographs)
    photographs.write("1.jpg", encoded(photographs.picture(1), "JPEG", quality=80))
    photographs.write("2.jpg", encoded(photographs.picture(3).rotate(180), "JPEG", quality=90))
    photographs.run()
    now = hashes(photographs)
    assert now["1.jpg"] == before["1.jpg"]
    assert now["2.jpg"] not in before.values()
    assert photographs.encoder.encoded == 1


def test_files_with_the_same_pixels_are_one_image_with_one_vector_and_their_own_rows(library: Library) -> None:
    white = Image.new("RGB", (40, 40), "white")
    for number in range(6):
        library.write(f"{number}.png", encoded(white, "PNG", compress_level=number))
    library.write("7.bmp", encoded(white, "BMP"))
    reports = library.run()
    assert len(set(hashes(library).values())) == 1
    assert reports["embeddings"].counts["vectors"] == reports["embeddings"].counts["embedded"] == 1
    assert {row["format"] for row in library.rows().values()} == {"PNG", "BMP"}


def test_images_that_an_earlier_version_told_apart_keep_what_was_decided_about_each(library: Library) -> None:
    """Two files with the same pixels, each known by its own bytes: another encoder decodes both again."""
    first = encoded(library.picture(1), "JPEG", quality=90)
    library.write("a.jpg", first)
    library.run()
    library.write("b.jpg", with_keyword(first))
    shutil.rmtree(library.root / "data" / "contents")
    library.run()
    shutil.rmtree(library.root / "data" / "contents")
    before = hashes(library)
    assert len(set(before.values())) == 2
    shutil.rmtree(library.root / "data" / "vectors")
    library.run()
    assert hashes(library) == before
