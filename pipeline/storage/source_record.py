"""Which source a data directory is of: `source.json`, written by a run, for commands that are not told one.

What belongs here: the file. Not here: the settings (`pipeline/settings/`), opening the source (`adapters/buckets.py`).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DamagedFileError
from pipeline.storage.files import read_json, write_atomically
from pipeline.storage.layout import Layout


@dataclass(frozen=True)
class SourceRecord:
    """The address of a source, folders with their full path, and its `source.categories`."""

    url: str
    categories: str | list[str]


def record_of(url: str, categories: str | list[str]) -> SourceRecord:
    """The record of a source as the settings name it."""
    return SourceRecord(url if "://" in url else str(Path(url).expanduser().resolve()), categories)


def read_source(layout: Layout) -> SourceRecord | None:
    """The recorded source; None if there is none, or it cannot be read: then the settings decide."""
    if not layout.source.exists():
        return None
    try:
        fields = read_json(layout.source, "Remove it; the next run writes it anew.")
    except DamagedFileError:
        return None
    url, categories = fields.get("url"), fields.get("categories")
    return SourceRecord(url, categories) if isinstance(url, str) and isinstance(categories, str | list) else None


def write_source(layout: Layout, record: SourceRecord) -> None:
    """Record the source, unless it is recorded already."""
    if read_source(layout) != record:
        text = json.dumps({"url": record.url, "categories": record.categories}, indent=2, ensure_ascii=False)
        write_atomically(layout.source, text.encode("utf-8", "surrogatepass") + b"\n")
