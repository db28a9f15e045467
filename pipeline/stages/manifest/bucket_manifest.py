"""The bucket's own manifest.json. If there is one, it replaces a listing.

What belongs here: its format and validation, and the meaning of an entry. Not here: fetching it (`steps/listing.py`;
for the sensor `stages/manifest/watch.py`), making a manifest from its entries (`stages/manifest/build.py`).
"""

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from pipeline.errors import BucketError
from pipeline.stages.manifest.digest import CategoryDigest, Tally
from pipeline.stages.manifest.keys import SINGLE_CATEGORY, Categories

MANIFEST_KEY = "manifest.json"
UNKNOWN_SIZE = -1  # bytes of an object that manifest.json names without a size
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FOREIGN = (
    "{} is not read: it has no entries of images, so it belongs to something else, such as a web app. The images are "
    "listed instead. Setting source.manifest to ignore says so for good."
)
_OURS = frozenset({"entries", "lastupdated"})  # without regard to case and underscores
_REMEDY = "Mend the file, or set source.manifest to ignore, which lists the bucket instead."


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True, alias_generator=to_camel)


def _parse_time(value: Any) -> datetime | None:
    """An ISO 8601 time, in UTC if it names no zone; None for anything else, so that a bad value stops no run."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time


def _parse_number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


class VariantEntry(_Model):
    """One size of an image. In the document, a plain string is its key."""

    key: str = Field(min_length=1)
    etag: str | None = None
    size: int | None = Field(default=None, ge=0)


def _clean_text(value: Any) -> str | None:
    return " ".join(value.split())[:2000] or None if isinstance(value, str) else None


class Entry(_Model):
    """One image as the bucket's owner describes it. `last_updated` is copied from the document.

    `title` and `caption` describe what the image shows. `taken_at`, `latitude`, `longitude`: when and where it was
    taken, None if missing or invalid.
    """

    id: str = Field(min_length=1)
    category: str = Field(min_length=1)
    source: str | None = None
    country: str | None = None
    country_code: str | None = None
    source_url: str | None = None
    content_hash: str | None = None
    variants: dict[str, VariantEntry | str | None] = Field(default_factory=dict[str, "VariantEntry | str | None"])
    scraped_at: datetime | None = None
    last_updated: datetime | None = None
    taken_at: Annotated[datetime | None, BeforeValidator(_parse_time)] = None
    latitude: Annotated[float | None, BeforeValidator(_parse_number)] = None
    longitude: Annotated[float | None, BeforeValidator(_parse_number)] = None
    title: Annotated[str | None, BeforeValidator(_clean_text)] = None
    caption: Annotated[str | None, BeforeValidator(_clean_text)] = None
    boxes: Any = None  # of objects in the image; read by `steps/annotated.py`, where a bad one is a row with a reason


class _Document(_Model):
    version: str
    last_updated: datetime | None = None
    entries: list[Entry]


def is_foreign(data: bytes) -> bool:
    """Whether this manifest.json plainly belongs to something else, such as a web app, a browser extension or IIIF.

    It is a JSON object with other properties than `version`, none of which only our documents have, and no list of
    things with variants. Anything that cannot be parsed counts as ours, damaged.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if not isinstance(document, dict):
        return False
    properties = cast("dict[str, Any]", document)
    names = {name.casefold().replace("_", "") for name in properties}
    return bool(names - {"version"}) and not names & _OURS and not any(map(_lists_variants, properties.values()))


def _lists_variants(value: Any) -> bool:
    """Whether this is a list of entries, under whatever name."""
    things = cast("list[Any]", value) if isinstance(value, list) else []
    return any(isinstance(thing, dict) and "variants" in thing for thing in things)


def read_bucket_manifest(data: bytes, wanted: Literal["auto", "require"]) -> list[Entry] | None:
    """As `parse_bucket_manifest`; None for a foreign manifest, unless one of ours is required."""
    return None if wanted == "auto" and is_foreign(data) else parse_bucket_manifest(data)


def parse_bucket_manifest(data: bytes) -> list[Entry]:
    """Read and validate manifest.json.

    Raises `BucketError` with the invalid entry and the reason: an unreadable document is not an empty bucket.
    """
    try:
        document = _Document.model_validate_json(data)
    except ValidationError as error:
        raise BucketError(f"{MANIFEST_KEY} in the bucket cannot be used: {_explain(error)} {_REMEDY}") from error
    for number, entry in enumerate(document.entries):
        for variant, key, _, _ in entry_objects(entry):
            if key.startswith("/") or "://" in key or ".." in key.split("/"):
                where = f"entries.{number}.variants.{variant} of {entry.id!r}"
                problem = f"{where} is {key!r}, which is no key in this bucket."
                raise BucketError(f"{MANIFEST_KEY} in the bucket cannot be used: {problem} {_REMEDY}")
    return [entry.model_copy(update={"last_updated": document.last_updated}) for entry in document.entries]


def entry_category(entry: Entry, categories: Categories) -> str | None:
    """The category of an entry by the settings; None if they do not include it."""
    if categories == "single":
        return SINGLE_CATEGORY
    return entry.category if categories == "all" or entry.category in categories else None


def entry_objects(entry: Entry) -> list[tuple[str, str, str, int]]:
    """(variant, key, ETag, size) of each variant of an entry.

    The ETag is the variant's own, else the entry's contentHash, else its scrapedAt, else empty.
    """
    fallback = entry.content_hash or (entry.scraped_at.isoformat() if entry.scraped_at else "")
    objects: list[tuple[str, str, str, int]] = []
    for variant, value in entry.variants.items():
        if isinstance(value, str) and value:
            objects.append((variant, value, fallback, UNKNOWN_SIZE))
        elif isinstance(value, VariantEntry):
            size = UNKNOWN_SIZE if value.size is None else value.size
            objects.append((variant, value.key, (value.etag or fallback).strip('"'), size))
    return objects


def entry_time(entry: Entry) -> datetime:
    """When an entry was scraped, else when the document was updated, else 1970; UTC-aware."""
    time = entry.scraped_at or entry.last_updated or _EPOCH
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def entry_context(entry: Entry) -> tuple[float | None, float | None, float | None]:
    """(hours since 1970 in UTC, latitude, longitude) of an entry; the latter are both set or both None."""
    hours = entry.taken_at.timestamp() / 3600 if entry.taken_at else None
    latitude, longitude = entry.latitude, entry.longitude
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return hours, None, None
    return hours, latitude, longitude


def entry_digests(entries: Iterable[Entry], categories: Categories) -> dict[str, CategoryDigest]:
    """Category → its digest for the sensor, equal to that of `build_manifest_from_entries`."""
    tallies: dict[str, Tally] = {}
    for entry in entries:
        category = entry_category(entry, categories)
        if category is None:
            continue
        tally = tallies.setdefault(category, Tally())
        for _, key, etag, size in entry_objects(entry):
            tally.add(key, size, etag)
    return {category: tally.result() for category, tally in tallies.items()}


def _explain(error: ValidationError) -> str:
    problems = error.errors()
    where = ".".join(str(part) for part in problems[0]["loc"]) or "the document"
    more = f" ({len(problems) - 1} more problems.)" if len(problems) > 1 else ""
    return f"{where}: {problems[0]['msg']}.{more}"
