"""Paging of long lists, with opaque cursors that survive changes of the list.

What belongs here: cursors, and cutting a page. Not here: any list (`routes/`, `page/`).
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.service.problems import Problem

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page; `cursor` requests the next one, None at the end. `total` counts the whole list."""

    items: Sequence[T]
    total: int
    cursor: str | None


def cut(items: Sequence[T], name: Callable[[T], str], cursor: str | None, limit: int) -> Page[T]:
    """The page of `items` after `cursor`.

    A cursor holds the name and position of the last item. If the list has changed, the page begins after that item,
    wherever it is now, or at its old position if it is gone.
    """
    start = 0
    if cursor:
        last, position = _read(cursor)
        if 0 < position <= len(items) and name(items[position - 1]) == last:
            start = position
        else:
            start = next((at + 1 for at, item in enumerate(items) if name(item) == last), min(position, len(items)))
    page = items[start : start + limit]
    end = start + len(page)
    more = end < len(items) and len(page) > 0
    return Page(page, len(items), _write(name(page[-1]), end) if more else None)


def _write(last: str, position: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, position]).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[str, int]:
    try:
        value: Any = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        last, position = value
    except (binascii.Error, ValueError, TypeError, RecursionError):
        last, position = None, None
    if not isinstance(last, str) or not isinstance(position, int) or position < 0:
        raise Problem(422, "invalid-cursor", "The cursor is invalid. Leave it out to start at the beginning.")
    return last, position
