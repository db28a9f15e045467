"""Decoding ahead keeps the order, the budget and every item."""

from typing import Any

import pytest
from PIL import Image

from pipeline.errors import BucketUnreachableError, ObjectMissingError
from pipeline.settings import ImageParams
from pipeline.stages.images.attempts import Untracked
from pipeline.stages.images.decode import Decoded, Rejected, content_hash
from pipeline.stages.images.decode_ahead import decode_ahead
from tests.odd_images import encoded


def plain(number: int) -> bytes:
    return encoded(Image.new("RGB", (24, 20 + number), (number, 0, 0)), "PNG")


def height(_: int, decoded: Decoded) -> int:
    return decoded.height


def run(items: Any, **options: Any) -> list[tuple[int, int | Rejected]]:
    return list(decode_ahead(items, height, params=ImageParams(), **options))


def test_results_come_in_order_with_bad_ones_in_their_place() -> None:
    items: list[tuple[int, bytes | Exception]] = [(number, plain(number)) for number in range(40)]
    items[7] = (7, b"no image")
    items[9] = (9, ObjectMissingError(""))
    results = run(items, threads=3)
    assert [token for token, _ in results] == list(range(40))
    reasons = {token: made.status for token, made in results if isinstance(made, Rejected)}
    assert reasons == {7: "not_an_image", 9: "missing"}
    assert all(made == 20 + token for token, made in results if not isinstance(made, Rejected))


def test_an_error_of_the_reader_comes_after_what_was_read_before() -> None:
    seen: list[int] = []
    items: list[tuple[int, Any]] = [(0, plain(0)), (1, plain(1)), (2, BucketUnreachableError("no")), (3, plain(3))]
    with pytest.raises(BucketUnreachableError):
        seen += [token for token, _ in decode_ahead(items, height, params=ImageParams(), threads=1)]
    generator = decode_ahead(items, height, params=ImageParams(), threads=1)
    assert [next(generator)[0], next(generator)[0]] == [0, 1]


def test_a_file_that_an_earlier_run_died_of_is_decoded_apart() -> None:
    class Suspicious(Untracked):
        def is_suspect(self, _digest: str) -> bool:
            return True

        def apart(self, data: bytes, digest: str, name: str) -> Decoded | Rejected:
            return Rejected("broken", "Its decoder crashed.", digest)

    ((_, made),) = run([(0, plain(0))], attempts=Suspicious())
    assert isinstance(made, Rejected)
    assert made.content_hash == content_hash(plain(0))
