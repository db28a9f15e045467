"""The contact sheet stays small however many clusters there are and however wild they look."""

import io

import numpy as np
from PIL import Image

from assets.contact_sheet import MOST_BYTES, MOST_TILES, encoded, grid


def thumbnails(number: int) -> list[bytes]:
    rng = np.random.default_rng(7)
    made: list[bytes] = []
    for _ in range(number):
        file = io.BytesIO()
        noise = rng.integers(0, 256, size=(150, 192, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file, "WEBP", quality=80)
        made.append(file.getvalue())
    return made


def test_pure_noise_in_every_tile_stays_below_the_limit() -> None:
    assert len(encoded(grid(thumbnails(MOST_TILES)))) <= MOST_BYTES


def test_one_cluster_is_one_tile() -> None:
    assert grid(thumbnails(1)).size == (100, 100)
