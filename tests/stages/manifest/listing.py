"""Small listings of a bucket, entries of its manifest.json, and the manifests that they become."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl

from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.build import Manifest, build_manifest

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def obj(key: str, etag: str = "e", size: int = 10) -> ObjectInfo:
    return ObjectInfo(key, etag, size, NOON)


def build(
    *keys: str | ObjectInfo, category: str = "bollards", known: pl.DataFrame | None = None, **settings: Any
) -> Manifest:
    objects = [obj(key) if isinstance(key, str) else key for key in keys]
    return build_manifest(objects, category=category, settings=SourceSettings(**settings), previous=known)


def entry(number: int, **more: Any) -> dict[str, Any]:
    key = f"bollards/de/de-{number:03d}"
    return {
        "id": f"de-{number:03d}", "category": "bollards", "source": "street", "country": "Germany", "countryCode": "DE",
        "sourceUrl": f"https://example.org/{number}", "contentHash": f"hash{number}",
        "variants": {f"{width}w": f"{key}-{width}w.webp" for width in (400, 800, 1200)},
        "scrapedAt": "2026-04-01T10:00:00Z",
    } | more  # fmt: skip


def document(*entries: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"version": 3, "lastUpdated": "2026-05-01T00:00:00Z", "entries": list(entries)} | more).encode()
