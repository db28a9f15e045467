"""Images that a program turned under their keys: decisions, ids and vectors stay, and the thumbnail is turned too."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.curation import decisions as d
from pipeline.stages.images.contract import IMAGES_SCHEMA
from tests.odd_images import photograph
from tests.steps.named_library import Bench, name_all, names
from tests.steps.test_run import KINDS

ORIENTATION = 0x0112  # EXIF


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """36 pictures of three colours with something to see in each, published with a name for each colour."""
    made = Bench(tmp_path / "library", tmp_path / "data")
    for seed in range(36):
        path = made.library / "posts" / "de" / f"{seed:03d}-800w.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = Image.new("RGB", (80, 60), list(KINDS.values())[seed % 3])
        Image.blend(colour, Image.fromarray(photograph(80, 60, seed)), 0.2).save(path)
    made.run()
    name_all(made)
    made.run()
    return made


def turn_by_exif(path: Path) -> None:
    """What a photo manager that never touches pixels does."""
    with Image.open(path) as image:
        exif = image.getexif()
        exif[ORIENTATION] = 6
        image.save(path, exif=exif)


def turn_pixels(path: Path) -> None:
    """What `jpegtran -rotate` does."""
    with Image.open(path) as image:
        image.transpose(Image.Transpose.ROTATE_270).save(path)


def mirror(path: Path) -> None:
    with Image.open(path) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)


def hashes(bench: Bench) -> dict[str, str]:
    table = bench.project().store.require("posts", "images").table("images", IMAGES_SCHEMA)
    return dict(table.select("key", "content_hash").iter_rows())


def thumbnail_size(bench: Bench, name: str) -> tuple[int, int]:
    stored = bench.project().thumbnails.read(name)
    assert stored is not None
    with Image.open(io.BytesIO(stored)) as image:
        return image.size


@pytest.mark.parametrize("turn", [turn_by_exif, turn_pixels, mirror])
def test_what_was_decided_about_images_holds_when_they_are_turned(bench: Bench, turn: Callable[[Path], None]) -> None:
    first, second = bench.document("posts")["clusters"][:2]
    left_out, moved = first["images"][0]["key"], second["images"][0]["key"]
    before = hashes(bench)
    curation = bench.project().curation
    curation.decide("posts", d.Exclude(images=(before[left_out],)), actor="ann")
    curation.decide("posts", d.Move(images=(before[moved],), to=first["id"]), actor="ann")
    curation.decide("posts", d.Tag(images=(before[moved],), tag="seen"), actor="ann")
    curation.close()
    bench.run()
    for path in bench.library.rglob("*.png"):
        turn(path)
    bench.encoder.batches.clear()
    bench.run()
    document = bench.document("posts")
    assert left_out in {one["key"] for one in document["rejected"]}
    homes = {image["key"]: cluster["id"] for cluster in document["clusters"] for image in cluster["images"]}
    assert homes[moved] == first["id"]
    assert bench.project().curation.curated("posts").tags[hashes(bench)[moved]] == ("seen",)
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    assert bench.encoder.encoded == 0


def test_the_thumbnail_is_turned_with_its_image_and_back(bench: Bench) -> None:
    path = next(bench.library.rglob("*.png"))
    name, whole = hashes(bench)[str(path.relative_to(bench.library))], path.read_bytes()
    assert thumbnail_size(bench, name) == (80, 60)
    turn_pixels(path)
    bench.run()
    assert thumbnail_size(bench, name) == (60, 80)
    path.write_bytes(whole)
    bench.encoder.batches.clear()
    bench.run()
    assert thumbnail_size(bench, name) == (80, 60)
    assert bench.encoder.encoded == 0


def test_another_picture_under_the_same_key_is_a_new_image(bench: Bench) -> None:
    path = next(bench.library.rglob("*.png"))
    key, name = str(path.relative_to(bench.library)), hashes(bench)[str(path.relative_to(bench.library))]
    pixels = np.random.default_rng(99).integers(0, 255, (80, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    bench.run()
    assert hashes(bench)[key] != name
