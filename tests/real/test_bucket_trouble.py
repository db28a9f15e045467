"""Trouble that a bucket can be in, met by whole commands and runs: what passes is waited for, what stays is told."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.adapters import patience
from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.s3_listing import ExactListing
from pipeline.cli import main
from pipeline.errors import BucketUnreachableError, ObjectMissingError
from pipeline.stages.images.decode import IMAGES_SCHEMA
from pipeline.steps.project import Project
from tests.fake_s3 import Chunked, FakeS3, Fault, Longer, Page, Refusal, Reset, Short, Silence
from tests.real.s3_library import GOOD, image, run_on, s3

__all__ = ["s3"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]  # the encoder is loaded, on a busy machine slowly


def call(s3: FakeS3, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--endpoint-url", s3.server.endpoint, "--out", "data"])


# --- what passes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        *[(kind, fault) for kind in ("list", "head", "get") for fault in (Refusal(503, "SlowDown"), Silence())],
        ("list", Refusal(500, "InternalError")), ("list", Refusal(400, "RequestTimeout")),
        ("get", Refusal(400, "RequestTimeout")), ("get", Reset()),
        *[(kind, fault) for kind in ("list", "get") for fault in (
            Reset(before=True), Short(), Short(chunked=True), Longer(), Page(b"<html>Bad gateway</html>", status=502),
            Refusal(429, "TooManyRequests", headers=(("retry-after", "1"),)),
            Refusal(503, "SlowDown", headers=(("retry-after", "Sat, 28 Feb 2026 23:00:00 GMT"),)),
        )],
    ],
    ids=str,
)  # fmt: skip
def test_a_run_gets_through_trouble_that_passes(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, fault: Fault
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.001)
    answered = 1 if isinstance(fault, Silence) else 0  # a server that never answered is not waited for
    s3.fault = lambda asked, count: fault if asked == kind and answered < count <= answered + 4 else None
    _, talk, counts = run_on(s3, tmp_path / "data", timeout_seconds=0.5, concurrency=1)
    assert (counts["images"], counts["set_aside"]) == (12, 0)
    assert s3.counts[kind] >= 2
    if s3.counts[kind] > answered + 2 and not isinstance(fault, Longer):  # which is no trouble at all
        assert any("source.retry_seconds" in text for text in talk.notices)


def test_bodies_that_come_in_chunks_without_their_length_are_read(s3: FakeS3, tmp_path: Path) -> None:
    s3.fault = lambda kind, _count: Chunked() if kind in ("get", "list") else None
    _, talk, counts = run_on(s3, tmp_path / "data")
    assert (counts["images"], counts["set_aside"]) == (12, 0)
    assert not any("source.retry_seconds" in text for text in talk.notices)
    bucket = open_bucket("s3://pics", endpoint_url=s3.server.endpoint)
    key = next(iter(s3.objects))
    assert bucket.read_part(key, 3, 5) == s3.objects[key][3:8]
    s3.objects.pop(key)
    with pytest.raises(ObjectMissingError):
        bucket.read(key)


def test_a_part_of_a_body_in_chunks_is_read_without_what_follows_it(
    s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = next(iter(s3.objects))
    s3.objects[key] = bytes(range(256)) * 40_000
    s3.fault = lambda kind, _count: Chunked() if kind == "get" else None
    taken: list[int] = []
    body = ExactListing.body

    def counted(listing: ExactListing, key: str, most: int | None) -> tuple[bytes, dict[str, Any]]:
        data, answer = body(listing, key, most)
        taken.append(len(data))
        return data, answer

    monkeypatch.setattr(ExactListing, "body", counted)
    assert open_bucket("s3://pics", endpoint_url=s3.server.endpoint).read_part(key, 3, 5) == bytes(range(3, 8))
    assert max(taken) < 100


# --- what stays -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Refusal(403, "RequestTimeTooSkewed"), "clock"),
        (Refusal(400, "ExpiredToken"), "expired"),
        (Refusal(403, "ExpiredToken"), "expired"),
        (Refusal(403, "AccessDenied"), "what they may do"),
        (Refusal(403, "InvalidAccessKeyId"), "access key"),
        (Refusal(403, "SignatureDoesNotMatch"), "secret"),
        (Refusal(301, "PermanentRedirect", region="eu-west-1"), "source.region to eu-west-1"),
        (Refusal(400, "AuthorizationHeaderMalformed", region="eu-west-1"), "source.region to eu-west-1"),
        (
            Refusal(307, "TemporaryRedirect", "eu-west-1", (("location", "http://127.0.0.1:1/pics"),)),
            "source.region to eu-west-1",
        ),
        (Refusal(404, "NoSuchBucket"), "no such bucket"),
        (Refusal(501, "NotImplemented"), "endpoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.status}-{value.code}",
)
def test_trouble_that_stays_ends_a_command_at_once_in_one_line_with_what_to_do(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Refusal, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    s3.fault = lambda _kind, _count: fault
    done = call(s3, "run", "s3://pics")
    assert done.exit_code == 1
    assert isinstance(done.exception, SystemExit)
    (line,) = [line for line in done.output.splitlines() if fault.code in line]
    assert says in line
    assert "Traceback" not in done.output
    assert sum(s3.counts.values()) <= 12


def test_a_check_tells_the_same_as_a_run(s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    s3.fault = lambda _kind, _count: Refusal(403, "RequestTimeTooSkewed")
    done = call(s3, "check", "s3://pics")
    assert done.exit_code == 1
    assert any(line.startswith("FAIL") and "clock" in line for line in done.output.splitlines())


def test_a_bucket_whose_objects_may_be_listed_but_not_read_ends_in_one_line(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    s3.fault = lambda kind, _count: Refusal(403, "AccessDenied") if kind == "get" else None
    done = call(s3, "run", "s3://pics", "--encoder", "packaged:efficientnet_lite0")
    assert done.exit_code == 1
    assert "what they may do" in done.output
    assert "Traceback" not in done.output


# --- odd keys ---------------------------------------------------------------------------------------------------------

LONGEST = "posts/" + "é" * 507 + ".png"  # 1,024 bytes
FULL = [LONGEST, "posts/ space .png", "posts/%2F.png", "posts/…/a.png", "posts/a?b#c&d+e.png", "posts/\\.png"]
UNASKABLE = [
    "posts//a.png", "posts/de//a.png", "posts/./a.png", "posts/../a.png", "posts/de/..", "posts/a.png/",
    "posts/\x01.png", "posts/\x7f.png", "posts/\n.png", "posts//",
]  # fmt: skip
NAMELESS = ["/posts/a.png", "//posts/a.png", "./a.png", "../a.png"]


def rows(project: Project) -> dict[str, str]:
    frame = project.store.require("posts", "images").table("images", IMAGES_SCHEMA)
    return dict(frame.select("key", "status").iter_rows())


@pytest.mark.parametrize(("page", "encoding"), [(1000, "told"), (2, "told"), (1000, "untold")])
def test_odd_keys_cost_no_other_object_and_each_is_a_row(s3: FakeS3, tmp_path: Path, page: int, encoding: str) -> None:
    s3.page, s3.encoding = page, encoding
    assert len(LONGEST.encode()) == 1024
    s3.objects |= {key: image(100 + at) for at, key in enumerate([*FULL, *UNASKABLE, *NAMELESS])}
    project, talk, counts = run_on(s3, tmp_path / "data")
    status = rows(project)
    assert {key for key, said in status.items() if said == "ok"} == {*GOOD, *FULL}
    assert {key for key, said in status.items() if said != "ok"} == set(UNASKABLE)
    assert counts["set_aside"] == len(UNASKABLE)
    assert any("lie in no folder that has a name" in text for text in talk.notices)
    before = s3.counts["get"]
    _, _, again = run_on(s3, tmp_path / "data")
    assert (again["read"], s3.counts["get"]) == (0, before)


@pytest.mark.parametrize("encoding", ["told", "untold", "never"])
@pytest.mark.parametrize("key", [*UNASKABLE, *NAMELESS])
def test_one_odd_key_alone_is_listed_among_the_others(s3: FakeS3, key: str, encoding: str) -> None:
    if encoding == "never" and any(sign < " " for sign in key):
        return  # such a server cannot say this key in XML
    s3.encoding = encoding
    s3.objects |= {key: b"x", **dict.fromkeys(FULL, b"x")}
    bucket = open_bucket("s3://pics", endpoint_url=s3.server.endpoint, environment=s3.server.environment)
    listed = [info.key for page in bucket.pages() for info in page]
    # where nothing else is amiss, only reading tells that a closing slash was dropped
    assert sorted(listed) == sorted({*GOOD, *FULL, key.removesuffix("/") if key == "posts/a.png/" else key})
    assert bucket.folders() == ["posts"]


@pytest.mark.parametrize("trouble", ["a page again", "descending"])
def test_a_listing_out_of_order_costs_no_object_and_counts_none_twice(s3: FakeS3, tmp_path: Path, trouble: str) -> None:
    s3.page, asked = 5, list[str]()
    s3.reverse = trouble == "descending"

    def again(token: str) -> bool:
        asked.append(token)
        return trouble == "a page again" and asked.count(token) == 1

    s3.repeats = again
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["images"], counts["set_aside"]) == (12, 0)


def test_a_listing_that_never_ends_is_an_error_in_words(s3: FakeS3) -> None:
    s3.page, s3.repeats = 5, lambda _token: True
    bucket = open_bucket("s3://pics", endpoint_url=s3.server.endpoint)
    with pytest.raises(BucketUnreachableError, match="does not end"):
        list(bucket.pages("posts"))
