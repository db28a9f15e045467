"""What the bucket sensor observes and decides at each tick.

What belongs here: the scan that a tick continues, the state in the sensor's cursor, and the decision which categories
need a run. Not here: Dagster (`automation.py` turns a `Decision` into run requests), the manifest that a run makes
(`stages/manifest/build.py`). Pure except for `look`, which reads the `Bucket` that it is given.

A tick compares digests, not names: the cursor has one digest per category, and one key, the position of the scan.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import BucketError, BucketUnreachableError
from pipeline.settings import SKIP_NAMES, SourceSettings
from pipeline.stages.manifest.bucket import Bucket, ObjectInfo
from pipeline.stages.manifest.bucket_manifest import MANIFEST_KEY, entry_digests, read_bucket_manifest
from pipeline.stages.manifest.digest import EMPTY_DIGEST, CategoryDigest, Tally
from pipeline.stages.manifest.keys import Categories, category_of, slug_map, sort_of, within_category

_NAMED = 3  # categories that a reason names; it counts the rest


class Scan:
    """A listing of the whole source, over one or several ticks, with one tally per category."""

    def __init__(
        self,
        categories: Categories,
        position: str | None = None,
        tallies: Mapping[str, tuple[int, str]] | None = None,
        *,
        skip_names: Sequence[str] = SKIP_NAMES,
    ) -> None:
        self._categories: Categories = categories
        self._skip_names: Sequence[str] = skip_names
        self.position: str | None = position
        self._tallies: dict[str, Tally] = {
            category: Tally(count, int(total, 16)) for category, (count, total) in (tallies or {}).items()
        }

    def add(self, page: list[ObjectInfo]) -> None:
        """Add the next page. Raises `BucketError` if keys do not ascend: such a scan cannot be continued."""
        for info in page:
            if self.position is None or info.key > self.position:
                self.position = info.key
            elif info.size > 0:  # an empty object may be a folder marker, sorted by a slash that listings drop
                raise BucketError(
                    f"The bucket lists {info.key!r} after {self.position!r}. The sensor needs a bucket that lists in "
                    "order; switch it off and rely on the nightly schedule."
                )
            if info.trouble:
                continue
            names = self._skip_names
            category = category_of(info.key, self._categories, names)
            rest = within_category(info.key, category, self._categories, names) if category is not None else None
            if category is not None and rest is not None and sort_of(rest, info.size, names) == "image":
                self._tallies.setdefault(category, Tally()).add(info.key, info.size, info.etag)

    @property
    def objects(self) -> int:
        """Image objects seen so far."""
        return sum(tally.count for tally in self._tallies.values())

    def digests(self) -> dict[str, CategoryDigest]:
        """Category → digest of the objects seen so far."""
        return {category: tally.result() for category, tally in self._tallies.items()}

    def saved(self) -> "SavedScan":
        """The scan as stored in the cursor."""
        tallies = {category: (digest.count, digest.digest) for category, digest in self.digests().items()}
        return SavedScan(position=self.position, tallies=tallies)


class _Saved(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class SavedScan(_Saved):
    """A scan that the next tick continues after `position`."""

    position: str | None
    tallies: dict[str, tuple[int, str]]


class SavedEntries(_Saved):
    """The tallies of the bucket's manifest.json with this ETag; None if it is foreign, so the bucket is listed."""

    etag: str
    tallies: dict[str, tuple[int, str]] | None


class Pending(_Saved):
    """A category that differs from its stored manifest; unchanged at `digest` since `since` (seconds since 1970)."""

    digest: str
    since: float


class WatchState(_Saved):
    """The state of the sensor between ticks. Keys of `pending` and `requested` are slugs."""

    source: str = ""
    scan: SavedScan | None = None
    entries: SavedEntries | None = None
    pending: dict[str, Pending] = Field(default_factory=dict[str, Pending])
    requested: dict[str, str] = Field(default_factory=dict[str, str])
    sequence: int = 0

    def to_cursor(self) -> str:
        """Compact JSON, for the sensor's cursor."""
        return json.dumps(self.model_dump(exclude_defaults=True), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_cursor(cls, cursor: str | None, settings: SourceSettings) -> "WatchState":
        """The state that `to_cursor` wrote; a new state if there is none or it cannot be read.

        A scan of another source, or with other categories, is dropped; requests are kept.
        """
        source = _fingerprint(settings)
        try:
            state = cls.model_validate_json(cursor) if cursor else cls()
        except ValidationError:
            state = cls()  # the cursor was edited, or written by another version: the scan starts again
        if state.source != source:
            state = state.model_copy(update={"source": source, "scan": None, "entries": None})
        return state


class Look(NamedTuple):
    """What one tick observed: a digest per category, or None while the scan is incomplete."""

    observed: dict[str, CategoryDigest] | None
    state: WatchState
    reason: str


@dataclass(frozen=True)
class Decision:
    """The runs to request from Dagster, as (slug, run key), and the state to keep.

    `reason` tells people why runs are requested, or why none is.
    """

    run_requests: list[tuple[str, str]]
    state: WatchState
    reason: str


def look(
    bucket: Bucket,
    state: WatchState,
    *,
    settings: SourceSettings,
    listing_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Look:
    """Look at the bucket for about `listing_seconds` at most; reads at least one page of a listing.

    With a manifest.json: one HEAD request, and its content only if its ETag changed. Raises what `bucket` raises: a
    failed look is not an empty bucket, and the previous state stays valid. A listing that fails after some pages
    continues at the next tick.
    """
    entries = _entries(bucket, state, settings)
    if entries is not None and entries.tallies is not None:
        observed = {name: CategoryDigest(count, digest) for name, (count, digest) in entries.tallies.items()}
        return Look(observed, state.model_copy(update={"scan": None, "entries": entries}), "")
    saved = state.scan
    scan = Scan(
        settings.categories, saved.position if saved else None, saved.tallies if saved else None,
        skip_names=settings.skip_names,
    )  # fmt: skip
    until = clock() + listing_seconds
    began = scan.position

    def go_on_later(why: str) -> Look:
        kept = state.model_copy(update={"scan": scan.saved(), "entries": entries})
        return Look(None, kept, f"{why}Listing goes on at the next tick: {scan.objects:,} images so far.")

    try:
        for page in bucket.pages("", after=scan.position):
            scan.add(page)
            if clock() >= until:
                return go_on_later("")
    except BucketUnreachableError as error:
        if scan.position == began:
            raise
        return go_on_later(f"{error} ")
    return Look(scan.digests(), state.model_copy(update={"scan": None, "entries": entries}), "")


def decide(
    observed: Mapping[str, CategoryDigest],
    stored: Mapping[str, str],
    state: WatchState,
    *,
    now: float,
    quiet_seconds: float,
    slugs: Mapping[str, str],
) -> Decision:
    """Decide which categories need a run.

    `observed`: the digest of each category in the bucket; `stored`: the digest of each slug's stored manifest; `slugs`:
    the existing partitions, slug → category; `now` and `quiet_seconds` in seconds.

    A category that differs from `stored` is requested once it has not changed for `quiet_seconds`. The same digest is
    requested again only after a different one. A category without objects is requested so that the removal is
    published; no partition is ever removed.
    """
    every = slug_map(observed, slugs)
    digests = {slug: observed.get(category, EMPTY_DIGEST).digest for slug, category in sorted(every.items())}
    settled = dict.fromkeys(slugs, EMPTY_DIGEST.digest) | dict(stored)
    changed = {slug: digest for slug, digest in digests.items() if digest != settled.get(slug)}
    running = {slug for slug, digest in changed.items() if state.requested.get(slug) == digest}
    since = {
        slug: _unchanged_since(state.pending.get(slug), digest, now)
        for slug, digest in changed.items() if slug not in running
    }  # fmt: skip
    waiting = {slug: start for slug, start in since.items() if now - start < quiet_seconds}
    ready = [slug for slug in since if slug not in waiting]
    # After a reset of the cursor, run keys must not repeat: Dagster would silently drop the run.
    sequence = state.sequence or int(now)
    update = {
        "pending": {slug: Pending(digest=changed[slug], since=start) for slug, start in waiting.items()},
        "requested": {slug: digest for slug, digest in changed.items() if slug not in waiting},
        "sequence": sequence + len(ready),
    }
    still = [f"{every[slug]} for another {quiet_seconds - (now - start):.0f} s" for slug, start in waiting.items()]
    return Decision(
        run_requests=[(slug, f"{slug}:{changed[slug]}:{number}") for number, slug in enumerate(ready, sequence + 1)],
        state=state.model_copy(update=update),
        reason=_reason([every[slug] for slug in ready], still, sorted(running), len(every)),
    )


def _unchanged_since(before: Pending | None, digest: str, now: float) -> float:
    """Since when a category has this digest; `now` where it had another one. The clock may have been set back."""
    return min(before.since, now) if before is not None and before.digest == digest else now


def _entries(bucket: Bucket, state: WatchState, settings: SourceSettings) -> SavedEntries | None:
    """The bucket's manifest.json, if there is one and the settings allow it; read only if its ETag changed."""
    if settings.manifest == "ignore":
        return None
    manifest = bucket.head(MANIFEST_KEY)
    if manifest is None:
        if settings.manifest == "require":
            raise BucketError(f"{bucket.url} holds no {MANIFEST_KEY}, which source.manifest requires.")
        return None
    saved = state.entries
    if saved is not None and saved.etag == manifest.etag and (saved.tallies or settings.manifest == "auto"):
        return saved
    entries = read_bucket_manifest(bucket.read(MANIFEST_KEY), settings.manifest)
    digests = None if entries is None else entry_digests(entries, settings.categories)
    tallies = None if digests is None else {name: (digest.count, digest.digest) for name, digest in digests.items()}
    return SavedEntries(etag=manifest.etag, tallies=tallies)


def _reason(requested: list[str], waiting: list[str], running: list[str], categories: int) -> str:
    sentences: list[str] = []
    if requested:
        sentences.append(f"Changed and still: {_name_some(requested)}.")
    if waiting:
        sentences.append(f"Changed, but must stay still: {_name_some(waiting)}.")
    if running:
        sentences.append(
            f"Requested before and not yet done: {_name_some(running)}; the nightly run retries what failed."
        )
    return " ".join(sentences) or f"Nothing changed in {categories} {'category' if categories == 1 else 'categories'}."


def _name_some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _fingerprint(settings: SourceSettings) -> str:
    text = json.dumps([settings.url, settings.endpoint_url, settings.categories, settings.manifest,
                       settings.skip_names, settings.follow_links])  # fmt: skip
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
