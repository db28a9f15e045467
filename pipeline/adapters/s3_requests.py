"""Requests to one S3 bucket, with retries, and with our errors instead of obstore's.

What belongs here: making a request and explaining its failure. Not here: the meaning of error codes (`s3_errors.py`),
pauses of retries (`patience.py`), what is requested (`s3_bucket.py`, `s3_pages.py`).
"""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from pipeline.adapters.patience import RetryPolicy
from pipeline.adapters.read_ahead import BadKeyError
from pipeline.adapters.s3_body import TooSlowError
from pipeline.adapters.s3_errors import has_reason, is_incomplete_entry, is_no_connection, is_unexplained, meaning
from pipeline.adapters.s3_listing import ExactListing, ListedPage, ListingRefusedError
from pipeline.adapters.s3_store import Credentials, Stores
from pipeline.errors import BucketUnreachableError, ObjectMissingError

if TYPE_CHECKING:
    from obstore.store import S3Store

T = TypeVar("T")


@dataclass(frozen=True)
class S3Requests:
    """Makes requests through obstore (`stores`) and boto3 (`exact`)."""

    stores: Stores
    exact: ExactListing
    patience: RetryPolicy
    url: str
    endpoint: str
    region: str
    credentials: Credentials
    asked_elsewhere: threading.Lock = field(default_factory=threading.Lock)  # held once a redirect was looked for

    def ask(
        self, doing: str, call: "Callable[[S3Store], T]", key: str | None = None, *, store: "S3Store | None" = None
    ) -> T:
        """The result of `call`, with retries. `doing` and `key` describe it in errors, which are ours.

        `store`: which of the `stores`, by default `usual`.
        """

        def request() -> T:
            with self._explaining(doing, key):
                return call(store or self.stores.usual)

        return self.patience.ask(request, lambda: self.exact.asked_pause(key))

    def exact_page(self, folder: str, after: str | None, token: str | None, *, recursive: bool) -> ListedPage:
        """A page of the exact listing, with retries."""

        def request() -> ListedPage:
            try:
                return self.exact.page(folder, after, token, recursive=recursive)
            except ListingRefusedError as error:
                raise self._explained(error, "list", None) from None

        return self.patience.ask(request, lambda: self.exact.asked_pause(None))

    @contextmanager
    def _explaining(self, doing: str, key: str | None) -> Generator[None]:
        """Turn obstore's errors into ours, in one line and without secrets."""
        from obstore.exceptions import BaseError

        try:
            yield
        except TooSlowError as error:
            raise BucketUnreachableError(
                f"Cannot {doing} in {self.url} (endpoint {self.endpoint}): it comes too slowly ({error}). Check the "
                "network, or try later. Where the server is slow, raise source.timeout_seconds."
            ) from None
        except (BaseError, ListingRefusedError, FileNotFoundError, ValueError) as error:
            # Not chained: obstore's text is a page of debug output, which would end up in logs and in the UI.
            raise self._explained(error, doing, key) from None

    def _explained(self, error: Exception, doing: str, key: str | None) -> Exception:
        from obstore.exceptions import InvalidPathError

        text = str(error)
        first = text.split("\n", 1)[0][:300]
        where = f"Cannot {doing} in {self.url} (endpoint {self.endpoint})"
        if isinstance(error, (InvalidPathError, ValueError)) or "invalid path" in first or is_incomplete_entry(first):
            message = f"{where}: it holds a key that cannot be addressed ({first}). Rename or delete that object."
            return BadKeyError(self.credentials.hide(message))
        if is_unexplained(text) or (is_no_connection(text) and not self.asked_elsewhere.locked()):
            # obstore follows a redirect to another region, and then tells of that server alone
            self.asked_elsewhere.acquire(blocking=False)
            text = self._refusal() or text
        kind, message = meaning(text, first, one_object=key is not None, region=self.region)
        if not message:
            return ObjectMissingError(f"There is no {key!r} in {self.url} any more.")
        return kind(self.credentials.hide(f"{where}: {message}"))

    def _refusal(self) -> str | None:
        """The server's reason for a refusal, from a listing, for requests whose response does not contain it."""
        try:
            self.exact.page("", None, None, recursive=True)
        except ListingRefusedError as error:
            return str(error) if has_reason(str(error)) else None
        return None
