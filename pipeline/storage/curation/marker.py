"""The mark that decisions were made, `decisions.json`: category → time of its first one.

What belongs here: writing and reading it. Not here: comparing it with the database (`steps/decision_guard.py`).

The record of a publication tells of decisions only once they are published. This file tells of them from the first one
on, so that a database that is gone is not taken for one that was never needed. Data directories of earlier versions get
it with their next decision.
"""

import json
from collections.abc import Iterable

from pipeline.errors import DamagedFileError
from pipeline.storage.files import read_json, write_atomically
from pipeline.storage.layout import Layout

_REMOVE = "Remove it: the next decision writes it anew."


def decided(layout: Layout) -> dict[str, str]:
    """The categories with a decision, and the time of the first one. Raises `DamagedFileError`."""
    if not layout.decided.exists():
        return {}
    return {str(slug): str(at) for slug, at in read_json(layout.decided, _REMOVE).items()}


def was_decided(layout: Layout, slug: str) -> bool:
    """Whether a decision about a category was made. A damaged mark counts as none: `doctor` tells it."""
    try:
        return slug in decided(layout)
    except DamagedFileError:
        return False


def mark(layout: Layout, slugs: Iterable[str], at: str) -> None:
    """Record that decisions about these categories were made; does nothing if that is recorded."""
    try:
        before = decided(layout)
    except DamagedFileError:
        before = {}
    if new := {slug: at for slug in slugs if slug not in before}:
        _write(layout, {**new, **before})


def forget(layout: Layout, slug: str) -> None:
    """Remove a category from the mark, after a person accepted that its decisions are lost."""
    if was_decided(layout, slug):
        _write(layout, {other: at for other, at in decided(layout).items() if other != slug})


def _write(layout: Layout, values: dict[str, str]) -> None:
    write_atomically(layout.decided, json.dumps(values, indent=1, sort_keys=True).encode() + b"\n")
