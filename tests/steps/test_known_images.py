"""Images that come back under other names and with other pixels: decisions, ids and vectors stay."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from pipeline.curation import decisions as d
from pipeline.stages.images.contract import IMAGES_SCHEMA
from tests.odd_images import photograph
from tests.steps.named_library import Bench, name_all
from tests.steps.test_run import KINDS


def picture(seed: int) -> Image.Image:
    colour = Image.new("RGB", (320, 240), list(KINDS.values())[seed % 3])
    return Image.blend(colour, Image.fromarray(photograph(320, 240, seed)), 0.2)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """36 JPEGs of three colours in two folders, published with a name for each colour."""
    made = Bench(tmp_path / "library", tmp_path / "data")
    for seed in range(36):
        path = made.library / "posts" / ("de" if seed % 2 else "fr") / f"{seed // 2:03d}-400w.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(path, quality=92)
    made.run()
    name_all(made)
    made.run()
    return made


def converted(to: Callable[[Path], Path], width: int = 320, *, delete: bool = True) -> Callable[[Bench], None]:
    """Every picture saved again at another path, and the old file deleted."""

    def convert(bench: Bench) -> None:
        for path in sorted(bench.library.rglob("*.jpg")):
            with Image.open(path) as image:
                image.load()
            place = to(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            if delete:
                path.unlink()
            image.resize((width, width * 3 // 4), Image.Resampling.LANCZOS).save(place, quality=80)

    return convert


def in_two_nights(bench: Bench) -> None:
    """First the new files appear, then the old ones are deleted."""
    converted(lambda path: path.with_suffix(".webp"), delete=False)(bench)
    bench.run()
    for path in bench.library.rglob("*.jpg"):
        path.unlink()


def wider(path: Path) -> Path:
    return path.with_name(path.name.replace("400w", "800w"))


WAYS: dict[str, Callable[[Bench], None]] = {
    "another format": converted(lambda path: path.with_suffix(".webp")),
    "another format, deleted a night later": in_two_nights,
    "ending in capitals": converted(lambda path: path.with_suffix(".JPG")),
    "another width": converted(wider, 640),
    "another width beside it": converted(wider, 640, delete=False),
    "a deeper folder": converted(lambda path: path.parent / "2024" / path.name),
    "a renamed group": converted(lambda path: path.parent.parent / f"x{path.parent.name}" / path.name),
}


def state(bench: Bench, slug: str = "posts") -> dict[str, object]:
    """What people said, by the picture: the number in its name and its folder's last letter."""

    def short(key: str) -> str:
        return next(part for part in key.split("/") if part.endswith(("de", "fr")))[-2:] + key.rsplit("/", 1)[-1][:3]

    document = bench.document(slug)
    clustered = [(image["key"], cluster["id"]) for cluster in document["clusters"] for image in cluster["images"]]
    project = bench.project()
    table = project.store.require(slug, "images").table("images", IMAGES_SCHEMA)
    keys = dict(table.select("content_hash", "key").iter_rows())
    return {
        "names": sorted(filter(None, (cluster["name"] for cluster in document["clusters"]))),
        "excluded": {short(one["key"]) for one in document["rejected"]},
        "homes": {short(key): cluster for key, cluster in clustered},
        "tags": {short(keys[image]): tags for image, tags in project.curation.curated(slug).tags.items()},
    }


def decide(bench: Bench) -> None:
    project = bench.project()
    table = project.store.require("posts", "images").table("images", IMAGES_SCHEMA)
    images = dict(table.select("key", "content_hash").iter_rows())
    first, second = bench.document("posts")["clusters"][:2]
    excluded, moved = (images[cluster["images"][0]["key"]] for cluster in (first, second))
    project.curation.decide("posts", d.Exclude(images=(excluded,)), actor="ann")
    project.curation.decide("posts", d.Move(images=(moved,), to=first["id"]), actor="ann")
    project.curation.decide("posts", d.Tag(images=(moved,), tag="seen"), actor="ann")
    project.curation.close()
    bench.run()


@pytest.mark.parametrize("way", WAYS)
def test_what_was_decided_holds_for_images_with_another_name_and_other_pixels(bench: Bench, way: str) -> None:
    decide(bench)
    before = state(bench)
    WAYS[way](bench)
    bench.encoder.batches.clear()
    bench.run()
    assert state(bench) == before
    assert bench.encoder.encoded == 0


def test_a_category_that_was_exported_again_under_another_name_is_a_renamed_one(bench: Bench) -> None:
    decide(bench)
    before = state(bench)
    converted(lambda path: bench.library / "streets" / path.parent.name / path.with_suffix(".webp").name)(bench)
    shutil.rmtree(bench.library / "posts")
    bench.encoder.batches.clear()
    bench.run()
    assert state(bench, "streets") == before
    assert bench.encoder.encoded == 0


def test_a_smaller_copy_of_a_category_that_is_there_is_a_category_of_its_own(bench: Bench) -> None:
    decide(bench)
    before = state(bench)
    converted(lambda path: bench.library / "copy" / path.parent.name / path.name, delete=False)(bench)
    bench.run()
    assert state(bench) == before
    assert state(bench, "copy")["names"] == []
    assert state(bench, "copy")["excluded"] == set()


def test_another_picture_in_another_format_of_the_same_name_is_a_new_image(bench: Bench) -> None:
    decide(bench)
    excluded = next(bench.library / one["key"] for one in bench.document("posts")["rejected"])
    excluded.unlink()
    picture(int(excluded.name[:3]) * 2 + (excluded.parent.name == "de") + 300).save(excluded.with_suffix(".webp"))
    bench.run()
    assert state(bench)["excluded"] == set()
