"""The commented image-cluster.yaml, generated from the parameter classes, so that no setting is described twice.

What belongs here: turning settings into text. Not here: the settings (`settings/`).
"""

import json
import textwrap
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.settings import Settings

HEAD = """\
# image-cluster.yaml: every setting with its default, meaning and bounds. Delete what you do not change.
# Never write credentials here. They come from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,
# or for r2:// R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY.
"""


def settings_text() -> str:
    """The whole file with defaults."""
    lines = [HEAD]
    defaults = Settings()
    for name, field in Settings.model_fields.items():
        value = getattr(defaults, name)
        if isinstance(value, BaseModel):
            about = (type(value).__doc__ or "").strip().splitlines()[0]
            lines.append(f"\n# {about}\n{name}:")
            lines.extend(_knobs(value))
        else:
            lines.extend(_knob(name, field, value, indent=""))
    return "\n".join(lines) + "\n"


def _knobs(section: BaseModel, indent: str = "  ") -> list[str]:
    lines: list[str] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            lines.extend([*_comment(field, indent), f"{indent}{name}:", *_knobs(value, indent + "  ")])
        else:
            lines.extend(_knob(name, field, value, indent=indent))
    return lines


def _knob(name: str, field: FieldInfo, value: Any, *, indent: str) -> list[str]:
    return [*_comment(field, indent), f"{indent}{name}: {plain(value)}"]


def _comment(field: FieldInfo, indent: str) -> list[str]:
    bounds = bounds_of(field)
    about = f"{field.description or ''}{f' ({bounds})' if bounds else ''}"
    return textwrap.wrap(about, width=110 - len(indent), initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def bounds_of(field: FieldInfo) -> str:
    """The choices or the bounds of a setting in words; empty if it has none."""
    choices = [str(choice) for part in (field.annotation, *get_args(field.annotation)) if get_origin(part) is Literal
               for choice in get_args(part)]  # fmt: skip
    if choices:
        return " | ".join(choices)
    parts: list[str] = []
    for rule in field.metadata:
        match rule:
            case Ge():
                parts.append(f"from {rule.ge}")
            case Gt():
                parts.append(f"above {rule.gt}")
            case Le():
                parts.append(f"to {rule.le}")
            case Lt():
                parts.append(f"below {rule.lt}")
            case _:
                pass
    return " ".join(parts)


def plain(value: Any) -> str:
    """A value as it is written in the settings file."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and value and all(c.isalnum() or c in "-_/." for c in value) and not value[0].isdigit():
        return value
    return json.dumps(value, ensure_ascii=False)
