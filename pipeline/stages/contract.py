"""The base of every link's `Facts`, and their conversion to and from JSON.

What belongs here: the base classes. Not here: the facts and tables of one link (`contract.py` in the link's folder),
files (`storage/artifacts.py`).

A field has a default if data directories of older versions lack it. Unknown facts are ignored: a newer version may have
written them.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

import polars as pl
from pydantic import BaseModel, ConfigDict

SEEN = "seen"  # the one fact of every link, see `StageFacts`


def columns(schema: pl.Schema, *names: str) -> pl.Schema:
    """The part of a table's schema with these columns."""
    return pl.Schema({name: schema[name] for name in names})


class Part(BaseModel):
    """A record of a link, or a part of one. Types are strict: "3" is not 3."""

    model_config = ConfigDict(frozen=True, strict=True)


class StageFacts(Part):
    """What a link records about a stored version, beside its tables."""

    seen: str | None = None  # digest of the input versions with which this version was last up to date

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """The facts of a stored record. Raises pydantic's `ValidationError`, which names every wrong field."""
        return cls.model_validate_json(json.dumps(dict(stored)))

    def stored(self) -> dict[str, Any]:
        """The facts that were set, as JSON values; `seen` comes last."""
        values = self.model_dump(mode="json", exclude_unset=True)
        if SEEN in values:
            values[SEEN] = values.pop(SEEN)
        return values
