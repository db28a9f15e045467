"""The times, places and texts of manifest.json belong to the images of its keys."""

import json
from typing import Any

import polars as pl

from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket_manifest import Entry, parse_bucket_manifest
from pipeline.stages.manifest.build import build_manifest_from_entries
from pipeline.stages.manifest.contract import CAPTIONS_SCHEMA, DECLARED_SCHEMA
from pipeline.stages.manifest.declared import captions, times_and_places


def described(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"i{number}", "category": "signs", "variants": {"800w": f"signs/i{number}.jpg"}, **fields}


def library(*entries: dict[str, Any]) -> tuple[list[Entry], pl.DataFrame]:
    read = parse_bucket_manifest(json.dumps({"version": "1", "entries": entries}).encode())
    made = build_manifest_from_entries(read, category="signs", settings=SourceSettings(), previous=None)
    return read, made.frame


def by_key(table: pl.DataFrame, manifest: pl.DataFrame) -> dict[str, tuple[Any, ...]]:
    joined = table.join(manifest.select("image_id", "key"), on="image_id")
    return {row["key"]: tuple(row[name] for name in table.columns[1:]) for row in joined.iter_rows(named=True)}


def test_each_image_gets_the_words_of_its_own_entry_and_one_without_words_has_no_row() -> None:
    entries, manifest = library(
        described(1, source="Road office", title="A stop sign", caption="In  the snow"), described(2),
        described(3, caption="A yield sign"),
    )  # fmt: skip
    table = captions(entries, manifest)
    assert table.schema == CAPTIONS_SCHEMA
    assert by_key(table, manifest) == {
        "signs/i1.jpg": ("Road office A stop sign In the snow",), "signs/i3.jpg": ("A yield sign",)
    }  # fmt: skip


def test_an_image_with_a_time_or_a_place_has_a_row_and_an_impossible_place_counts_as_none() -> None:
    entries, manifest = library(
        described(1, takenAt="1970-01-02T00:00:00Z"), described(2, latitude=52.5, longitude=13.4), described(3),
        described(4, latitude=91, longitude=13.4),
    )  # fmt: skip
    table = times_and_places(entries, manifest)
    assert table.schema == DECLARED_SCHEMA
    assert by_key(table, manifest) == {"signs/i1.jpg": (24.0, None, None), "signs/i2.jpg": (None, 52.5, 13.4)}


def test_a_removed_image_has_no_row() -> None:
    entries, manifest = library(described(1, caption="Stop", takenAt="1970-01-02T00:00:00Z"))
    gone = manifest.with_columns(change=pl.lit("removed"))
    assert captions(entries, gone).height == times_and_places(entries, gone).height == 0
