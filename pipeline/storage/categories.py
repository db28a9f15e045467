"""The categories of a data directory: `categories.json`, and `renames.json` for those that got another name.

What belongs here: the two files, and following a rename. Not here: the slug of a category (`stages/manifest/keys.py`),
noticing that a folder was renamed (`steps/renamed.py`).
"""

import json
from dataclasses import asdict, dataclass

from pipeline.storage.files import read_json, write_atomically
from pipeline.storage.layout import REMEDY, Layout


@dataclass(frozen=True)
class Rename:
    """A renamed category: its former name, its present slug, and the time of the change."""

    category: str
    to: str
    at: str


def read_slugs(layout: Layout) -> dict[str, str]:
    """The stored map of slug → category; empty before the first manifest."""
    if not layout.slugs.exists():
        return {}
    return {str(slug): str(name) for slug, name in read_json(layout.slugs, REMEDY).items()}


def write_slugs(layout: Layout, slugs: dict[str, str]) -> None:
    """Store the map of slug → category; does nothing if it is unchanged."""
    if slugs != read_slugs(layout):
        write_atomically(layout.slugs, json.dumps(slugs, indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n")


def read_renames(layout: Layout) -> dict[str, Rename]:
    """The renamed categories, by their former slug."""
    if not layout.renames.exists():
        return {}
    stored: dict[str, dict[str, str]] = read_json(layout.renames, REMEDY)
    return {slug: Rename(**values) for slug, values in stored.items()}


def write_renames(layout: Layout, renames: dict[str, Rename]) -> None:
    """Store the renamed categories."""
    values = {slug: asdict(rename) for slug, rename in renames.items()}
    write_atomically(layout.renames, json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True).encode() + b"\n")


def goes_on_as(layout: Layout, slug: str) -> str | None:
    """The present slug of a renamed category; None if it was not renamed, or came back under its old name."""
    renames, current = read_renames(layout), read_slugs(layout)
    seen: set[str] = set()
    while slug not in current and slug in renames and slug not in seen:
        seen.add(slug)
        slug = renames[slug].to
    return slug if seen and slug in current else None
