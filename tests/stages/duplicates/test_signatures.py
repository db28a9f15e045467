"""What is told of a picture by its thumbnail, and what is left between two pictures laid over one another."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from pipeline.stages.duplicates.signatures import Signature, signature
from tests.stages.duplicates.scenes import encoded, scene, signed


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
