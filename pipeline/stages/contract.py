"""What every link's contract shares: the base of its `Facts`, and how they become JSON and come back.

What belongs here: the base classes. Not here: the facts and tables of one link (`contract.py` in the link's folder),
files (`storage/artifacts.py`).

A field with a default is one that data directories written by older versions lack. A fact that a model does not know
is left alone: a newer version may have written it.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

import polars as pl
from pydantic import BaseModel, ConfigDict

SEEN = "seen"  # the one fact of every link, see `StageFacts`


def columns(schema: pl.Schema, *names: str) -> pl.Schema:
    """The part of a table's schema with these columns, for who reads no others."""
    return pl.Schema({name: schema[name] for name in names})


class Part(BaseModel):
    """Something that a link records, or a part of it. Types hold exactly: "3" is not 3."""

    model_config = ConfigDict(frozen=True, strict=True)


class StageFacts(Part):
    """What a link records about a stored version, beside its tables."""

    seen: str | None = None  # digest of the versions of the inputs that this version was last up to date with

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """The facts of a stored record. Raises pydantic's `ValidationError`, which names every field that is wrong."""
        return cls.model_validate_json(json.dumps(dict(stored)))

    def stored(self) -> dict[str, Any]:
        """The facts that were given, as JSON takes them; `seen` comes last."""
        values = self.model_dump(mode="json", exclude_unset=True)
        if SEEN in values:
            values[SEEN] = values.pop(SEEN)
        return values
