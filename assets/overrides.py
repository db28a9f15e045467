"""Run configuration: any setting of a stage for one run, without defining it twice.

What belongs here: making a Dagster config class from a parameter class of `pipeline/settings/`, and reading the
values back. Not here: the settings with their bounds and defaults (`pipeline/settings/`), applying overrides
(`resources/project.py`).

A config class that *inherited* the parameter class would inherit its defaults, which would override
image-cluster.yaml. So every field is optional and unset by default; unset means as the settings say. The bounds of the
parameter class are checked at the start of the step, when the settings are read with the overrides. Dagster checks
types and names before the launch, but no bounds.
"""

import types
from collections.abc import Collection
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic import Field, create_model

from pipeline.settings import Params


def overrides(params: type[Params], *, without: Collection[str] = ()) -> type[dg.Config]:
    """A Dagster config class with the scalar fields of `params`, each optional; lists and maps are only in the file.

    `without` are settings that other stages read too: an override for one step would not apply to the others.
    """
    fields: dict[str, Any] = {}
    for name, field in params.model_fields.items():
        kind = _scalar(f"{params.__name__}_{name}", field.annotation)
        if kind is not None and name not in without:
            description = f"{field.description} Unset: as the settings say."
            fields[name] = (kind | None, Field(default=None, description=description))
    return create_model(f"{params.__name__}Overrides", __base__=dg.Config, **fields)


def chosen(config: dg.Config) -> dict[str, Any]:
    """The settings that a run's configuration overrides, as plain values."""
    values = {name: getattr(config, name) for name in type(config).model_fields}
    given = {name: value for name, value in values.items() if value is not None}
    return {name: value.value if isinstance(value, Enum) else value for name, value in given.items()}


def _scalar(name: str, annotation: Any) -> Any:
    """The type for the launchpad, or None. Dagster supports no optional Literal, but an optional Enum."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _scalar(name, inner[0]) if len(inner) == 1 else None
    if get_origin(annotation) is Literal:
        words = get_args(annotation)
        return Enum(name, {word: word for word in words})
    return annotation if annotation in (int, float, str, bool) else None
