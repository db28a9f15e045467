"""S3 buckets against real servers: rclone over a folder, moto, and one that breaks off."""

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.errors import BucketError, BucketUnreachableError, ObjectMissingError, ObjectUnusableError
from pipeline.settings import SourceSettings
from pipeline.stages.manifest.watch import WatchState, look
from tests.servers import S3Server, free_port, make_bucket, s3_client

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ODD_KEYS = [
    "100%.webp", "[1].webp", "a b.webp", "a%20b.webp", "a+b.webp", "a..b/c.webp", "q?x=1&y.webp", "x#1.webp", "~t.webp",
    "ü/é 1.webp", "日本/東.webp",
]  # fmt: skip


@pytest.fixture(params=["rclone", pytest.param("moto", marks=pytest.mark.slow)])
def crowded_server(request: pytest.FixtureRequest) -> S3Server:
    """A server for thousands of objects; moto takes a minute to be given them."""
    return request.getfixturevalue("s3_server" if request.param == "rclone" else "moto_server")


@pytest.fixture(params=["rclone", "moto"])
def server(request: pytest.FixtureRequest) -> S3Server:
    return request.getfixturevalue("s3_server" if request.param == "rclone" else "moto_server")


def opened(server: S3Server, bucket: str, **more: Any) -> ObstoreBucket:
    options: dict[str, Any] = {"endpoint_url": server.endpoint, "environment": server.environment, "retries": 1} | more
    made = open_bucket(f"s3://{bucket}", **options)
    assert isinstance(made, ObstoreBucket)
    return made


def keys_of(bucket: ObstoreBucket, prefix: str = "", after: str | None = None, *, recursive: bool = True) -> list[str]:
    return [info.key for page in bucket.pages(prefix, after=after, recursive=recursive) for info in page]


def one_line(error: BaseException, *named: str) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert all(name in str(error) for name in named), str(error)
    assert error.__cause__ is None


def test_what_is_written_is_listed_read_and_deleted(server: S3Server) -> None:
    bucket = opened(server, make_bucket(server, {"a/0.png": b"0"}))
    for data in (b"one", b"two"):
        bucket.write("a/b.json", data, content_type="application/json")
        assert bucket.read("a/b.json") == data
    head, (listed,) = bucket.head("a/b.json"), [info for page in bucket.pages("a", after="a/0.png") for info in page]
    assert head is not None
    assert head.etag == listed.etag
    assert '"' not in head.etag
    assert (head.key, head.size, head.last_modified.utcoffset() is not None) == ("a/b.json", 3, True)
    bucket.delete("a/b.json")
    bucket.delete("a/b.json")
    assert bucket.head("a/b.json") is None
    assert keys_of(bucket) == ["a/0.png"]


def test_a_part_of_an_object_is_read_alone(server: S3Server) -> None:
    bucket = opened(server, make_bucket(server, {"a/0.png": b"0123456789"}))
    assert bucket.read_part("a/0.png", 2, 3) == b"234"
    assert bucket.read_part("a/0.png", 8, 100) == b"89"
    with pytest.raises(ObjectMissingError):
        bucket.read_part("a/1.png", 0, 3)


def test_a_written_object_has_its_content_type(moto_server: S3Server) -> None:
    name = make_bucket(moto_server)
    opened(moto_server, name).write("a.html", b"<p>", content_type="text/html; charset=utf-8")
    assert s3_client(moto_server).head_object(Bucket=name, Key="a.html")["ContentType"] == "text/html; charset=utf-8"


def test_an_object_of_many_parts_arrives_whole(server: S3Server) -> None:
    bucket, data = opened(server, make_bucket(server)), os.urandom(12_000_000)
    bucket.write("large.bin", data, content_type="application/octet-stream")
    assert bucket.read("large.bin") == data


@pytest.mark.timeout(400)
def test_more_than_two_pages_are_listed_whole_and_from_any_position(crowded_server: S3Server) -> None:
    server = crowded_server
    names = [f"{folder}/{i:04d}.webp" for folder in ("a", "a-b", "b") for i in range(701)]
    bucket = opened(server, make_bucket(server, dict.fromkeys(names, b"x")))
    assert [len(page) for page in bucket.pages()] == [1000, 1000, 103]
    every = keys_of(bucket)
    assert every == sorted(names)
    for position in ("a/0000.webp", "a/0500.webp", "b/0699.webp", "b/0700.webp"):
        assert keys_of(bucket, after=position) == [key for key in every if key > position]
    assert len(keys_of(bucket, "a")) == 701
    assert bucket.folders() == ["a", "a-b", "b"]
    state, observed, ticks = WatchState(), None, 0
    while observed is None:
        observed, state, _ = look(bucket, state, settings=SourceSettings(), listing_seconds=1e-9)
        ticks += 1
    assert ticks >= 3
    assert {category: digest.count for category, digest in observed.items()} == dict.fromkeys(("a", "a-b", "b"), 701)
    assert observed == look(bucket, WatchState(), settings=SourceSettings(), listing_seconds=60).observed


def test_a_prefix_is_the_root_of_all_keys(server: S3Server) -> None:
    name = make_bucket(
        server, {"x/lib/a/1.png": b"1", "x/lib/2.png": b"2", "x/library/3.png": b"3", "x/.h/4.png": b"4"}
    )
    bucket = opened(server, f"{name}/x/lib/")
    assert keys_of(bucket) == ["2.png", "a/1.png"]
    assert keys_of(bucket, after="2.png") == ["a/1.png"]
    assert keys_of(bucket, recursive=False) == ["2.png"]
    assert bucket.folders() == ["a"]
    assert bucket.read("a/1.png") == b"1"
    assert opened(server, f"{name}/x").folders() == ["lib", "library"]


def test_odd_keys_come_back_as_they_are(server: S3Server) -> None:
    bucket = opened(server, make_bucket(server, {key: key.encode() for key in ODD_KEYS}))
    assert sorted(keys_of(bucket)) == sorted(ODD_KEYS)
    assert all(data == key.encode() for key, data in bucket.read_many(ODD_KEYS))
    bucket.write("new é #%.json", b"{}", content_type="application/json")
    assert bucket.read("new é #%.json") == b"{}"


BAD_KEYS = ["a//2.png", "a/./2.png", "a/../2.png", "a/2.png/", "a/\x01.png", "/2.png", "/a/2.png", "./2.png", "a//"]


@pytest.mark.parametrize("bad", BAD_KEYS)
@pytest.mark.parametrize("prefix", ["", "lib/"])
def test_a_key_that_cannot_be_asked_for_is_listed_as_it_is_among_the_others(
    moto_server: S3Server, bad: str, prefix: str
) -> None:
    good = ["a/1.png", "a/3.png", "a/" + "x" * 1000 + ".png", "b/4.png", "z.png"]
    name = make_bucket(moto_server, {prefix + key: key.encode() for key in [*good, bad]})
    said: list[str] = []
    bucket = opened(moto_server, f"{name}/{prefix}", notice=said.append)
    if not bad.endswith("2.png/"):  # its slash is dropped, which reading it tells
        assert keys_of(bucket) == sorted([*good, bad])
        assert keys_of(bucket, after="a/3.png") == sorted(key for key in [*good, bad] if key > "a/3.png")
    assert bucket.folders() == ["a", "b"]
    assert keys_of(bucket, recursive=False) == ["z.png"]
    results = dict(bucket.read_many(keys_of(bucket)))
    assert {key: results[key] for key in good} == {key: key.encode() for key in good}
    assert [type(data) for key, data in results.items() if key not in good] in (
        [ObjectUnusableError], [ObjectMissingError],
    )  # fmt: skip
    assert sum("cannot be asked for" in text for text in said) <= 1
    fresh = opened(moto_server, f"{name}/{prefix}")
    observed = look(fresh, WatchState(), settings=SourceSettings(), listing_seconds=60).observed
    assert observed is not None
    assert {"a", "b", "root"} == set(observed)


def test_folder_markers_are_no_images_and_do_not_upset_a_scan(moto_server: S3Server) -> None:
    files = {"a/": b"", "a/x/": b"", "a/x-y/1.png": b"1", "a/x/1.png": b"1"}
    bucket = opened(moto_server, make_bucket(moto_server, files))
    observed = look(bucket, WatchState(), settings=SourceSettings(), listing_seconds=9).observed
    assert observed is not None
    assert {category: digest.count for category, digest in observed.items()} == {"a": 2}


def test_many_objects_are_read_in_order_and_one_that_is_gone_is_its_own_trouble(server: S3Server) -> None:
    files = {f"a/{i:03d}.webp": f"{i}".encode() * 100 for i in range(60)}
    bucket = opened(server, make_bucket(server, files))
    asked = list(files)
    asked.insert(33, "a/gone.webp")
    results = list(bucket.read_many(iter(asked)))
    assert [key for key, _ in results] == asked
    assert isinstance(results[33][1], ObjectMissingError)
    assert all(data == files[key] for key, data in results if key != "a/gone.webp")


def refused(results: Iterable[tuple[str, bytes | Exception]]) -> None:
    """Raise the error that stands in the place of the one object."""
    ((_, error),) = results
    assert isinstance(error, Exception)
    raise error


@pytest.mark.parametrize("wrong", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_one_line_at_every_door(server: S3Server, wrong: str) -> None:
    name = make_bucket(server, {"a/1.png": b"1"})
    bucket = opened(server, name, environment={**server.environment, wrong: "not-the-right-one"})
    doors = {
        "check": bucket.check,
        "folders": bucket.folders,
        "pages": lambda: keys_of(bucket),
        "head": lambda: bucket.head("a/1.png"),
        "read": lambda: bucket.read("a/1.png"),
        "read_many": lambda: refused(bucket.read_many(["a/1.png"])),
        "write": lambda: bucket.write("b", b"", content_type="text/plain"),
    }
    for door in doors.values():
        with pytest.raises(BucketError, match="access refused") as told:
            door()
        one_line(told.value, name, server.endpoint, "403")
        assert server.secret not in str(told.value)
        assert "not-the-right-one" not in str(told.value) or wrong == "AWS_ACCESS_KEY_ID"


def test_a_bucket_that_is_not_there_is_an_error_and_a_category_that_is_not_there_is_empty(server: S3Server) -> None:
    name = make_bucket(server, {"a/1.png": b"1"})
    assert keys_of(opened(server, name), "nope") == []
    assert keys_of(opened(server, f"{name}/a"), "nope") == []
    for act in (
        lambda bucket: bucket.check(),
        lambda bucket: bucket.folders(),
        keys_of,
        lambda bucket: bucket.read("x"),
    ):
        with pytest.raises(BucketError, match="no such bucket") as told:
            act(opened(server, "no-such-bucket"))
        one_line(told.value, "no-such-bucket", server.endpoint)


def test_a_prefix_below_which_there_is_nothing_is_taken_for_a_slip(server: S3Server) -> None:
    name = make_bucket(server, {"a/1.png": b"1"})
    bucket = opened(server, f"{name}/typo")
    for act in (bucket.folders, lambda: keys_of(bucket), lambda: keys_of(bucket, "a")):
        with pytest.raises(BucketError, match="holds nothing") as told:
            act()
        one_line(told.value, "typo")
    bucket.check()  # what is published to may be empty


def test_an_endpoint_that_does_not_answer_is_told_within_seconds(server: S3Server) -> None:
    for endpoint in (f"http://127.0.0.1:{free_port()}", "http://no-such-host.invalid"):
        bucket = opened(server, "images", endpoint_url=endpoint, retries=2)
        started = time.monotonic()
        with pytest.raises(BucketUnreachableError, match="no answer") as told:
            bucket.check()
        one_line(told.value, endpoint, "images")
        ((_, trouble),) = bucket.read_many(["a"])
        assert isinstance(trouble, BucketUnreachableError)
        assert time.monotonic() - started < 60  # source.retry_seconds would be minutes


def test_other_variables_of_the_environment_are_not_mixed_in(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    name = make_bucket(server, {"a/1.png": b"1"})
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-another-account")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-another-account")
    assert keys_of(opened(server, name)) == ["a/1.png"]


# --- a server that we can make fail -----------------------------------------------------------------------------------


class Failing(ThreadingHTTPServer):
    """Answers the first `failures` requests wrongly, and those after rightly. Keeps the headers it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.how, self.failures, self.body, self.code = "ok", 0, b"0123456789" * 10_000, "Trouble"
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hung up."""


class _Answer(BaseHTTPRequestHandler):
    server: Failing
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.append(
            (self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
        )
        how = self.server.how if self.server.failures > 0 else "ok"
        self.server.failures -= 1
        if how == "hang":
            time.sleep(3)
        if how.isdigit():
            text = f"<Error><Code>{self.server.code}</Code><Message>Please\nwait.</Message></Error>"
            self._send(int(how), text.encode())
        elif how == "page":
            self._send(200, b"<html>Log in to the hotel's network</html>")
        elif how == "short":
            self._ranged(cut=True)
        else:
            self._ranged()

    def _ranged(self, *, cut: bool = False) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range", ""))
        begin = int(found[1]) if found else 0
        body = self.server.body[begin:]
        extra = {"content-range": f"bytes {begin}-{len(self.server.body) - 1}/{len(self.server.body)}"} if found else {}
        self._send(206 if found else 200, body, len(body) // 2 if cut else None, **extra)

    def _send(self, status: int, body: bytes, cut: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"e"')
        self.send_header("last-modified", "Fri, 01 May 2026 12:00:00 GMT")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = _answer  # noqa: N815 the names that http.server asks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name that http.server gives it
        """Say nothing on stderr."""


@pytest.fixture
def failing() -> Iterator[Failing]:
    with Failing() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def at(failing: Failing, **more: Any) -> ObstoreBucket:
    server = S3Server(failing.endpoint, "key", "secret-word", None)
    return opened(server, "images", **({"retries": 3} | more))


@pytest.mark.parametrize("how", ["500", "503", "429", "short", "hang"])
def test_a_transient_error_is_tried_again_and_the_object_arrives_whole(failing: Failing, how: str) -> None:
    failing.how, failing.failures = how, 2
    assert at(failing, timeout_seconds=1).read("a.webp") == failing.body


@pytest.mark.parametrize("how", ["500", "503", "429", "short", "hang"])
def test_a_server_that_stays_in_trouble_is_unreachable_and_never_gives_half_an_object(
    failing: Failing, how: str
) -> None:
    failing.how, failing.failures = how, 1000
    with pytest.raises(BucketUnreachableError) as told:
        at(failing, timeout_seconds=0.5, retries=1).read("a.webp")
    one_line(told.value, "images", failing.endpoint)


@pytest.mark.parametrize("how", ["503", "429", "500"])
def test_a_server_that_is_busy_is_waited_for_beyond_the_retries_and_that_is_told_once(
    failing: Failing, how: str
) -> None:
    failing.how, failing.failures, said = how, 5, list[str]()
    assert at(failing, retries=1, retry_seconds=60, notice=said.append).read("a.webp") == failing.body
    (told,) = said
    assert how in told
    assert "source.retry_seconds" in told


def test_a_server_that_falls_silent_after_it_answered_is_waited_for(failing: Failing) -> None:
    bucket = at(failing, retries=0, retry_seconds=60, timeout_seconds=0.5)
    assert bucket.read("a.webp") == failing.body
    failing.how, failing.failures = "hang", 2
    assert bucket.read("a.webp") == failing.body


def test_waiting_ends_after_its_time(failing: Failing) -> None:
    failing.how, failing.failures = "503", 10_000
    started = time.monotonic()
    with pytest.raises(BucketUnreachableError):
        at(failing, retries=0, retry_seconds=0.5).read("a.webp")
    assert time.monotonic() - started < 60  # without the setting: minutes


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [
        (403, "RequestTimeTooSkewed", "clock"), (400, "ExpiredToken", "expired"), (301, "PermanentRedirect", "region"),
        (400, "AuthorizationHeaderMalformed", "source.region"),
    ],
)  # fmt: skip
def test_what_no_waiting_mends_ends_at_once_with_its_remedy(
    failing: Failing, status: int, code: str, remedy: str
) -> None:
    failing.how, failing.failures, failing.code = str(status), 10_000, code
    bucket = at(failing, retries=4, retry_seconds=60)
    for act in (lambda: bucket.read("a.webp"), bucket.folders, lambda: keys_of(bucket)):
        failing.requests.clear()
        with pytest.raises(BucketError, match=remedy) as told:
            act()
        one_line(told.value, "images")
        assert len(failing.requests) == (2 if status == 301 else 1)  # obstore hides the words of a redirect


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "ExpiredToken", "AccessDenied"])
def test_a_refusal_without_a_body_is_explained_by_one_more_request(failing: Failing, code: str) -> None:
    failing.how, failing.failures, failing.code = "403", 10_000, code
    with pytest.raises(BucketError, match=code) as told:
        at(failing, retry_seconds=60).head("manifest.json")
    one_line(told.value, "images")
    assert [method for method, _, _ in failing.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize("code", ["RequestTimeout", "SlowDown", "ThrottlingException"])
def test_throttling_that_is_called_the_clients_fault_is_waited_for_too(failing: Failing, code: str) -> None:
    failing.how, failing.failures, failing.code = "400", 3, code
    assert at(failing, retries=1, retry_seconds=60).read("a.webp") == failing.body


@pytest.mark.parametrize("code", ["InvalidObjectState", "KMS.DisabledException"])
def test_an_archived_or_encrypted_object_is_its_own_trouble(failing: Failing, code: str) -> None:
    failing.how, failing.failures, failing.code = "403", 1, code
    (_, trouble), (_, data) = at(failing, concurrency=1).read_many(["a.webp", "b.webp"])
    assert isinstance(trouble, ObjectMissingError)
    one_line(trouble, "a.webp", code)
    assert data == failing.body


@pytest.mark.parametrize("how", ["400", "403", "404", "405"])
def test_a_refusal_is_not_tried_again(failing: Failing, how: str) -> None:
    failing.how, failing.failures = how, 1000
    with pytest.raises((BucketError, ObjectMissingError)) as told:
        at(failing).read("a.webp")
    one_line(told.value, "images")
    assert len(failing.requests) == 1


@pytest.mark.parametrize("how", ["500", "page", "short", "hang"])
def test_a_listing_that_fails_raises_and_is_never_empty(failing: Failing, how: str) -> None:
    failing.how, failing.failures, failing.body = how, 1000, b"<ListBucketResult></Listx>"
    bucket = at(failing, timeout_seconds=0.5, retries=1)
    for act in (bucket.folders, lambda: keys_of(bucket), bucket.check):
        with pytest.raises((BucketError, BucketUnreachableError)) as told:
            act()
        one_line(told.value, "images", failing.endpoint)


def test_an_upload_carries_no_checksum_header_that_r2_would_refuse(failing: Failing) -> None:
    at(failing).write("a/b c.json", b"{}", content_type="application/json")
    method, path, headers = failing.requests[0]
    assert (method, path, headers["content-type"]) == ("PUT", "/images/a/b%20c.json", "application/json")
    assert not [name for name in headers if "checksum" in name or "trailer" in name or "security-token" in name]
    assert "secret-word" not in str(failing.requests)
