"""An S3 or R2 bucket, through obstore.

What belongs here: how obstore is set up, requests and trying them again. Not here: what errors mean for people
(`adapters/s3_errors.py`), keys that obstore cannot say (`adapters/s3_listing.py`), where credentials and endpoint come
from (`adapters/buckets.py`), which keys are images (`stages/manifest/keys.py`).
"""

import secrets
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from pipeline.adapters.patience import Patience
from pipeline.adapters.read_ahead import BadKeyError, Outcome, read_ahead, too_large
from pipeline.adapters.s3_errors import has_reason, is_unexplained, meaning
from pipeline.adapters.s3_listing import ExactListing, ListedPage, ListingRefusedError
from pipeline.errors import BucketError, ObjectMissingError
from pipeline.settings import SKIP_NAMES
from pipeline.stages.manifest.build import ObjectInfo
from pipeline.stages.manifest.keys import is_addressable, is_hidden

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Credential, S3Store

PAGE = 1000  # objects per request, the most that S3 gives
CONNECT_SECONDS = 5.0

T = TypeVar("T")


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
        concurrency: int,
        timeout_seconds: float,
        retries: int,
        retry_seconds: float,
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
        self._patience = Patience(retries, retry_seconds, self._notice)
        self._store: S3Store = _store(
            bucket, prefix, endpoint=self._endpoint, region=region, credentials=credentials,
            timeout_seconds=timeout_seconds,
        )  # fmt: skip
        self._exactly: bool = False
        self._exact: ExactListing = ExactListing(bucket, prefix, self._endpoint, region, credentials, timeout_seconds)

    def __repr__(self) -> str:
        return f"ObstoreBucket({self.url!r}, endpoint={self._endpoint!r})"

    def folders(self) -> list[str]:
        """Names of the folders at the top, sorted, hidden ones left out."""
        top = self._level("")
        if not top.objects and not top.folders:
            self._doubt_emptiness()
        names = sorted(folder.removesuffix("/") for folder in top.folders)
        nameless = [name for name in names if name in ("", ".", "..")]
        if nameless:
            shown = ", ".join(f"{name}/…" for name in nameless)
            self._notice(
                f"Keys of {self.url} that begin with {shown} lie in no folder that has a name: they are not read."
            )
        skipped = [name for name in names if name not in nameless and is_hidden(name, self._skip_names)]
        if skipped:
            self._notice(f"Skipped in {self.url}: {', '.join(skipped)} (source.skip_names).")
        return [name for name in names if name not in skipped and name not in nameless]

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        """Objects in the folder `prefix` in ascending order of key; one request per page of 1,000."""
        folder, nothing = f"{prefix.strip('/')}/" if prefix.strip("/") else "", True
        if recursive:
            listing = self._listing(folder, after)
        else:
            listing = iter([page] if (page := sorted(self._level(folder).objects)) else [])
        for listed in listing:
            # rclone and some others give the key `after` itself once more, or ignore it.
            page = [info for info in listed if after is None or info.key > after]
            nothing = False
            if page:
                yield page
        if nothing:
            self._doubt_emptiness()

    def head(self, key: str) -> ObjectInfo | None:
        """What a listing would say of one object; None where there is none."""
        try:
            checked = _checked(key, self.url)
            return self._ask(f"look at {key!r}", lambda store: _info(store.head(checked)), key)
        except ObjectMissingError:
            return None

    def read(self, key: str) -> bytes:
        """The whole object."""
        return self._read(key, None)

    def read_many(self, keys: Iterable[str], *, most: int | None = None) -> Iterator[tuple[str, Outcome]]:
        """Objects in the order of `keys`, read ahead by a bounded number; one object's trouble is a value."""
        return read_ahead(lambda key: self._read(key, most), keys, self._concurrency)

    def _read(self, key: str, most: int | None) -> bytes:
        checked = _checked(key, self.url)

        def get(store: "S3Store") -> bytes:
            response = store.get(checked)
            size = response.meta["size"]
            if most is not None and size > most:
                raise too_large(key, size, most)
            return bytes(response.bytes())

        return self._ask(f"read {key!r}", get, key)

    def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """Create or replace one object."""
        checked = _checked(key, self.url)
        self._ask(f"write {key!r}", lambda store: store.put(checked, data, attributes={"Content-Type": content_type}))

    def delete(self, key: str) -> None:
        """Remove one object; not an error where there is none."""
        try:
            checked = _checked(key, self.url)
            self._ask(f"delete {key!r}", lambda store: store.delete(checked), key)
        except ObjectMissingError:
            return

    def check(self) -> None:
        """One list request; raises what any other would raise."""
        if not self._holds_something():
            self._require_s3()

    def _level(self, folder: str) -> ListedPage:
        """What lies directly in a folder."""
        if not self._exactly:
            try:
                response = self._ask("list", lambda store: store.list_with_delimiter(folder.rstrip("/") or None))
            except BadKeyError:
                self._list_exactly()
            else:
                if all(response["common_prefixes"]):
                    folders = [f"{name}/" for name in response["common_prefixes"]]
                    return ListedPage([_info(meta) for meta in response["objects"]], folders)
                self._list_exactly()  # an empty name: keys begin with a slash, which obstore drops
        pages = list(self._exact_pages(folder, None, recursive=False))
        return ListedPage([info for page in pages for info in page.objects],
                          [name for page in pages for name in page.folders])  # fmt: skip

    def _listing(self, folder: str, after: str | None) -> Iterator[list[ObjectInfo]]:
        """Pages below a folder: through obstore as long as it can say the keys, then exactly from where it stopped."""
        if folder:
            _checked_folder(folder, self.url)
        last = after
        if not self._exactly:
            try:
                for page in self._quick_pages(folder, after):
                    yield page
                    last = max(info.key for info in page)
            except BadKeyError:
                self._list_exactly()
            else:
                return
        for page in self._exact_pages(folder, last, recursive=True):
            if page.objects:
                yield page.objects

    def _quick_pages(self, folder: str, after: str | None) -> Iterator[list[ObjectInfo]]:
        """Pages through obstore. Raises `BadKeyError` before a page that holds a key which it cannot say."""
        stream: Iterator[Sequence[ObjectMeta]] | None = None
        last = after

        def fetch(store: "S3Store") -> "Sequence[ObjectMeta] | None":
            nonlocal stream
            try:
                if stream is None:
                    stream = iter(store.list(folder.rstrip("/") or None, offset=last, chunk_size=PAGE))
                return next(stream, None)
            except BaseException:
                stream = None  # it is asked for once more, after the last key that was seen
                raise

        while (batch := self._ask("list", fetch)) is not None:
            page = [_info(meta) for meta in batch]
            if self._names_other_objects(page, folder, last if last != after else None, first=last == after):
                raise BadKeyError("The listing is out of order.")
            if last != after:
                page = [info for info in page if last is None or info.key > last or info.size == 0]
            for info in page:
                last = info.key if last is None else max(last, info.key)
            if page:
                yield page

    def _names_other_objects(self, page: list[ObjectInfo], folder: str, last: str | None, *, first: bool) -> bool:
        """Whether obstore dropped slashes of keys: then keys are out of order, or the first one is of no object.

        Keys that begin with a slash come before all letters and digits.
        """
        for info in page:
            if info.size and last is not None and info.key <= last:
                return True
            last = info.key if last is None else max(last, info.key)
        if folder or not first or self._prefix:
            return False
        doubtful = next((info for info in page if info.key[0] > "/"), None)
        return doubtful is not None and doubtful.size > 0 and self.head(doubtful.key) is None

    def _list_exactly(self) -> None:
        if not self._exactly:
            self._exactly = True
            self._notice(f"{self.url} holds keys that cannot be asked for (empty parts, control characters, …): they "
                         "become rows with a reason, and the bucket is listed more slowly.")  # fmt: skip

    def _exact_pages(self, folder: str, after: str | None, *, recursive: bool) -> Iterator[ListedPage]:
        token: str | None = None

        def request() -> ListedPage:
            try:
                return self._exact.page(folder, after, token, recursive=recursive)
            except ListingRefusedError as error:
                raise self._explained(error, "list", None) from None

        while True:
            page = self._patience.ask(request)
            yield page
            if page.token is None:
                return
            token = page.token

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
        if not self._exactly:
            try:
                return self._ask("list", lambda store: bool(next(iter(store.list(chunk_size=1)), None)))
            except BadKeyError:
                self._list_exactly()
        return any(page.objects for page in self._exact_pages("", None, recursive=True))

    def _require_s3(self) -> None:
        """obstore reads any well-formed page, a captive portal's too, as an empty listing; S3 knows what it has not."""
        nobody = f"image-cluster-probe-{secrets.token_hex(8)}"
        if self.head(nobody) is not None:
            raise BucketError(
                f"Cannot list in {self.url} (endpoint {self._endpoint}): that is no S3 server, "
                "it claims to have an object that nobody made. Check the endpoint and the network."
            )

    def _ask(self, doing: str, call: "Callable[[S3Store], T]", key: str | None = None) -> T:
        """Make a request, again and again where that can help. Raises our errors, never obstore's."""

        def request() -> T:
            with self._told(doing, key):
                return call(self._store)

        return self._patience.ask(request)

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
            message = f"{where}: it holds a key that cannot be addressed ({first}). Rename or delete that object."
            return BadKeyError(self._clean(message))
        if is_unexplained(text):
            text = self._reason() or text
        kind, message = meaning(text, first, one_object=key is not None, region=self._region)
        if not message:
            return ObjectMissingError(f"There is no {key!r} in {self.url} any more.")
        return kind(self._clean(f"{where}: {message}"))

    def _reason(self) -> str | None:
        """Why the server refuses, in its own words, where the request that it refused could not be told."""
        try:
            self._exact.page("", None, None, recursive=True)
        except ListingRefusedError as error:
            return str(error) if has_reason(str(error)) else None
        return None

    def _clean(self, message: str) -> str:
        for secret in self._secrets:
            message = message.replace(secret, "***")
        return " ".join(message.split())


def _store(
    bucket: str,
    prefix: str,
    *,
    endpoint: str,
    region: str,
    credentials: Credentials,
    timeout_seconds: float,
) -> "S3Store":
    from obstore.store import S3Store

    # A provider and not plain keys: obstore would add AWS_SESSION_TOKEN from the environment to keys that it does not
    # belong to, and with neither it would ask the instance-metadata service.
    answer: S3Credential = {
        "access_key_id": credentials.key_id, "secret_access_key": credentials.secret,
        "token": credentials.token, "expires_at": None,
    }  # fmt: skip
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
        retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=timeout_seconds)},  # `Patience` tries again
        credential_provider=lambda: answer,
    )


def _info(meta: "ObjectMeta") -> ObjectInfo:
    return ObjectInfo(meta["path"], (meta["e_tag"] or "").strip('"'), meta["size"], meta["last_modified"])


def _checked(key: str, url: str) -> str:
    if not is_addressable(key):
        raise BadKeyError(
            f"{key!r} in {url} cannot be asked for: a part of it is empty, . or .., or holds a control character. "
            "Rename that object."
        )
    return key


def _checked_folder(folder: str, url: str) -> None:
    if any(part in ("", ".", "..") for part in folder.rstrip("/").split("/")):
        raise BadKeyError(f"{folder!r} is no folder in {url}: it must name one below the prefix.")
