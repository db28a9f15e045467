"""An S3 or R2 bucket, through obstore.

What belongs here: the operations of a bucket, and refusing a server or a prefix that is probably wrong. Not here:
setting up obstore (`s3_store.py`), requests and errors (`s3_requests.py`), listings (`s3_pages.py`), credentials and
endpoint (`buckets.py`), which keys are images (`stages/manifest/keys.py`).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.adapters.patience import RetryPolicy
from pipeline.adapters.read_ahead import BadKeyError, Outcome, read_ahead, too_large, unpack
from pipeline.adapters.s3_body import pieces, whole
from pipeline.adapters.s3_listing import ExactListing
from pipeline.adapters.s3_pages import S3Pages
from pipeline.adapters.s3_requests import S3Requests
from pipeline.adapters.s3_store import Credentials, object_info, open_stores
from pipeline.errors import BucketError, ObjectMissingError
from pipeline.settings import SKIP_NAMES
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.keys import is_addressable, is_hidden

if TYPE_CHECKING:
    from obstore import Attributes, ObjectMeta
    from obstore.store import S3Store
T = TypeVar("T")

NO_LENGTH = "Content-Length Header missing"  # obstore's words for a body in chunks
ASKED = 5  # keys that a listing left out
LARGE = 1_000_000  # bytes; a body over a slow line takes longer than other requests
PARTS_AT_ONCE = 4  # of a large body, 5 MB each; more of them share the line


class ObstoreBucket:
    """Objects below one prefix of an S3 bucket. Implements `Bucket`.

    Only the given credentials are used, neither instance metadata nor other variables. Listing an empty prefix is an
    error, like listing a folder that does not exist.
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
        self._concurrency: int = concurrency
        self._seconds: float = timeout_seconds
        self._requests = S3Requests(
            open_stores(
                bucket, prefix, endpoint=self._endpoint, region=region, credentials=credentials,
                timeout_seconds=timeout_seconds,
            ),
            ExactListing(bucket, prefix, self._endpoint, region, credentials, timeout_seconds),
            RetryPolicy(retries, retry_seconds, self._notice),
            url, self._endpoint, region, credentials,
        )  # fmt: skip
        self._pages = S3Pages(self._requests, prefix, lambda key: self.head(key) is not None, self._notice)

    def __repr__(self) -> str:
        return f"ObstoreBucket({self.url!r}, endpoint={self._endpoint!r})"

    def folders(self) -> list[str]:
        """Names of the top folders, sorted, without hidden ones."""
        top = self._pages.level("")
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
        """Objects in the folder `prefix`, sorted by key; one request per page of 1,000."""
        folder, nothing = f"{prefix.strip('/')}/" if prefix.strip("/") else "", True
        if recursive:
            listing = self._pages.below(folder, after)
        else:
            listing = iter([page] if (page := sorted(self._pages.level(folder).objects)) else [])
        for listed in listing:
            # rclone and some others repeat the key `after`, or ignore it
            page = [info for info in listed if after is None or info.key > after]
            nothing = False
            if page:
                yield page
        if nothing:
            self._doubt_emptiness()

    def head(self, key: str) -> ObjectInfo | None:
        """The entry of one object in a listing; None if there is none."""
        try:
            checked = _checked(key, self.url)
            meta = self._requests.ask(f"look at {key!r}", lambda store: store.head(checked), key)
            self._require_object(f"look at {key!r}", meta)
            return object_info(meta)
        except ObjectMissingError:
            return None

    def read(self, key: str) -> bytes:
        """The whole object."""
        return self._read(key, None)

    def read_part(self, key: str, start: int, length: int) -> bytes:
        """A part of the object, in one request."""
        checked = _checked(key, self.url)

        def get(store: "S3Store") -> bytes:
            from obstore.exceptions import GenericError

            try:
                try:
                    response, first = store.get(checked, options={"range": (start, start + length)}), 0
                except GenericError as error:
                    if "non-partial" not in str(error):
                        raise
                    # rclone's server sends the whole object whatever is asked for
                    response, first = store.get(checked), start
            except GenericError as error:
                if NO_LENGTH not in str(error):
                    raise
                return self._in_chunks(checked, start + length)[0][start : start + length]
            self._require_object(f"read {key!r}", response.meta)
            return whole(response, self._seconds)[first : first + length]

        return self._reading(f"read {length:,} bytes of {key!r}", get, key)

    def probe(self, key: str) -> None:
        """Read the first byte of an object."""
        self.read_part(key, 0, 1)

    def read_many(self, keys: Iterable[str], *, most: int | None = None) -> Iterator[tuple[str, Outcome]]:
        """Objects in the order of `keys`, read ahead up to `concurrency`; an error of one object is a value."""
        return read_ahead(lambda key: self._read(key, most), keys, self._concurrency)

    def _read(self, key: str, most: int | None) -> bytes:
        checked = _checked(key, self.url)

        def get(store: "S3Store") -> bytes:
            from obstore.exceptions import GenericError

            try:
                response = store.get(checked)
            except GenericError as error:
                if NO_LENGTH not in str(error):
                    raise
                data, answer = self._in_chunks(checked, most)
                if most is not None and len(data) > most:
                    raise too_large(key, len(data), most) from None
                return unpack(key, data, most) if answer.get("ContentEncoding") == "gzip" else data
            size = response.meta["size"]
            if most is not None and size > most:
                raise too_large(key, size, most)
            self._require_object(f"read {key!r}", response.meta)
            data = whole(response, self._seconds)
            return unpack(key, data, most) if response.attributes.get("Content-Encoding") == "gzip" else data

        return self._reading(f"read {key!r}", get, key)

    def _in_chunks(self, key: str, most: int | None) -> tuple[bytes, dict[str, Any]]:
        """The first `most` + 1 bytes of an object whose length the server or a proxy does not say, and the answer."""
        data, answer = self._requests.exact.body(key, most)
        if not answer.get("ETag") and not answer.get("LastModified"):
            raise self._no_object(f"read {key!r}")
        return data, answer

    def _reading(self, doing: str, call: "Callable[[S3Store], T]", key: str) -> T:
        """A request whose answer may be large; it may last as long as enough comes."""
        return self._requests.ask(doing, call, key, store=self._requests.stores.reading)

    def _writing(self, key: str, size: int, call: "Callable[[S3Store], T]") -> T:
        """A request with a body of `size` bytes."""
        stores = self._requests.stores
        return self._requests.ask(f"write {key!r}", call, store=stores.writing if size > LARGE else stores.usual)

    def unlisted(self, keys: Sequence[str]) -> list[str]:
        """The objects that exist although a listing left out their keys. Asks for some of `keys`, spread over all."""
        step = max(1, len(keys) // ASKED)
        return [key for key in keys[::step][:ASKED] if is_addressable(key) and self.head(key) is not None]

    def _require_object(self, doing: str, meta: "ObjectMeta") -> None:
        """Raises `BucketError` if an answer has neither ETag nor time, as the page of a captive portal or a proxy."""
        if meta["e_tag"] is None and meta["last_modified"].timestamp() == 0:
            raise self._no_object(doing)

    def _no_object(self, doing: str) -> BucketError:
        return BucketError(
            f"Cannot {doing} in {self.url} (endpoint {self._endpoint}): that is no S3 answer, it has neither ETag "
            "nor time. Check the endpoint and the network: a portal or proxy may answer in its place."
        )

    def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """Create or replace one object."""
        checked = _checked(key, self.url)
        attributes: Attributes = {"Content-Type": content_type}
        self._writing(
            key, len(data),
            lambda store: store.put(checked, data, attributes=attributes, max_concurrency=PARTS_AT_ONCE),
        )  # fmt: skip

    def read_version(self, key: str) -> tuple[bytes, str]:
        """The whole object and its ETag, as `write_if` takes it. Also raises `ObjectMissingError`."""
        checked = _checked(key, self.url)

        def get(store: "S3Store") -> tuple[bytes, str]:
            response = store.get(checked)
            return whole(response, self._seconds), response.meta["e_tag"] or ""

        return self._reading(f"read {key!r}", get, key)

    def write_if(self, key: str, data: bytes, *, etag: str | None) -> bool:
        """As `write_version`; returns whether it was written."""
        return self.write_version(key, data, etag=etag) is not None

    def write_version(self, key: str, data: bytes, *, etag: str | None) -> str | None:
        """Create the object if `etag` is None, else replace it if this is its ETag.

        Returns the new ETag, None if nothing was written: also if the answer to an earlier try of the same write was
        lost. Some servers ignore the condition (`snapshot_store.require_conditions`).
        """
        checked = _checked(key, self.url)

        def put(store: "S3Store") -> str | None:
            from obstore.exceptions import AlreadyExistsError, PreconditionError

            try:
                return store.put(checked, data, mode="create" if etag is None else {"e_tag": etag})["e_tag"] or ""
            except (AlreadyExistsError, PreconditionError):
                return None

        return self._writing(key, len(data), put)

    def upload(self, key: str, file: Path) -> None:
        """Create or replace one object with the bytes of a file, in parts if it is large."""
        checked = _checked(key, self.url)
        self._writing(key, file.stat().st_size, lambda store: store.put(checked, file, max_concurrency=PARTS_AT_ONCE))

    def download(self, key: str, file: Path) -> None:
        """Write one object to a file, piece by piece. Also raises `ObjectMissingError`."""
        checked = _checked(key, self.url)

        def get(store: "S3Store") -> None:
            with file.open("wb") as opened:
                for piece in pieces(store.get(checked), self._seconds):
                    opened.write(piece)

        self._reading(f"read {key!r}", get, key)

    def delete(self, key: str) -> None:
        """Remove one object; does nothing if it does not exist."""
        try:
            checked = _checked(key, self.url)
            self._requests.ask(f"delete {key!r}", lambda store: store.delete(checked), key)
        except ObjectMissingError:
            return

    def check(self) -> None:
        """One list request; raises what any other request would raise."""
        if not self._pages.holds_something():
            self._require_s3()

    def _doubt_emptiness(self) -> None:
        """Called when a listing was empty. Raises `BucketError` if the prefix is empty too.

        An empty prefix is probably a typing error, not a library that was emptied.
        """
        if self._pages.holds_something():
            return
        self._require_s3()
        if self._prefix:
            raise BucketError(
                f"{self.url} (endpoint {self._endpoint}) holds nothing. "
                f"Correct the prefix {self._prefix!r}, or upload to it."
            )

    def _require_s3(self) -> None:
        """Raises `BucketError` if the server has an object with a random name, so is not S3.

        obstore reads any well-formed page, also that of a captive portal, as an empty listing.
        """
        self._requests.exact_page("", None, None, recursive=True)
        nobody = f"image-cluster-probe-{secrets.token_hex(8)}"
        if self.head(nobody) is not None:
            raise BucketError(
                f"Cannot list in {self.url} (endpoint {self._endpoint}): that is no S3 server, "
                "it claims to have an object that nobody made. Check the endpoint and the network."
            )


def _checked(key: str, url: str) -> str:
    if not is_addressable(key):
        raise BadKeyError(
            f"{key!r} in {url} cannot be asked for: a part of it is empty, . or .., or holds a control character. "
            "Rename that object."
        )
    return key
