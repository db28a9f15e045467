"""Listings of an S3 bucket: through obstore if it can represent the keys, otherwise exactly.

What belongs here: detecting keys that obstore cannot represent, and continuing exactly from there. Not here: the exact
listing itself (`s3_listing.py`), requests and errors (`s3_requests.py`), objects (`s3_bucket.py`).
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from pipeline.adapters.bounded import within
from pipeline.adapters.read_ahead import BadKeyError
from pipeline.adapters.s3_listing import ListedPage
from pipeline.adapters.s3_requests import S3Requests
from pipeline.adapters.s3_store import object_info
from pipeline.errors import BucketUnreachableError
from pipeline.stages.manifest.bucket import ObjectInfo

if TYPE_CHECKING:
    from obstore import ListStream, ObjectMeta
    from obstore.store import S3Store

PAGE = 1000  # objects per request, the most that S3 returns
REPEATS = 5  # times that a server may give a page again, for example after a retry behind it
EMPTY_PAGES = 1000  # in a row: S3 sends them where objects were deleted, one for each 1,000 delete markers
PAGE_SECONDS, LEVEL_SECONDS = 60.0, 300.0  # that obstore may take for a page, and for all pages of one level
LAST = chr(0x10FFFF)  # sorts behind every character of a key

T = TypeVar("T")


class S3Pages:
    """The listings of one bucket. `exists` says whether there is an object with a key.

    Once a key has been found that obstore cannot represent, all later listings are exact.
    """

    def __init__(
        self, requests: S3Requests, prefix: str, exists: Callable[[str], bool], notice: Callable[[str], None]
    ) -> None:
        self._requests, self._prefix, self._exists, self._notice = requests, prefix, exists, notice
        self._exactly = False

    def level(self, folder: str) -> ListedPage:
        """The objects and folders directly in a folder."""
        if not self._exactly:
            try:
                response = self._requests.ask(
                    "list",
                    lambda store: _within_limit(
                        LEVEL_SECONDS, lambda: store.list_with_delimiter_async(folder.rstrip("/") or None)
                    ),
                )
            except BadKeyError:
                self._list_exactly()
            else:
                if all(response["common_prefixes"]):
                    folders = [f"{name}/" for name in response["common_prefixes"]]
                    return ListedPage([object_info(meta) for meta in response["objects"]], folders)
                self._list_exactly()  # an empty name: some keys begin with a slash, which obstore drops
        pages = list(self._exact_pages(folder, None, recursive=False))
        return ListedPage([info for page in pages for info in page.objects],
                          [name for page in pages for name in page.folders])  # fmt: skip

    def below(self, folder: str, after: str | None) -> Iterator[list[ObjectInfo]]:
        """Pages of all objects below a folder (with a final slash, or empty), with keys greater than `after`."""
        if folder:
            _check_folder(folder, self._requests.url)
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

    def holds_something(self) -> bool:
        """Whether there is any object below the prefix."""
        if not self._exactly:
            try:
                return self._requests.ask("list", lambda store: bool(_next_page(store.list(chunk_size=1))))
            except BadKeyError:
                self._list_exactly()
        return any(page.objects for page in self._exact_pages("", None, recursive=True))

    def _quick_pages(self, folder: str, after: str | None) -> Iterator[list[ObjectInfo]]:
        """Pages through obstore. Raises `BadKeyError` before a page with a key that it cannot represent."""
        stream: ListStream[Sequence[ObjectMeta]] | None = None
        last = after

        def fetch(store: "S3Store") -> "Sequence[ObjectMeta] | None":
            nonlocal stream
            try:
                if stream is None:
                    stream = store.list(folder.rstrip("/") or None, offset=last, chunk_size=PAGE)
                return _next_page(stream)
            except BaseException:
                stream = None  # a retry starts a new listing after the last key
                raise

        while (batch := self._requests.ask("list", fetch)) is not None:
            page = [object_info(meta) for meta in batch]
            if self._names_other_objects(page, folder, last if last != after else None, first=last == after):
                raise BadKeyError("The listing is out of order.")
            if last != after:
                page = [info for info in page if last is None or info.key > last or info.size == 0]
            for info in page:
                last = info.key if last is None else max(last, info.key)
            if page:
                yield page

    def _names_other_objects(self, page: list[ObjectInfo], folder: str, last: str | None, *, first: bool) -> bool:
        """Whether obstore dropped slashes of keys: then keys are out of order, or the first one does not exist.

        Keys that begin with a slash sort before letters and digits.
        """
        for info in page:
            if info.size and last is not None and info.key <= last:
                return True
            last = info.key if last is None else max(last, info.key)
        if folder or not first or self._prefix:
            return False
        doubtful = next((info for info in page if info.key[0] > "/"), None)
        return doubtful is not None and doubtful.size > 0 and not self._exists(doubtful.key)

    def _list_exactly(self) -> None:
        if not self._exactly:
            self._exactly = True
            self._notice(
                f"{self._requests.url} holds keys that cannot be asked for (empty parts, control characters, …), or "
                "lists them out of order, without size or time, or in many pages without a key: it is listed more "
                "slowly, and keys that cannot be asked for become rows with a reason."
            )

    def _exact_pages(self, folder: str, after: str | None, *, recursive: bool) -> Iterator[ListedPage]:
        token: str | None = None
        visits: Counter[str] = Counter()
        before, nothing_new = set[str](), 0
        while True:
            page = self._requests.exact_page(folder, after, token, recursive=recursive)
            yield page
            names = {info.key for info in page.objects} | set(page.folders)
            nothing_new = nothing_new + 1 if names <= before else 0
            before = names or before
            if not page.more:
                return
            if page.token is None:  # the server says that there is more, but not where
                after = max(
                    [*(info.key for info in page.objects), *(name + LAST for name in page.folders)], default=None
                )
            token = page.token
            place = token or f"after {after}"
            visits[place] += 1
            if visits[place] > REPEATS or nothing_new > EMPTY_PAGES or (token is None and after is None):
                raise BucketUnreachableError(
                    f"The listing of {folder or 'all keys'} in {self._requests.url} does not end: the server gave "
                    f"{max(nothing_new, visits[place]):,} pages without a new key and says that more follow. "
                    "Nothing was taken for gone. Try again, or ask those who run it."
                )


def _next_page(stream: "ListStream[Sequence[ObjectMeta]]") -> "Sequence[ObjectMeta] | None":
    """The next objects of a listing, None after the last. Raises `BadKeyError` if pages come, but without keys."""
    try:
        return _within_limit(PAGE_SECONDS, stream.__anext__)
    except StopAsyncIteration:
        return None


def _within_limit(seconds: float, start: Callable[[], Awaitable[T]]) -> T:
    """The result of a listing. Raises `BadKeyError` after `seconds`.

    Then the exact listing takes over, which sees every page, also those without a key.
    """
    try:
        return within(seconds, start)
    except TimeoutError:
        raise BadKeyError(f"The listing gave no key for {seconds:g} s.") from None


def _check_folder(folder: str, url: str) -> None:
    if any(part in ("", ".", "..") for part in folder.rstrip("/").split("/")):
        raise BadKeyError(f"{folder!r} is no folder in {url}: it must name one below the prefix.")
