"""Names that differ by a width are variants only if the pictures are the same at another size."""

from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from pipeline.adapters import decode_apart
from pipeline.stages.images.decode import Rejected, content_hash
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps import variants as looking
from pipeline.steps.categories import select_categories
from pipeline.steps.manifest import manifest
from tests.odd_images import photograph
from tests.steps.test_run import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "library" / "lamps" / "de").mkdir(parents=True)
    return Bench(tmp_path / "library", tmp_path / "data")


def put(bench: Bench, name: str, seed: int, size: tuple[int, int] = (1000, 750), *, quality: int = 85) -> None:
    image = Image.fromarray(photograph(1000, 750, seed)).resize(size, Image.Resampling.LANCZOS)
    if size != (1000, 750):
        image = image.filter(ImageFilter.UnsharpMask(1, 60, 2))
    image.save(bench.library / "lamps" / "de" / name, quality=quality)


def listed(bench: Bench) -> list[str]:
    """The objects that are read, one for each image."""
    project = bench.project()
    (slug,) = select_categories(project, ())
    manifest(project, slug)
    frame = project.store.require(slug, "manifest").table("manifest", MANIFEST_SCHEMA)
    return [key.rpartition("/")[2] for key in frame.filter(frame["change"] != "removed")["key"]]


def test_different_pictures_both_stay_and_this_is_told(bench: Bench) -> None:
    put(bench, "flood-500w.jpg", 1)
    put(bench, "flood-1000w.jpg", 2)
    assert listed(bench) == ["flood-1000w.jpg", "flood-500w.jpg"]
    assert any("flood (1000w, 500w)" in text and "different pictures" in text for text in bench.notices)


def test_different_pictures_of_exactly_these_widths_both_stay(bench: Bench) -> None:
    put(bench, "flood-500w.jpg", 1, (500, 375))
    put(bench, "flood-1000w.jpg", 2)
    assert listed(bench) == ["flood-1000w.jpg", "flood-500w.jpg"]


def test_the_same_look_in_another_aspect_is_another_picture(bench: Bench) -> None:
    put(bench, "flood-500w.jpg", 1, (500, 300))
    put(bench, "flood-1000w.jpg", 1)
    assert len(listed(bench)) == 2


@pytest.mark.parametrize("quality", [95, 40])
def test_one_picture_in_several_sizes_is_one_image_however_it_was_resized(bench: Bench, quality: int) -> None:
    for width in (320, 500, 1000):
        put(bench, f"flood-{width}w.jpg", 1, (width, width * 3 // 4), quality=quality)
    assert listed(bench) == ["flood-1000w.jpg"]
    assert not any("different pictures" in text for text in bench.notices)


def test_what_was_found_is_remembered_and_nothing_is_read_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bench, "flood-500w.jpg", 1)
    put(bench, "flood-1000w.jpg", 2)
    put(bench, "spot-500w.jpg", 3, (500, 375))
    put(bench, "spot-1000w.jpg", 3)
    assert len(listed(bench)) == 3

    def refuse(*_: object) -> bool:
        raise AssertionError("a picture was read")

    monkeypatch.setattr(looking, "_one_picture", refuse)
    bench.notices.clear()
    put(bench, "other.jpg", 9)  # another listing
    assert len(listed(bench)) == 4
    assert len(listed(bench)) == 4
    assert bench.notices == []


def test_an_object_that_changes_is_looked_at_again(bench: Bench) -> None:
    put(bench, "flood-500w.jpg", 1)
    put(bench, "flood-1000w.jpg", 2)
    assert len(listed(bench)) == 2
    put(bench, "flood-500w.jpg", 2, (500, 375))
    assert listed(bench) == ["flood-1000w.jpg"]


def test_an_object_that_cannot_be_read_speaks_against_nothing(bench: Bench) -> None:
    put(bench, "flood-1000w.jpg", 1)
    (bench.library / "lamps" / "de" / "flood-500w.jpg").write_bytes(b"no image")
    assert listed(bench) == ["flood-1000w.jpg"]


def test_a_run_publishes_both_pictures_and_accounts_for_every_object(bench: Bench) -> None:
    for number in range(6):
        put(bench, f"lamp{number}-500w.jpg", number)
        put(bench, f"lamp{number}-1000w.jpg", 100 + number)
    summary = bench.run()["lamps"]
    assert (summary["images"], summary["set_aside"]) == (12, 0)
    assert bench.run()["lamps"]["read"] == 0


def test_a_file_that_an_earlier_run_died_of_is_decoded_apart_here_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench, "flood-500w.jpg", 1, (500, 375))
    put(bench, "flood-1000w.jpg", 1)
    data = (bench.library / "lamps" / "de" / "flood-500w.jpg").read_bytes()
    marker = bench.data / "categories" / "lamps" / "images" / "decoding"
    marker.parent.mkdir(parents=True)
    marker.write_text(f"{content_hash(data)}\n")
    apart = list[bytes]()

    def refuse(_: object, data: bytes, digest: str) -> Rejected:
        apart.append(data)
        return Rejected("broken", "Its decoder did not end within 60 s.", digest)

    monkeypatch.setattr(decode_apart.DecodingProcess, "decode", refuse)
    assert listed(bench) == ["flood-1000w.jpg"]
    assert data in apart  # others are too, until it is clear which of them the run died of
    assert content_hash(data) in marker.with_name("undecodable.json").read_text()
