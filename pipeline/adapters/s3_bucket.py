"""An S3 or R2 bucket, through obstore.

What belongs here: how obstore is set up, and what its errors mean for people. Not here: where credentials and endpoint
come from (`adapters/buckets.py`), which keys are images (`stages/manifest/keys.py`).
"""

import re
import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.adapters.read_ahead import BadKeyError, Outcome, read_ahead, too_large
from pipeline.errors import BucketError, BucketUnreachableError, ImageClusterError, ObjectMissingError
from pipeline.settings import SKIP_NAMES
from pipeline.stages.manifest.build import ObjectInfo
from pipeline.stages.manifest.keys import is_hidden

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Credential, S3Store

PAGE = 1000  # objects per request, the most that S3 gives
CONNECT_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 180.0

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,300})</Message>")
_TRANSIENT_STATUS = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Credentials:
    """What opens a bucket. Shows nothing of itself when printed."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class ObstoreBucket:
    """Objects below one prefix of an S3 bucket. Implements `Bucket`.

    Only the credentials given here are used; neither instance metadata nor other variables are asked for any.
    A prefix that holds nothing at all is an error when listed, as a folder that is not there would be.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        url: str,
        endpoint_url: str | None,
        region: str,
        credentials: Credentials,
        concurrency: int = 16,
        timeout_seconds: float = 30,
        retries: int = 4,
        skip_names: Sequence[str] = SKIP_NAMES,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.url: str = url
        self._skip_names: Sequence[str] = skip_names
        self._notice: Callable[[str], None] = notice or (lambda _: None)
        self._prefix: str = prefix
        self._endpoint: str = endpoint_url or f"https://s3.{region}.amazonaws.com"
        self._region: str = region
        self._concurrency: int = concurrency
        self._secrets: tuple[str, ...] = tuple(part for part in (credentials.secret, credentials.token) if part)
        self._store: S3Store = _store(
            bucket, prefix, endpoint=self._endpoint, region=region, credentials=credentials,
            timeout_seconds=timeout_seconds, retries=retries,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"ObstoreBucket({self.url!r}, endpoint={self._endpoint!r})"

    def folders(self) -> list[str]:
        """Names of the folders at the top, sorted, hidden ones left out."""
        with self._told("list"):
            found = self._store.list_with_delimiter()
            names = sorted(prefix.rstrip("/") for prefix in found["common_prefixes"])
            empty = not names and not found["objects"]
        if empty:
            self._doubt_emptiness()
        skipped = [name for name in names if is_hidden(name, self._skip_names)]
        if skipped:
            self._notice(f"Skipped in {self.url}: {', '.join(skipped)} (source.skip_names).")
        return [name for name in names if name not in skipped]

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        """Objects in the folder `prefix` in ascending order of key; one request per page of 1,000."""
        prefix, nothing = prefix.strip("/"), True
        for found in self._listing(prefix, after, recursive=recursive):
            # rclone and some others give the key `after` itself once more, or ignore it.
            page = [_info(meta) for meta in found if after is None or meta["path"] > after]
            nothing = False
            if page:
                yield page
        if nothing:
            self._doubt_emptiness()

    def head(self, key: str) -> ObjectInfo | None:
        """What a listing would say of one object; None where there is none."""
        try:
            with self._told(f"look at {key!r}", key):
                return _info(self._store.head(_checked(key, self.url)))
        except ObjectMissingError:
            return None

    def read(self, key: str) -> bytes:
        """The whole object."""
        return self._read(key, None)

    def read_many(self, keys: Iterable[str], *, most: int | None = None) -> Iterator[tuple[str, Outcome]]:
        """Objects in the order of `keys`, read ahead by a bounded number; one object's trouble is a value."""
        return read_ahead(lambda key: self._read(key, most), keys, self._concurrency)

    def _read(self, key: str, most: int | None) -> bytes:
        with self._told(f"read {key!r}", key):
            found = self._store.get(_checked(key, self.url))
            size = found.meta["size"]
            if most is not None and size > most:
                raise too_large(key, size, most)
            return bytes(found.bytes())

    def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """Create or replace one object."""
        with self._told(f"write {key!r}"):
            self._store.put(_checked(key, self.url), data, attributes={"Content-Type": content_type})

    def delete(self, key: str) -> None:
        """Remove one object; not an error where there is none."""
        try:
            with self._told(f"delete {key!r}", key):
                self._store.delete(_checked(key, self.url))
        except ObjectMissingError:
            return

    def check(self) -> None:
        """One list request; raises what any other would raise."""
        if not self._holds_something():
            self._require_s3()

    def _listing(self, prefix: str, after: str | None, *, recursive: bool) -> "Iterator[Iterable[ObjectMeta]]":
        if prefix:
            _checked(prefix, self.url)
        if not recursive:
            with self._told("list"):
                found = self._store.list_with_delimiter(prefix or None)["objects"]
            if found:
                yield sorted(found, key=lambda meta: meta["path"])
            return
        with self._told("list"):
            stream = iter(self._store.list(prefix or None, offset=after, chunk_size=PAGE))
        while True:
            with self._told("list"):
                page = next(stream, None)
            if page is None:
                return
            yield page

    def _doubt_emptiness(self) -> None:
        """Called where a listing found nothing: raises unless there is nothing to find.

        A prefix with nothing below it is taken for a slip of the pen, not for a library that was emptied.
        """
        if self._holds_something():
            return
        self._require_s3()
        if self._prefix:
            raise BucketError(
                f"{self.url} (endpoint {self._endpoint}) holds nothing. "
                f"Correct the prefix {self._prefix!r}, or upload to it."
            )

    def _holds_something(self) -> bool:
        with self._told("list"):
            return bool(next(iter(self._store.list(chunk_size=1)), None))

    def _require_s3(self) -> None:
        """obstore reads any well-formed page, a captive portal's too, as an empty listing; S3 knows what it has not."""
        nobody = f"image-cluster-probe-{secrets.token_hex(8)}"
        if self.head(nobody) is not None:
            raise BucketError(
                f"Cannot list in {self.url} (endpoint {self._endpoint}): that is no S3 server, "
                "it claims to have an object that nobody made. Check the endpoint and the network."
            )

    @contextmanager
    def _told(self, doing: str, key: str | None = None) -> Generator[None]:
        """Turn obstore's errors into ours, in one line and without secrets."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, FileNotFoundError, ValueError) as error:
            # Not chained: obstore's text is a page of debug output, which would end in logs and in the UI.
            raise self._explained(error, doing, key) from None

    def _explained(self, error: Exception, doing: str, key: str | None) -> Exception:
        from obstore.exceptions import InvalidPathError

        text = str(error)
        first = text.split("\n", 1)[0][:300]
        where = f"Cannot {doing} in {self.url} (endpoint {self._endpoint})"
        if isinstance(error, (InvalidPathError, ValueError)) or "invalid path" in first:
            said = f"{where}: it holds a key that cannot be addressed ({first}). Rename or delete that object."
            return BadKeyError(self._clean(said))
        kind, said = _meaning(text, first, one_object=key is not None, region=self._region)
        if kind is ObjectMissingError:
            return ObjectMissingError(f"There is no {key!r} in {self.url} any more.")
        return kind(self._clean(f"{where}: {said}"))

    def _clean(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        return " ".join(message.split())


def _meaning(text: str, first: str, *, one_object: bool, region: str) -> tuple[type[ImageClusterError], str]:
    """The class of an error of obstore, and what happened and what to do about it."""
    searched = (pattern.search(text) for pattern in (_STATUS, _CODE, _MESSAGE))
    status, code, message = (found[1] if found else "" for found in searched)
    answer = ", ".join(part for part in (status, code, message) if part)
    if code == "NoSuchBucket" or (status == "404" and not one_object):
        return BucketError, f"there is no such bucket ({answer}). Correct the url or the endpoint."
    if status == "404" or "not found" in first:
        return ObjectMissingError, ""
    if status in ("401", "403"):
        remedy = "Check the access key and secret in the environment, and what they may do."
        return BucketError, f"access refused ({answer}). {remedy}"
    if status and int(status) < 500 and int(status) not in _TRANSIENT_STATUS:
        remedy = f"Check the endpoint, the region ({region}) and the credentials."
        return BucketError, f"the server refused ({answer}). {remedy}"
    if not status and ("invalid list response" in first or "redirect" in first.lower()):
        return BucketError, f"that is no S3 answer ({first}). Check the endpoint and the region ({region})."
    reason = f"the server is in trouble ({answer})" if status else f"no answer ({_network_reason(text)})"
    return BucketUnreachableError, f"{reason}. Check the network and the endpoint, or try later."


def _store(
    bucket: str,
    prefix: str,
    *,
    endpoint: str,
    region: str,
    credentials: Credentials,
    timeout_seconds: float,
    retries: int,
) -> "S3Store":
    from obstore.store import S3Store

    # A provider and not plain keys: obstore would add AWS_SESSION_TOKEN from the environment to keys that it does not
    # belong to, and with neither it would ask the instance-metadata service.
    answer: S3Credential = {
        "access_key_id": credentials.key_id, "secret_access_key": credentials.secret,
        "token": credentials.token, "expires_at": None,
    }  # fmt: skip
    whole = min(LONGEST_RETRY_SECONDS, timeout_seconds * (retries + 1))
    return S3Store(
        bucket,
        prefix=prefix or None,
        config={
            "endpoint": endpoint,
            "aws_endpoint_url_s3": endpoint,  # or the variable of that name would win over `endpoint`
            "region": region,
            "virtual_hosted_style_request": False,
            "disable_bulk_delete": True,  # a plain DELETE is understood by every server
        },
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "timeout": timedelta(seconds=timeout_seconds),
            "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, timeout_seconds)),
        },
        retry_config={
            "max_retries": retries,
            "retry_timeout": timedelta(seconds=whole),
            "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=10), "base": 2},
        },
        credential_provider=lambda: answer,
    )


def _info(meta: "ObjectMeta") -> ObjectInfo:
    return ObjectInfo(meta["path"], (meta["e_tag"] or "").strip('"'), meta["size"], meta["last_modified"])


def _checked(key: str, url: str) -> str:
    if not key or "\0" in key or any(part in ("", ".", "..") for part in key.split("/")):
        raise BadKeyError(f"{key!r} is no key in {url}: it must name an object below the prefix.")
    return key


def _network_reason(text: str) -> str:
    """What the network said, out of obstore's debug output, which holds it only there."""
    known = {
        "ConnectionRefused": "connection refused", "dns error": "the host's name is not known",
        "failed to lookup": "the host's name is not known", "TimedOut": "timed out", "timed out": "timed out",
        "kind: Timeout": "timed out", "certificate": "its certificate is not trusted",
        "ConnectionReset": "connection reset", "IncompleteMessage": "the connection broke off",
    }  # fmt: skip
    unknown = text.split("\n", 1)[0].rsplit(" - ", 1)[-1][:120]
    return next((plain for sign, plain in known.items() if sign in text), unknown)
