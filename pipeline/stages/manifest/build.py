"""The images of a category, and what changed since the last run.

What belongs here: sorting a listing, and an account of every object. Not here: the interface of a bucket (`bucket.py`),
the meaning of a key (`keys.py`), one variant per image (`selection.py`), what changed (`diff.py`), the bucket's own
manifest.json (`bucket_manifest.py`), when to look (`watch.py`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import polars as pl

from pipeline.errors import SettingsError
from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.bucket_manifest import Entry, entry_category, entry_objects, entry_time
from pipeline.stages.manifest.diff import diff, rows_in_places
from pipeline.stages.manifest.digest import CategoryDigest, Tally
from pipeline.stages.manifest.keys import (
    ParsedKey,
    compile_pattern,
    extension_of,
    is_doubtful,
    parse_key,
    parse_name,
    pattern_of,
    sample,
    skipped_part,
    sort_of,
    within_category,
)
from pipeline.stages.manifest.selection import Candidate, Selection
from pipeline.stages.manifest.variants import ImageName, Several


@dataclass(frozen=True)
class Manifest:
    """The images of one category, and an account of every object.

    objects + kept = images + hidden + other + other_variants + unmatched; images = added + changed + same. `kept`
    counts images of the previous manifest in places that could not be listed. `frame` has `MANIFEST_SCHEMA`, sorted by
    key: one row per image, and one with change = removed per image removed since the previous manifest. `content`
    covers every variant of every image, so it is comparable with a scan. `skipped`: name that settings skip → objects
    below it. `several`: images that have several widths by their names.
    """

    category: str
    frame: pl.DataFrame
    content: CategoryDigest
    objects: int
    images: int
    added: int
    changed: int
    same: int
    removed: int
    hidden: int
    other: int
    other_variants: int
    unmatched: int
    kept: int
    skipped: dict[str, int]
    several: Several

    @property
    def digest(self) -> str:
        """Stored beside the frame; `watch.decide` compares it with the bucket."""
        return self.content.digest


def build_manifest(
    objects: Iterable[ObjectInfo],
    *,
    category: str,
    settings: SourceSettings,
    previous: pl.DataFrame | None,
    different: AbstractSet[ImageName] = frozenset(),
) -> Manifest:
    """The manifest of `category` from a listing; objects of other categories are ignored.

    `previous` is the frame of the last manifest, or None the first time. The objects of an image in `different` are
    different pictures in spite of their names, so each is an image. Memory grows with the images, not the objects.
    Raises `SettingsError` if the category's pattern is wrong or matches none of its images.
    """
    sorting = _Sorting(category, settings, different)
    for info in objects:
        sorting.add(info)
    return sorting.manifest(previous)


def build_manifest_from_entries(
    entries: Iterable[Entry], *, category: str, settings: SourceSettings, previous: pl.DataFrame | None
) -> Manifest:
    """The manifest of `category` from the entries of the bucket's manifest.json; other categories are ignored.

    The group is the country code in lower case, else the country. Missing sizes are `UNKNOWN_SIZE`. Entries without a
    variant count as unmatched.
    """
    selection, tally, unmatched = Selection(settings.variant), Tally(), 0
    for entry in entries:
        if entry_category(entry, settings.categories) != category:
            continue
        group = (entry.country_code or "").lower() or entry.country or None
        # An image keeps its id when a listed bucket gets a manifest.json: de-001 of de is 001.
        identifier = (entry.id.removeprefix(f"{group}-") if group else entry.id) or entry.id
        objects = entry_objects(entry)
        for variant, key, etag, size in objects:
            tally.add(key, size, etag)
            parsed = ParsedKey(category, group, identifier, variant, extension_of(key))
            selection.add(Candidate(ObjectInfo(key, etag, size, entry_time(entry)), parsed, entry.source_url))
        unmatched += not objects
    return _assemble(selection, tally.result(), category=category, previous=previous, unmatched=unmatched)


class _Sorting:
    """Sorts the objects of a listing: images of the category, by their variants, and the counts of all else."""

    def __init__(self, category: str, settings: SourceSettings, different: AbstractSet[ImageName]) -> None:
        self._category, self._settings, self._different = category, settings, different
        self._written = pattern_of(category, settings.patterns)
        self._pattern = compile_pattern(category, self._written) if self._written is not None else None
        self._selection, self._tally, self._several = Selection(settings.variant), Tally(), Several()
        self._seen = {"image": 0, "hidden": 0, "other": 0}
        self._skipped, self._unseen = Counter[str](), list[str]()
        self._unmatched, self._unmatched_sample = 0, list[str]()

    def add(self, info: ObjectInfo) -> None:
        """Take one object; those of other categories are ignored."""
        if info.trouble:
            self._unseen.append(info.key)
            return
        names = self._settings.skip_names
        rest = within_category(info.key, self._category, self._settings.categories, names)
        if rest is None:
            return
        sort = sort_of(rest, info.size, names)
        self._seen[sort] += 1
        if sort == "hidden" and (part := skipped_part(rest, names)) is not None:
            self._skipped[part] += 1
        if sort == "image":
            self._tally.add(info.key, info.size, info.etag)
            self._add_image(info, rest)

    def _add_image(self, info: ObjectInfo, rest: str) -> None:
        parsed = parse_key(rest, self._category, self._pattern)
        if parsed is None:
            self._unmatched += 1
            self._unmatched_sample += [rest] if len(self._unmatched_sample) < 6 else []
            return
        candidate = Candidate(info, parsed, None)
        if self._pattern is not None or parsed.variant is None:
            self._selection.add(candidate)
            return
        self._several.add(parsed, info.key, info.etag, info.size)
        named = Candidate(info, parse_name(rest, self._category), None)
        if (parsed.group, parsed.identifier) in self._different:
            self._selection.add(named)
        elif is_doubtful(parsed.variant, self._settings.variant):
            self._selection.add_doubtful(candidate, named)
        else:
            self._selection.add(candidate)

    def manifest(self, previous: pl.DataFrame | None) -> Manifest:
        """The manifest of the objects so far. Raises `SettingsError` if a pattern matches none of the images."""
        self._several.drop_doubtful(self._settings.variant)
        if self._unmatched and self._unmatched == self._seen["image"]:
            raise SettingsError(
                f"source.patterns.{self._category} matches none of {self._unmatched} images. The pattern is "
                f"{self._written!r}; it must match the whole of what follows the category's folder, as in "
                f"{sample(self._unmatched_sample)}."
            )
        return _assemble(
            self._selection, self._tally.result(), category=self._category, previous=previous,
            hidden=self._seen["hidden"], other=self._seen["other"], unmatched=self._unmatched,
            unseen=self._unseen, skipped=self._skipped, several=self._several,
        )  # fmt: skip


def _assemble(
    selection: Selection,
    content: CategoryDigest,
    *,
    category: str,
    previous: pl.DataFrame | None,
    hidden: int = 0,
    other: int = 0,
    unmatched: int = 0,
    unseen: Sequence[str] = (),
    skipped: Mapping[str, int] | None = None,
    several: Several | None = None,
) -> Manifest:
    """A manifest from chosen objects: the diff against `previous`, and the counts. Rows of `unseen` places are kept."""
    selection.settle()
    current = selection.frame(category)
    kept = rows_in_places(previous, unseen).join(current, on="image_id", how="anti")
    frame = diff(pl.concat([current, kept]), previous)
    counts: dict[str, int] = dict(frame.group_by("change").len().iter_rows())
    images = frame.height - counts.get("removed", 0)
    return Manifest(
        category=category,
        frame=frame,
        content=content,
        objects=selection.offered + hidden + other + unmatched,
        images=images,
        added=counts.get("added", 0),
        changed=counts.get("changed", 0),
        same=counts.get("same", 0),
        removed=counts.get("removed", 0),
        hidden=hidden,
        other=other,
        other_variants=selection.offered + kept.height - images,
        unmatched=unmatched,
        kept=kept.height,
        skipped=dict(skipped or {}),
        several=several or Several(),
    )
