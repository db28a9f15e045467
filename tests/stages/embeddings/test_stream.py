"""What must hold of the stream: order, identity, one pass per content, bounded memory, and no half results."""

import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import BucketUnreachableError, EncoderError, ObjectMissingError
from pipeline.settings import ImageParams
from pipeline.stages.embeddings import stream as embeddings
from pipeline.stages.embeddings.stream import Outcome, stream
from pipeline.stages.images.decode import Decoded, ImageInfo, Rejected, content_hash, decode
from tests.fakes import MeanColourEncoder
from tests.odd_images import encoded, odd_images, photograph

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def plain(number: int) -> bytes:
    """A small image of a colour that no other number has."""
    colour = (number * 37 % 256, number * 101 % 256, number * 59 % 256)
    return encoded(Image.new("RGB", (24, 20), colour), "PNG")


def run(items: Any, encoder: Any, **options: Any) -> list[Outcome[Any]]:
    settings: dict[str, Any] = {
        "image_params": ImageParams(), "batch_size": 4, "threads": 2, "thumbnail_pixels": None,
        "skip": None, "on_notice": None,
    }  # fmt: skip
    return list(stream(items, encoder=encoder, **(settings | options)))


def expected(data: bytes) -> np.ndarray:
    encoder, decoded = MeanColourEncoder(), decode(data, ImageParams())
    assert isinstance(decoded, Decoded)
    return encoder.encode(encoder.prepare(decoded.pixels)[None])[0]


@pytest.mark.parametrize("name", [name for name, odd in odd_images().items() if odd.status != "ok"])
def test_a_bad_file_in_the_middle_shifts_nothing(name: str) -> None:
    odd = odd_images()[name]
    items = [(f"id{number}", plain(number)) for number in range(11)]
    items[5] = ("id5", odd.data)
    outcomes = run(items, MeanColourEncoder())
    assert [outcome.token for outcome in outcomes] == [token for token, _ in items]
    for (_, data), outcome in zip(items, outcomes, strict=True):
        if outcome.token == "id5":
            assert isinstance(outcome.image, Rejected)
            assert outcome.image.status == odd.status
            assert (outcome.vector, outcome.thumbnail) == (None, None)
        else:
            assert isinstance(outcome.image, ImageInfo)
            assert outcome.image.content_hash == content_hash(data)
            np.testing.assert_array_equal(outcome.vector, expected(data))


def test_all_odd_kinds_in_one_stream_come_out_by_their_names() -> None:
    odd = odd_images()
    outcomes = run([(name, kind.data) for name, kind in odd.items()], MeanColourEncoder(), thumbnail_pixels=64)
    for outcome in outcomes:
        status = outcome.image.status if isinstance(outcome.image, Rejected) else "ok"
        assert status == odd[outcome.token].status
        assert (outcome.vector is not None) == (status == "ok" and not outcome.vector_known)
        assert (outcome.thumbnail is not None) == (outcome.vector is not None)
    assert [outcome.token for outcome in outcomes] == list(odd)


def test_slow_and_quick_files_come_out_in_order_under_many_threads() -> None:
    files = [encoded(photograph(600, 500, n), "PNG") if n % 5 == 0 else plain(n) for n in range(40)]
    outcomes = run(list(enumerate(files)), MeanColourEncoder(), threads=6)
    assert [outcome.token for outcome in outcomes] == list(range(40))
    for outcome in outcomes:
        np.testing.assert_array_equal(outcome.vector, expected(files[outcome.token]))


def test_the_same_content_is_embedded_once() -> None:
    encoder = MeanColourEncoder()
    outcomes = run([(n, plain(n % 3)) for n in range(30)], encoder, thumbnail_pixels=64)
    assert encoder.encoded == 3
    assert [outcome.vector is not None for outcome in outcomes] == [True] * 3 + [False] * 27
    assert [outcome.vector_known for outcome in outcomes] == [False] * 3 + [True] * 27
    assert {outcome.image for outcome in outcomes} == {outcome.image for outcome in outcomes[:3]}


def test_two_copies_of_a_bad_file_are_both_rejected() -> None:
    outcomes = run([("a", b"junk"), ("b", plain(1)), ("c", b"junk")], MeanColourEncoder())
    assert isinstance(outcomes[2].image, Rejected)
    assert outcomes[2].image == outcomes[0].image
    assert not outcomes[2].vector_known


@pytest.mark.parametrize("encoder", [MeanColourEncoder(), None])
def test_a_copy_that_comes_long_after_the_first_is_told_from_its_header_and_embedded_no_second_time(
    monkeypatch: pytest.MonkeyPatch, encoder: MeanColourEncoder | None
) -> None:
    monkeypatch.setattr(embeddings, "RECENT", 2)
    files = [b"junk", *map(plain, range(1, 20)), plain(1), b"junk", plain(19), plain(1)]
    outcomes = run(list(enumerate(files)), encoder, thumbnail_pixels=64)
    assert encoder is None or encoder.encoded == 19
    for copy, first in ((20, 1), (22, 19), (23, 1)):
        image, same = outcomes[copy].image, outcomes[first].image
        assert isinstance(image, ImageInfo)
        assert isinstance(same, ImageInfo)
        assert vars(image) == vars(same)
        assert (outcomes[copy].vector, outcomes[copy].thumbnail) == (None, None)
        assert outcomes[copy].vector_known == (encoder is not None)
    assert outcomes[21].image == outcomes[0].image
    assert not outcomes[21].vector_known


def test_what_is_kept_of_finished_rows_does_not_grow_with_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "RECENT", 10)
    born: list[weakref.ref[Any]] = []
    alive: list[int] = []
    for outcome in stream(
        ((n, plain(n)) for n in range(120)), image_params=ImageParams(), encoder=MeanColourEncoder(), batch_size=4,
        threads=2, thumbnail_pixels=None,
    ):  # fmt: skip
        born.append(weakref.ref(outcome.image))
        alive.append(sum(image() is not None for image in born))
    assert max(alive) <= 2 * max(alive[:40])


def test_known_content_gets_metadata_and_nothing_else() -> None:
    encoder, known = MeanColourEncoder(), content_hash(plain(2))
    outcomes = run([(n, plain(n)) for n in range(5)], encoder, skip=known.__eq__, thumbnail_pixels=64)
    assert encoder.encoded == 4
    assert isinstance(outcomes[2].image, ImageInfo)
    assert (outcomes[2].image.width, outcomes[2].image.height) == (24, 20)
    assert outcomes[2].vector_known
    assert (outcomes[2].vector, outcomes[2].thumbnail) == (None, None)


def test_without_an_encoder_there_are_rows_and_thumbnails_only() -> None:
    outcomes = run([(n, plain(n)) for n in range(5)] + [("x", b"junk")], None, thumbnail_pixels=64)
    assert all(outcome.vector is None and not outcome.vector_known for outcome in outcomes)
    assert [outcome.thumbnail is not None for outcome in outcomes] == [True] * 5 + [False]


def test_a_missing_object_is_a_row() -> None:
    gone = ObjectMissingError("b.jpg was deleted after it was listed.")
    outcomes = run([("a", plain(1)), ("b", gone), ("c", plain(2))], MeanColourEncoder())
    assert outcomes[1].image == Rejected("missing", "b.jpg was deleted after it was listed.")
    np.testing.assert_array_equal(outcomes[2].vector, expected(plain(2)))


@pytest.mark.parametrize("raised_by_reader", [False, True])
def test_a_bucket_that_stops_answering_ends_the_stream_after_what_was_read(raised_by_reader: bool) -> None:
    def items() -> Iterator[tuple[int, Any]]:
        yield from ((n, plain(n)) for n in range(6))
        if raised_by_reader:
            raise BucketUnreachableError("no answer")
        yield 6, BucketUnreachableError("no answer")
        pytest.fail("the reader was asked for more")

    outcomes: list[Outcome[int]] = []
    source = stream(
        items(), image_params=ImageParams(), encoder=MeanColourEncoder(), batch_size=4, threads=2, thumbnail_pixels=None
    )
    with pytest.raises(BucketUnreachableError):
        outcomes.extend(source)
    assert [outcome.token for outcome in outcomes] == list(range(6))
    assert all(outcome.vector is not None for outcome in outcomes)


def test_when_memory_runs_out_the_batch_is_halved_and_said_so() -> None:
    def at_most_three(batch: np.ndarray) -> None:
        if len(batch) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    notices: list[str] = []
    encoder = MeanColourEncoder(at_most_three)
    outcomes = run([(n, plain(n)) for n in range(40)], encoder, batch_size=16, on_notice=notices.append)
    assert len(notices) == 3
    assert notices[0].startswith("Memory does not hold 16 images")
    assert max(encoder.batches) == 2
    for outcome in outcomes:
        np.testing.assert_array_equal(outcome.vector, expected(plain(outcome.token)))


def test_memory_that_does_not_hold_one_image_is_an_error_that_says_what_to_do() -> None:
    def never(_: np.ndarray) -> None:
        raise MemoryError

    with pytest.raises(EncoderError, match="single image"):
        run([(n, plain(n)) for n in range(8)], MeanColourEncoder(never))


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory() -> None:
    def broken(_: np.ndarray) -> None:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        run([(n, plain(n)) for n in range(8)], MeanColourEncoder(broken))


class Spoiling(MeanColourEncoder):
    """Returns NaN for images whose first pixel is in `spoiled`."""

    def __init__(self, spoiled: set[int]) -> None:
        super().__init__()
        self.spoiled = spoiled

    def encode(self, batch: np.ndarray) -> np.ndarray:
        vectors = super().encode(batch)
        vectors[[int(image[0, 0, 0]) in self.spoiled for image in batch]] = np.nan
        return vectors


def test_a_vector_that_is_not_finite_sets_its_image_aside() -> None:
    items = [(n, plain(n)) for n in range(8)] + [("copy", plain(3))]
    outcomes = run(items, Spoiling({3 * 37}), thumbnail_pixels=64)
    assert [isinstance(outcome.image, Rejected) for outcome in outcomes] == [n in (3, 8) for n in range(9)]
    assert outcomes[3].vector is None
    assert outcomes[3].thumbnail is None
    assert not outcomes[8].vector_known


def test_a_model_that_returns_nothing_usable_is_an_error() -> None:
    with pytest.raises(EncoderError, match="no usable vector"):
        run([(n, plain(n)) for n in range(8)], Spoiling(set(range(256))))


def test_reading_ahead_is_bounded() -> None:
    read = finished = 0
    widest = 0

    def items() -> Iterator[tuple[int, bytes]]:
        nonlocal read, widest
        for n in range(250):  # no colour twice
            read += 1
            widest = max(widest, read - finished)
            yield n, plain(n)

    for _ in stream(
        items(), image_params=ImageParams(), encoder=MeanColourEncoder(), batch_size=8, threads=2, thumbnail_pixels=None
    ):
        finished += 1
    assert finished == 250
    assert widest <= embeddings.WINDOW_PER_THREAD * 2 + (embeddings.BATCHES_IN_FLIGHT + 2) * 8 + 2


def test_full_size_pixels_are_dropped_once_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most, lock = 0, 0, threading.Lock()
    original = embeddings.decode

    class Counted(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            if self.base is None or not isinstance(self.base, Counted):
                with lock:
                    alive -= 1

    def counting(*args: Any, **options: Any) -> Any:
        nonlocal alive, most
        result = original(*args, **options)
        assert isinstance(result, Decoded)
        with lock:
            alive += 1
            most = max(most, alive)
        object.__setattr__(result, "pixels", result.pixels.view(Counted))
        return result

    class Plain(MeanColourEncoder):
        def prepare(self, pixels: np.ndarray) -> np.ndarray:
            return np.array(super().prepare(np.asarray(pixels)))

    monkeypatch.setattr(embeddings, "decode", counting)
    run([(n, plain(n)) for n in range(100)], Plain(), batch_size=16)
    assert most <= 3


@pytest.mark.parametrize(("device", "largest"), [("CPU (fake)", 32), ("A GPU (fake)", 256)])
def test_without_a_batch_size_batches_suit_the_device(device: str, largest: int) -> None:
    encoder = MeanColourEncoder()
    encoder.device = device
    outcomes = run([(n, plain(n)) for n in range(600)], encoder, batch_size=0)
    assert len(outcomes) == 600
    assert max(encoder.batches) == largest


def test_a_caller_who_stops_early_leaves_no_threads_behind() -> None:
    before = threading.active_count()
    outcomes = stream(
        ((n, plain(n)) for n in range(10_000)), image_params=ImageParams(), encoder=MeanColourEncoder(), batch_size=4,
        threads=3, thumbnail_pixels=None,
    )  # fmt: skip
    next(outcomes)
    outcomes.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert threading.active_count() == before


def test_an_empty_stream_is_empty() -> None:
    assert run([], MeanColourEncoder()) == []
