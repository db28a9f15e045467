"""Run configuration: any setting of a stage for one run, without defining it twice.

What belongs here: making a Dagster config class out of a parameter class of `pipeline/settings.py`, and reading the
values back. Not here: the settings, their bounds and their defaults (`pipeline/settings.py`), and applying them
(`resources/project.py`).

A config class that *inherited* the parameter class would carry its defaults along, and these would win over
image-cluster.yaml. So every field here is optional and unset by default: unset means as the settings say. Bounds are
those of the parameter class; they are checked when the settings are read again with the overrides, at the start of the
step (Dagster itself checks types and names before the launch, but no bounds).
"""

import types
from collections.abc import Collection
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic import Field, create_model

from pipeline.settings import Params


def overrides(params: type[Params], *, without: Collection[str] = ()) -> type[dg.Config]:
    """A Dagster config class with the scalar fields of `params`, each optional; lists and maps stay with the file.

    `without` are knobs that other stages read as well: set for one step of a run, they would not hold for the others.
    """
    fields: dict[str, Any] = {}
    for name, field in params.model_fields.items():
        kind = _scalar(f"{params.__name__}_{name}", field.annotation)
        if kind is not None and name not in without:
            said = f"{field.description} Unset: as the settings say."
            fields[name] = (kind | None, Field(default=None, description=said))
    return create_model(f"{params.__name__}Overrides", __base__=dg.Config, **fields)


def chosen(config: dg.Config) -> dict[str, Any]:
    """The knobs that a run's configuration sets, as plain values."""
    values = {name: getattr(config, name) for name in type(config).model_fields}
    given = {name: value for name, value in values.items() if value is not None}
    return {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}


def _scalar(name: str, annotation: Any) -> Any:
    """The type to offer in the launchpad, None where there is none. Dagster knows no optional Literal, but an Enum."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _scalar(name, inner[0]) if len(inner) == 1 else None
    if get_origin(annotation) is Literal:
        words = get_args(annotation)
        return Enum(name, {word: word for word in words})
    return annotation if annotation in (int, float, str, bool) else None
