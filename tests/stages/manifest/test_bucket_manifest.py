"""The bucket's own manifest.json: what its entries say, and that a broken one is never an empty bucket."""

import re
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipeline.errors import BucketError
from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket_manifest import UNKNOWN_SIZE, entry_digests, is_foreign, parse_bucket_manifest
from pipeline.stages.manifest.build import Manifest, build_manifest_from_entries
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from tests.stages.manifest.listing import build, document, entry


def from_entries(
    data: bytes, known: pl.DataFrame | None = None, category: str = "bollards", **settings: Any
) -> Manifest:
    parsed = parse_bucket_manifest(data)
    return build_manifest_from_entries(parsed, category=category, settings=SourceSettings(**settings), previous=known)


def test_entries_become_the_same_manifest_as_a_listing_with_the_same_ids() -> None:
    listed = build(*(f"bollards/de/de-001-{width}w.webp" for width in (400, 800, 1200)))
    told = from_entries(document(entry(1), entry(2, category="cars")))
    row = told.frame.row(0, named=True)
    assert told.frame.schema == MANIFEST_SCHEMA
    assert row["image_id"] == listed.frame["image_id"][0]
    assert (row["key"], row["variant"], row["group"]) == ("bollards/de/de-001-800w.webp", "800w", "de")
    assert (row["etag"], row["size"], row["source_url"]) == ("hash1", UNKNOWN_SIZE, "https://example.org/1")
    assert row["last_modified"] == datetime(2026, 4, 1, 10, tzinfo=UTC)
    assert (told.images, told.other_variants, told.objects) == (1, 2, 3)


def test_variants_as_objects_with_their_own_etag_and_size_are_used() -> None:
    variants = {"800w": {"key": "a/b.webp", "etag": '"abc"', "size": 5, "note": "extra"}, "400w": None}
    row = from_entries(document(entry(1, variants=variants, more="extra"))).frame.row(0, named=True)
    assert (row["key"], row["etag"], row["size"]) == ("a/b.webp", "abc", 5)


def test_entries_that_change_are_told_and_those_without_a_variant_are_counted() -> None:
    first = from_entries(document(entry(1), entry(2), entry(3)))
    changed = document(entry(1), entry(2, contentHash="new"), entry(4, variants={}))
    second = from_entries(changed, known=first.frame)
    assert (second.same, second.changed, second.removed, second.unmatched) == (1, 1, 1, 1)


def test_what_the_sensor_sees_of_entries_is_what_the_manifest_stores() -> None:
    data = document(entry(1), entry(2), entry(3, category="cars"))
    seen = entry_digests(parse_bucket_manifest(data), "all")
    assert set(seen) == {"bollards", "cars"}
    assert seen["bollards"] == from_entries(data).content
    single = entry_digests(parse_bucket_manifest(data), "single")
    assert single["all"] == from_entries(data, category="all", categories="single").content
    assert set(entry_digests(parse_bucket_manifest(data), ["cars"])) == {"cars"}


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"", "document"),
        (b"{", "document"),
        (b"[]", "document"),
        (b"<html>not found</html>", "document"),
        (b'{"version": 1}', "entries"),
        (document(entry(1), entry(2, id=None)), "entries.1.id"),
        (document(entry(1, variants={"800w": "../../etc/passwd"})), "entries.0.variants.800w"),
        (document(entry(1, variants={"800w": "/etc/passwd"})), "entries.0.variants.800w"),
        (document(entry(1, variants={"800w": "https://example.org/a.webp"})), "entries.0.variants.800w"),
    ],
)
def test_a_broken_manifest_is_an_error_that_names_the_place_and_never_an_empty_bucket(data: bytes, named: str) -> None:
    with pytest.raises(BucketError, match=re.escape(named)) as told:
        parse_bucket_manifest(data)
    assert "source.manifest" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"name": "My photos", "icons": [{"src": "i.png", "sizes": "1x1"}], "display": "standalone"}',
        b'{"manifest_version": 3, "name": "An extension", "version": "1.2"}',
        b'{"@context": "http://iiif.io/api/presentation/3/context.json", "type": "Manifest", "items": [{"id": "x"}]}',
        b'{"main.js": "/static/main.1234.js"}',
    ],
)
def test_a_manifest_of_something_else_is_told_from_ours(data: bytes) -> None:
    assert is_foreign(data)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"{}", b'"text"', b"<html>not found</html>", b"\xff\xfe{}", b"[" * 100_000,
        b'{"version": 1}',
        b'{"version": 1, "lastUpdated": "2026-11-21T00:00:00Z"}',
        b'{"version": 1, "entires": [{"id": "de-001", "variants": {}}]}',
        b'{"name": "x", "entries": {}}',
        document(entry(1)),
        document(entry(1), entry(2, id=None)),
    ],
)  # fmt: skip
def test_a_damaged_manifest_of_ours_counts_as_ours(data: bytes) -> None:
    assert not is_foreign(data)
