"""What is told of a picture by its thumbnail, and what is left between two pictures laid over one another."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from pipeline.stages.duplicates.image_difference import largest_difference
from pipeline.stages.duplicates.signatures import Signature, signature


def scene(seed: int = 0, size: tuple[int, int] = (192, 144)) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 12, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "JPEG", quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, quality=quality)
    return out.getvalue()


def signed(picture: Image.Image, quality: int = 85) -> Signature:
    found = signature(encoded(picture, quality=quality))
    assert found is not None
    return found


def tiny(picture: Image.Image) -> np.ndarray:
    return np.frombuffer(signed(picture).tiny, dtype=np.uint8).reshape(16, 16, 3)


def bits_apart(one: Signature, other: Signature) -> int:
    return (one.phash ^ other.phash).bit_count()


def test_the_hash_is_the_same_for_a_recompressed_copy_and_another_for_another_picture() -> None:
    assert bits_apart(signed(scene()), signed(scene(), quality=30)) <= 4
    assert bits_apart(signed(scene()), signed(scene(size=(96, 72)))) <= 4
    assert min(bits_apart(signed(scene()), signed(scene(seed))) for seed in range(1, 20)) > 10


def test_a_wall_has_no_contrast_and_a_scene_has() -> None:
    rng = np.random.default_rng(1)
    wall = Image.fromarray(rng.normal(235, 2, (144, 192, 3)).clip(0, 255).astype(np.uint8))
    assert signed(wall).contrast < 4
    assert signed(scene()).contrast > 20


def test_a_blurred_copy_is_less_sharp() -> None:
    assert signed(scene().filter(ImageFilter.GaussianBlur(3))).sharpness < signed(scene()).sharpness


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_any_format_of_thumbnail_will_do(kind: str) -> None:
    found = signature(encoded(scene(), kind))
    assert found is not None
    assert bits_apart(found, signed(scene())) <= 2
    assert len(found.tiny) == 768


def test_bytes_that_are_no_picture_have_no_signature() -> None:
    assert signature(b"") is None
    assert signature(encoded(scene())[:40]) is None


def test_a_tiny_thumbnail_has_a_signature() -> None:
    assert signed(Image.new("RGB", (2, 1), "red")).sharpness == 0.0


def test_a_copy_that_was_cut_and_brightened_fits_over_the_original() -> None:
    picture = scene(3)
    cut = picture.crop((6, 4, 192, 140)).resize((192, 144))
    bright = ImageEnhance.Brightness(cut).enhance(1.1)
    before, after = tiny(picture), tiny(bright)
    assert np.abs(before.astype(int) - after).max() > 40
    assert largest_difference(before, after[None])[0] < 30


def test_another_colour_in_one_place_does_not_fit() -> None:
    picture = scene(3).filter(ImageFilter.GaussianBlur(6))
    variant = picture.copy()
    variant.paste((230, 30, 30), (70, 60, 110, 100))
    assert largest_difference(tiny(picture), tiny(variant)[None])[0] > 60


def test_many_are_compared_as_each_alone() -> None:
    one, others = tiny(scene(0)), np.stack([tiny(scene(seed)) for seed in range(5)])
    together = largest_difference(one, others)
    alone = [largest_difference(one, other[None])[0] for other in others]
    assert together == pytest.approx(alone, abs=0.01)
    assert together[0] < 1
    assert len(largest_difference(one, others[:0])) == 0


def test_flat_pictures_compare_without_trouble() -> None:
    white, black = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    assert np.isfinite(largest_difference(white, np.stack([white, black]))).all()
