"""An S3 over a dictionary on loopback that can be made to misbehave, where a real server cannot.

What belongs here: the server and its faults. Not here: real servers (`tests/servers.py`) and what is asserted of
buckets (`tests/real/`). It lists as S3 does (order by bytes, pages, `start-after`, delimiter), so that keys which real
test servers refuse can stand in it.
"""

import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers import S3Server

LAST_MODIFIED = "Fri, 01 May 2026 12:00:00 GMT"


class Refusal(NamedTuple):
    """An error as S3 words it, with further headers."""

    status: int
    code: str
    region: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


class Reset(NamedTuple):
    """The connection is reset after half of the body, or before any answer."""

    before: bool = False


class Short(NamedTuple):
    """The body ends in the middle, and then the connection, in good order; its length was announced, or in chunks."""

    chunked: bool = False


class Chunked(NamedTuple):
    """The whole body comes in chunks, without its length, as a proxy may send it."""


class Longer(NamedTuple):
    """More bytes follow than the announced length."""


class Drip(NamedTuple):
    """The body comes byte by byte."""

    seconds: float


class Slowly(NamedTuple):
    """The body comes in pieces with a pause before each, as over a slow line."""

    pieces: int
    seconds: float


class Late(NamedTuple):
    """The answer comes late."""

    seconds: float


class Page(NamedTuple):
    """A page of something else than S3, as a captive portal or a proxy answers."""

    text: bytes
    content_type: str = "text/html"
    status: int = 200


class Silence(NamedTuple):
    """Nothing is answered until the server is stopped, or `FakeS3.release` is set."""


Fault = Refusal | Reset | Short | Chunked | Longer | Drip | Slowly | Late | Page | Silence


class FakeS3(ThreadingHTTPServer):
    """One bucket, `pics`. `fault` is asked for each request (list, head, get, put, delete) and its count."""

    daemon_threads = True

    def __init__(self, objects: Mapping[str, bytes], *, page: int = 1000) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects, self.page = dict(objects), page
        self.repeats: Callable[[str], bool] = lambda _token: False  # whether the first page answers a token
        self.reverse = False  # whether the keys of a page come in descending order
        self.encoding = "told"  # whether keys are percent-encoded when asked for it: told, untold, never
        self.fault: Callable[[str, int], Fault | None] = lambda _kind, _count: None
        self.refused: dict[str, Refusal] = {}  # objects whose content is always refused
        self.fault_of: Callable[[str, str], Fault | None] = lambda _kind, _key: None  # likewise, of an object
        self.entry: Callable[[str, str], str] = lambda _key, entry: entry  # what a listing says of an object
        self.headers: dict[str, dict[str, str]] = {}  # further headers of objects
        self.page_of: Callable[[dict[str, str]], bytes | None] = lambda _asked: None  # in place of a listing's page
        self.counts: dict[str, int] = {}
        self.release = threading.Event()
        self._counting = threading.Lock()

    @property
    def server(self) -> S3Server:
        return S3Server(f"http://127.0.0.1:{self.server_port}", "key", "secret-word", None)

    def count(self, kind: str) -> int:
        with self._counting:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            return self.counts[kind]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hung up."""

    def listing(self, asked: dict[str, str]) -> bytes:
        """The answer to ListObjectsV2."""
        if (instead := self.page_of(asked)) is not None:
            return instead
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        token = asked.get("continuation-token", "")
        after = token if token and not self.repeats(token) else asked.get("start-after", "")
        found: dict[str, bool] = {}  # key or folder → whether it is a folder
        last, more = "", False
        for key in sorted(self.objects, key=str.encode):
            if not key.startswith(prefix) or key.encode() <= after.encode():
                continue
            head, cut, _ = key.removeprefix(prefix).partition(delimiter) if delimiter else (key, "", "")
            name = prefix + head + delimiter if cut else key
            if name not in found and len(found) >= self.page:
                more = True
                break
            found[name], last = bool(cut), key
        wanted = asked.get("encoding-type") == "url" and self.encoding != "never"
        coded: Callable[[str], str] = quote if wanted else _xml
        parts = ["<EncodingType>url</EncodingType>"] if wanted and self.encoding == "told" else []
        parts += [f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(found)}</KeyCount>"]
        parts += [f"<NextContinuationToken>{escape(last)}</NextContinuationToken>"] if more else []
        for name, is_folder in sorted(found.items(), reverse=True) if self.reverse else found.items():
            if is_folder:
                parts.append(f"<CommonPrefixes><Prefix>{coded(name)}</Prefix></CommonPrefixes>")
            else:
                said = (
                    f"<Contents><Key>{coded(name)}</Key><LastModified>2026-05-01T12:00:00.000Z</LastModified>"
                    f"<ETag>{etag(self.objects[name])}</ETag><Size>{len(self.objects[name])}</Size></Contents>"
                )
                parts.append(self.entry(name, said))
        return f"<ListBucketResult>{''.join(parts)}</ListBucketResult>".encode()


class _Handler(BaseHTTPRequestHandler):
    server: FakeS3
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        bucket, _, key = url.path[1:].partition("/")
        key = unquote(key)
        kind = {"HEAD": "head", "PUT": "put", "DELETE": "delete"}.get(self.command, "get") if key else "list"
        sent = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self.server.fault(kind, self.server.count(kind))
        fault = self.server.fault_of(kind, key) if fault is None else fault
        fault = self.server.refused.get(key, fault) if kind == "get" else fault
        if isinstance(fault, Late):
            self.server.release.wait(fault.seconds)
        if isinstance(fault, Silence):
            self.server.release.wait()
            self.close_connection = True
        elif isinstance(fault, Refusal):
            self._refuse(fault)
        elif isinstance(fault, Page):
            self._send(fault.status, fault.text, headers={"content-type": fault.content_type}, named=False)
        elif isinstance(fault, Reset) and fault.before:
            self._reset()
        elif bucket != "pics":
            self._refuse(Refusal(404, "NoSuchBucket"))
        elif not key:
            self._send(200, self.server.listing(asked), fault=fault)
        elif kind == "put":
            self.server.objects[key] = sent
            self._send(200, b"", headers={"etag": etag(sent)})
        elif kind == "delete":
            self.server.objects.pop(key, None)
            self._send(204, b"")
        elif key not in self.server.objects:
            self._refuse(Refusal(404, "NoSuchKey"))
        else:
            self._send(200, self.server.objects[key], headers=self.server.headers.get(key, {}), fault=fault)

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 the names that http.server asks for

    def _refuse(self, fault: Refusal) -> None:
        region = f"<Region>{fault.region}</Region>" if fault.region and fault.status == 400 else ""
        text = f"<Error><Code>{fault.code}</Code><Message>Said by the server.</Message>{region}</Error>"
        named = {"x-amz-bucket-region": fault.region} if fault.region else {}
        self._send(fault.status, text.encode(), headers={**named, **dict(fault.headers)})

    def _send(
        self,
        status: int,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        fault: Fault | None = None,
        named: bool = True,
    ) -> None:
        """`named`: whether the headers of an object are sent."""
        chunked = isinstance(fault, Chunked) or (isinstance(fault, Short) and fault.chunked)
        length = {"transfer-encoding": "chunked"} if chunked else {"content-length": str(len(body))}
        self.send_response(status)
        names = {"etag": etag(body), "last-modified": LAST_MODIFIED} if named else {}
        for name, value in {**names, **length, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(body, fault)

    def _send_body(self, body: bytes, fault: Fault | None) -> None:
        half = body[: len(body) // 2]
        if isinstance(fault, Reset):
            self.wfile.write(half)
            self._reset()
        elif isinstance(fault, Short):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(half), half) if fault.chunked else half)
            self.close_connection = True
        elif isinstance(fault, Chunked):
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")
        elif isinstance(fault, Drip):
            for at in range(len(body)):
                self.wfile.write(body[at : at + 1])
                if self.server.release.wait(fault.seconds):
                    self.close_connection = True
                    return
        elif isinstance(fault, Slowly):
            step = -(-len(body) // fault.pieces)
            for at in range(0, len(body), step):
                if self.server.release.wait(fault.seconds):
                    self.close_connection = True
                    return
                self.wfile.write(body[at : at + step])
        else:
            self.wfile.write(body + b"and more than was announced" if isinstance(fault, Longer) else body)

    def _reset(self) -> None:
        self.wfile.flush()
        # closed with nothing left to linger for, the kernel sends a reset and no orderly end
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the name that http.server gives it
        """Say nothing on stderr."""


@contextmanager
def fake_s3(objects: Mapping[str, bytes], *, page: int = 1000) -> Iterator[FakeS3]:
    """The server, running; stopped on leaving."""
    with FakeS3(objects, page=page) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield made
        made.release.set()
        made.shutdown()
        thread.join()


def etag(data: bytes) -> str:
    """As S3 makes it of an object that came in one part."""
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _xml(text: str) -> str:
    """A key as S3 writes it in XML: control characters by their number."""
    return "".join(f"&#x{ord(sign):x};" if sign < " " else escape(sign) for sign in text)
