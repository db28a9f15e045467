"""Decoders share one budget of bytes; a large image waits for its turn, and is not passed by small ones for ever."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.embeddings import stream as streaming
from pipeline.stages.images.budget import PixelBudget, decoded_bytes
from pipeline.stages.images.decode import Decoded, decode
from tests.odd_images import encoded, photograph, quadrants


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("kind", "mode", "per_pixel"),
    [("JPEG", "RGB", 8), ("PNG", "L", 5), ("PNG", "RGBA", 8), ("WEBP", "RGBA", 12), ("TIFF", "F", 12)],
)
def test_the_memory_of_an_image_is_known_from_its_header(kind: str, mode: str, per_pixel: int) -> None:
    image = opened(encoded(quadrants(96, 64).convert(mode), kind))
    assert decoded_bytes(image) == 96 * 64 * per_pixel


def test_bytes_in_flight_never_exceed_the_budget() -> None:
    budget, over = PixelBudget(100), list[int]()

    def work(needed: int) -> None:
        with budget.turn() as admit:
            admit(needed)
            if budget.in_flight > 100:
                over.append(budget.in_flight)
            time.sleep(0.001)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [30, 60, 10, 99, 1, 50] * 20))
    assert (over, budget.in_flight) == ([], 0)
    assert 100 >= budget.peak > 90


def test_an_image_larger_than_the_budget_is_decoded_alone() -> None:
    budget, seen = PixelBudget(100), list[int]()

    def work(needed: int) -> None:
        with budget.turn() as admit:
            admit(needed)
            seen.append(budget.in_flight)
            time.sleep(0.001)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, [40, 250, 40, 250, 40]))
    assert all(in_flight <= 100 or in_flight == 250 for in_flight in seen)
    assert budget.peak == 250


def test_a_large_image_is_not_passed_by_small_ones_for_ever() -> None:
    budget, order = PixelBudget(100), list[str]()
    first_in, go_on = threading.Event(), threading.Event()

    def first() -> None:
        with budget.turn() as admit:
            admit(60)
            first_in.set()
            go_on.wait()

    def later(name: str, needed: int) -> None:
        with budget.turn() as admit:
            admit(needed)
            order.append(name)

    with ThreadPoolExecutor(4) as pool:
        pool.submit(first)
        first_in.wait()
        for number, (name, needed) in enumerate((("large", 90), ("small", 10), ("smaller", 5)), start=1):
            pool.submit(later, name, needed)
            while budget.waiting < number:
                time.sleep(0.001)
        go_on.set()
    assert order[0] == "large"


def test_bytes_are_given_back_after_an_error() -> None:
    budget = PixelBudget(100)

    def broken() -> None:
        with budget.turn() as admit:
            admit(70)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert budget.in_flight == 0


def test_decoding_asks_before_the_pixels_and_not_for_what_is_set_aside() -> None:
    asked = list[int]()
    assert isinstance(decode(encoded(quadrants(), "JPEG"), ImageParams(), admit=asked.append), Decoded)
    decode(b"no image", ImageParams(), admit=asked.append)
    decode(encoded(quadrants(), "PNG"), ImageParams(max_megapixels=0.001), admit=asked.append)
    assert asked == [96 * 64 * 8]


def test_a_stream_keeps_large_images_within_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = list[PixelBudget]()

    class Watched(PixelBudget):
        def __init__(self, limit: int) -> None:
            super().__init__(limit)
            budgets.append(self)

    monkeypatch.setattr(streaming, "PixelBudget", Watched)
    files = [encoded(photograph(400, 300, seed), "PNG") for seed in range(12)]
    needed = 400 * 300 * 8
    outcomes = streaming.stream(
        [(str(n), data) for n, data in enumerate(files)], image_params=ImageParams(decode_megabytes=2.5 * needed / 1e6),
        encoder=None, batch_size=4, threads=6, thumbnail_pixels=64,
    )  # fmt: skip
    assert len(list(outcomes)) == 12
    assert budgets[0].peak <= 2 * needed
