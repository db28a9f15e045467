"""A slow line, a server that wants a pause, listings in odd pages: what comes is used, what never ends is ended."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters import s3_listing, s3_pages
from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.errors import BucketUnreachableError
from pipeline.steps.manifest import manifest
from tests.fake_s3 import Drip, FakeS3, Fault, Late, Refusal, Slowly
from tests.real.s3_library import GOOD, project_on, run_on, s3

__all__ = ["s3"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ONE = "posts/de/003.png"


def bucket_on(s3: FakeS3, notices: list[str] | None = None, **options: float) -> ObstoreBucket:
    said = notices.append if notices is not None else None
    patient = {"retries": 0, "retry_seconds": 0.0, "timeout_seconds": 0.6, **options}
    bucket = open_bucket(
        "s3://pics", endpoint_url=s3.server.endpoint, environment=s3.server.environment, notice=said,
        retries=int(patient["retries"]), retry_seconds=patient["retry_seconds"],
        timeout_seconds=patient["timeout_seconds"],
    )  # fmt: skip
    assert isinstance(bucket, ObstoreBucket)
    return bucket


# --- objects ----------------------------------------------------------------------------------------------------------


def test_a_large_object_over_a_slow_line_is_read_although_it_takes_longer_than_the_time_out(s3: FakeS3) -> None:
    s3.objects["large"] = os.urandom(3_000_000)
    s3.fault = lambda kind, _count: Slowly(20, 0.1) if kind == "get" else None
    assert bucket_on(s3).read("large") == s3.objects["large"]


def test_a_large_copy_over_a_slow_line_is_fetched(s3: FakeS3, tmp_path: Path) -> None:
    s3.objects["large"] = os.urandom(3_000_000)
    s3.fault = lambda kind, _count: Slowly(20, 0.1) if kind == "get" else None
    bucket_on(s3).download("large", tmp_path / "large")
    assert (tmp_path / "large").read_bytes() == s3.objects["large"]


@pytest.mark.parametrize(
    ("fault", "reason"), [(Drip(0.2), "it comes too slowly"), (Slowly(2, 3), "timed out")], ids=["drips", "is silent"]
)
def test_a_body_that_drips_or_falls_silent_is_given_up(s3: FakeS3, fault: Fault, reason: str) -> None:
    s3.fault = lambda kind, _count: fault if kind == "get" else None
    with pytest.raises(BucketUnreachableError, match=reason):
        bucket_on(s3).read(ONE)


def test_an_object_that_always_drips_costs_one_row(s3: FakeS3, tmp_path: Path) -> None:
    s3.fault_of = lambda kind, key: Drip(0.2) if (kind, key) == ("get", ONE) else None
    _, _, counts = run_on(s3, tmp_path, timeout_seconds=0.6, retry_seconds=0, retries=0)
    assert (counts["images"], counts["set_aside"]) == (12, 1)


def test_a_large_object_may_take_longer_to_be_written_than_a_small_one(s3: FakeS3) -> None:
    s3.fault = lambda kind, _count: Late(1.5) if kind == "put" else None
    bucket = bucket_on(s3)
    bucket.write("large", bytes(2_000_000), content_type="image/png")
    assert len(s3.objects["large"]) == 2_000_000
    with pytest.raises(BucketUnreachableError, match="timed out"):
        bucket.write("small", b"x", content_type="image/png")


# --- Retry-After ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["get", "list"])
def test_a_busy_server_that_wants_a_pause_gets_it_and_that_is_told(s3: FakeS3, kind: str) -> None:
    busy = Refusal(503, "SlowDown", headers=(("retry-after", "1"),))
    s3.fault = lambda asked, _count: busy if asked == kind and s3.counts[kind] <= 3 else None
    notices: list[str] = []
    bucket = bucket_on(s3, notices, retries=4, timeout_seconds=30)
    if kind == "get":
        assert bucket.read(ONE) == GOOD[ONE]
    else:
        assert bucket.folders() == ["posts"]
    assert any("Retry-After" in text and "waiting 1 s" in text for text in notices)
    assert s3.counts[kind] <= 6  # tries, and the look at what the server wants


# --- listings ---------------------------------------------------------------------------------------------------------


def empty_pages(number: int) -> Callable[[dict[str, str]], bytes | None]:
    """So many pages without a key before the others, as S3 sends them where many objects were deleted."""

    def page(asked: dict[str, str]) -> bytes | None:
        token = asked.get("continuation-token", "")
        at = int(token[1:]) if re.fullmatch(r"E\d+", token) else 0 if not token else number
        more = f"<NextContinuationToken>E{at + 1}</NextContinuationToken>"
        if at == number and token.startswith("E"):
            del asked["continuation-token"]  # the listing itself begins
        return (
            f"<ListBucketResult><IsTruncated>true</IsTruncated>{more}</ListBucketResult>".encode()
            if at < number
            else None
        )

    return page


def test_pages_without_a_key_do_not_end_a_listing(s3: FakeS3, tmp_path: Path) -> None:
    s3.page, s3.page_of = 5, empty_pages(7)
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["images"], counts["set_aside"]) == (12, 0)


@pytest.mark.parametrize("token", ["same", "t%d"], ids=["one token", "new tokens"])
@pytest.mark.parametrize(
    "holds", ["", "<CommonPrefixes><Prefix>posts/</Prefix></CommonPrefixes>"], ids=["nothing", "a folder"]
)
def test_a_listing_of_pages_without_a_new_key_ends_in_words(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch, token: str, holds: str
) -> None:
    monkeypatch.setattr(s3_pages, "PAGE_SECONDS", 0.3)
    monkeypatch.setattr(s3_pages, "LEVEL_SECONDS", 0.3)
    monkeypatch.setattr(s3_pages, "EMPTY_PAGES", 40)
    asked: list[str] = []

    def page(_asked: dict[str, str]) -> bytes:
        asked.append("")
        following = token.replace("%d", str(len(asked)))
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{following}</NextContinuationToken>"
        return f"<ListBucketResult>{more}{holds}</ListBucketResult>".encode()

    s3.page_of = page
    for look in (lambda: bucket_on(s3).folders(), lambda: list(bucket_on(s3).pages("posts"))):
        with pytest.raises(BucketUnreachableError, match=r"does not end.*Nothing was taken for gone"):
            look()


@pytest.mark.parametrize("dripping", [2, 3], ids=["at once", "on its second page"])
def test_a_page_of_the_slower_listing_that_drips_is_given_up(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch, dripping: int
) -> None:
    monkeypatch.setattr(s3_listing, "PAGE_SECONDS", 1.0)
    s3.page, s3.objects["posts//odd.png"] = 5, b"x"
    s3.fault = lambda kind, count: Drip(0.2) if kind == "list" and count >= dripping else None
    with pytest.raises(BucketUnreachableError, match=r"no answer \(timed out\)"):
        list(bucket_on(s3).pages())


def without_token(s3: FakeS3) -> None:
    """The server says that more follows, but not where."""
    listing = s3.listing
    s3.listing = lambda asked: re.sub(rb"<NextContinuationToken>.*?</NextContinuationToken>", b"", listing(asked))  # type: ignore[method-assign]


def test_a_first_run_on_a_listing_that_breaks_off_without_a_word_reads_the_rest_too(s3: FakeS3, tmp_path: Path) -> None:
    s3.page = 5
    without_token(s3)
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["images"], counts["set_aside"]) == (12, 0)
    assert manifest(project_on(s3, tmp_path), "posts").counts["removed"] == 0


def test_the_slower_listing_goes_on_where_a_server_says_that_more_follows_but_not_where(s3: FakeS3) -> None:
    s3.page, s3.objects["posts//odd.png"] = 5, b"x"
    without_token(s3)
    listed = [info.key for page in bucket_on(s3, timeout_seconds=30).pages() for info in page]
    assert sorted(listed) == sorted(s3.objects)
