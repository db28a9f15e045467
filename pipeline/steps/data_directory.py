"""A data directory and its settings: stored results, categories and their locks.

What belongs here: everything that a step needs inside the data directory, and its notices to people. Not here: the
bucket, the encoder and the decisions of people (`project.py`).
"""

import difflib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from pipeline.curation.addressing import choose_category
from pipeline.errors import TransientError, UnknownNameError
from pipeline.settings import Settings
from pipeline.storage.categories import goes_on_as, read_renames, read_slugs
from pipeline.storage.layout import Layout, open_layout

if TYPE_CHECKING:
    from pipeline.storage.artifacts import ArtifactStore


class Talk(Protocol):
    """Where a step reports its progress to people."""

    def notice(self, text: str) -> None: ...

    def progress(self, phase: str, done: int, total: int) -> None: ...


class Silence:
    """A `Talk` that says nothing."""

    def notice(self, text: str) -> None:
        """Say nothing."""

    def progress(self, phase: str, done: int, total: int) -> None:
        """Say nothing."""


class DataDirectory:
    """One data directory and its settings."""

    def __init__(
        self,
        settings: Settings,
        *,
        talk: Talk | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.talk: Talk = talk or Silence()
        self._noticed: set[str] = set()
        self._clock = clock

    @cached_property
    def layout(self) -> Layout:
        return open_layout(self.settings.data_dir)

    @cached_property
    def store(self) -> "ArtifactStore":
        from pipeline.storage.artifacts import ArtifactStore

        return ArtifactStore(self.layout)

    def tell_once(self, text: str) -> None:
        """Give a notice the first time only; several steps may have the same one."""
        if text not in self._noticed:
            self._noticed.add(text)
            self.talk.notice(text)

    def now(self) -> str:
        """The current time as ISO 8601 in UTC, in whole seconds."""
        return self._clock().astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def slug_of(self, category: str) -> str:
        """The slug of a category, given its name, its slug, or a name from before it was renamed.

        Raises `UnknownNameError` listing the categories, and `AmbiguousNameError` for a name that fits several.
        """
        slugs = read_slugs(self.layout)
        if (slug := choose_category(category, slugs)) is not None:
            return slug
        was = {rename.category: old for old, rename in read_renames(self.layout).items()}
        if (now := goes_on_as(self.layout, was.get(category, category))) is not None:
            return now
        names = ", ".join(sorted(slugs)) or "none yet: run `image-cluster run SOURCE` first"
        close = difflib.get_close_matches(category, [*slugs, *slugs.values()], n=1, cutoff=0.6)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UnknownNameError(f"There is no category {category!r} in {self.settings.data_dir}.{hint} Known: {names}.")

    def category_of(self, slug: str) -> str:
        return read_slugs(self.layout).get(slug, slug)

    @contextmanager
    def lock(self, slug: str) -> Generator[None]:
        """Lock a category, so that no two processes work on it at the same time."""
        from filelock import FileLock, Timeout

        path = self.layout.lock(slug)
        path.parent.mkdir(parents=True, exist_ok=True)
        file_lock = FileLock(path)
        try:
            file_lock.acquire(timeout=0.1)
        except Timeout:
            self.talk.notice(f"Another run holds category {slug}; waiting for it …")
            try:
                file_lock.acquire(timeout=float(os.environ.get("IMAGE_CLUSTER_LOCK_SECONDS", "3600")))
            except Timeout as error:
                raise TransientError(
                    f"Another run still holds category {slug} of {self.layout.root}. Wait for it to end, or stop it."
                ) from error
        try:
            yield
        finally:
            file_lock.release()

    @contextmanager
    def lock_if_free(self, slug: str) -> Generator[bool]:
        """Hold a category unless somebody else does; yields whether it is held. Makes no file."""
        from filelock import FileLock, Timeout

        path = self.layout.lock(slug)
        if not path.exists() or not os.access(path, os.W_OK):  # never run, or a directory that cannot be written
            yield True
            return
        file_lock = FileLock(path)
        try:
            file_lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            file_lock.release()
