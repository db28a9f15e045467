"""The pages of the documentation that are made from the code: `python -m tests.manual.reference_pages` writes them.

What belongs here: the command line, the settings and the API as Markdown. Not here: whether the pages in `docs/` are
those (`test_reference.py`), any text about a command, a setting or an address (it stands where that is defined).
"""

import inspect
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.settings_text import bounds_of, plain
from tests.service.site import Site

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
MADE = "*This page is made from the code (`python -m tests.manual.reference_pages`).*"


def pages() -> dict[str, str]:
    """File name → Markdown of every page that is made."""
    return {"cli.md": cli_page(), "settings.md": settings_page(), "api.md": api_page()}


def write() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


# --- the command line ---------------------------------------------------------------------------------------------


def cli_page() -> str:
    parts = [
        "# Command line", MADE,
        ("Results go to stdout and messages to stderr. `--json` prints one JSON document. Exit codes: 0 done, "
            "1 failed, "
        "2 wrong usage, 3 a result was computed but waits for approval ([the guard](../publishing.md#the-guard)), "
        "130 stopped with Ctrl-C, 143 by SIGTERM, 141 the reader of the output went away."),
    ]  # fmt: skip
    for words, command in _commands(main, "image-cluster"):
        parts += [f"## {words}", *_help(command.help or ""), *_usage(words, command), *_options(command)]
    return "\n\n".join(parts) + "\n"


def _commands(group: click.Group, words: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if not command.hidden:
            yield f"{words} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{words} {name}")


def _help(text: str) -> Iterator[str]:
    for part in inspect.cleandoc(text).split("\n\n"):
        lines = [line for line in part.replace("\b", "").splitlines() if line.strip()]
        if lines and lines[0].strip() in ("Example:", "Examples:"):
            yield "\n".join(["```", *(line.removeprefix("  ") for line in lines[1:]), "```"])
        elif lines:
            yield " ".join(line.strip() for line in lines)


def _usage(words: str, command: click.Command) -> list[str]:
    context = click.Context(command, info_name=words)
    return [f"Usage: `{words} {' '.join(command.collect_usage_pieces(context))}`"]


def _options(command: click.Command) -> list[str]:
    context = click.Context(command, info_name="x")
    records = [one.get_help_record(context) for one in command.params if isinstance(one, click.Option)]
    rows = [f"| `{_cell(record[0])}` | {_cell(record[1])} |" for record in records if record]
    return ["\n".join(["| option | meaning |", "|---|---|", *rows])] if rows else []


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


# --- settings -----------------------------------------------------------------------------------------------------


def settings_page() -> str:
    parts = [
        "# Settings", MADE,
        ("Settings stand in `image-cluster.yaml` in the folder from which you start the command. `image-cluster "
        "settings` "
        "prints that file with every setting; keep only what you change. An unknown name or a value out of bounds is "
        "refused with its line. Secrets never stand in the file: they come from the environment."),
    ]  # fmt: skip
    defaults = Settings()
    loose = [f"{_row('', name, field, getattr(defaults, name))}" for name, field in Settings.model_fields.items()
             if not isinstance(getattr(defaults, name), BaseModel)]  # fmt: skip
    parts.append(_table(loose))
    for name in Settings.model_fields:
        value = getattr(defaults, name)
        if isinstance(value, BaseModel):
            about = (type(value).__doc__ or "").strip().splitlines()[0]
            parts += [f"## {name}", about, _table(list(_rows(f"{name}.", value)))]
    return "\n\n".join(parts) + "\n"


def _rows(prefix: str, section: BaseModel) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _rows(f"{prefix}{name}.", value)
        else:
            yield _row(prefix, name, field, value)


def _row(prefix: str, name: str, field: FieldInfo, value: Any) -> str:
    bounds = bounds_of(field)
    about = f"{field.description or ''}{f' ({bounds})' if bounds else ''}"
    default = plain(value)
    shown = default if len(default) < 60 else f"{default[:50]} …"
    return f"| `{prefix}{name}` | `{_cell(shown)}` | {_cell(about)} |"


def _table(rows: list[str]) -> str:
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


# --- the API ------------------------------------------------------------------------------------------------------


def api_page() -> str:
    document = _openapi()
    parts = [
        "# API: every address", MADE,
        ("[The REST API](../api.md) explains it with examples that run. A running service shows this page's subject at "
        "`/docs`, to read and try, and as an OpenAPI document at `/api/v1/openapi.json`."),
    ]  # fmt: skip
    operations = [(operation.get("tags", ["other"])[0], method.upper(), path, operation)
                  for path, methods in document["paths"].items() for method, operation in methods.items()]  # fmt: skip
    for tag in dict.fromkeys(one[0] for one in operations):
        parts.append(f"## {tag.capitalize()}")
        for _, method, path, operation in (one for one in operations if one[0] == tag):
            parts += [f"### {method} {path.removeprefix('/api/v1')}", *_operation(document, operation)]
    return "\n\n".join(parts) + "\n"


def _openapi() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return Site(Path(folder)).application().openapi()


def _operation(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    yield " ".join(str(operation.get("description") or operation["summary"]).split()).replace("<", "&lt;")
    rows = [f"| `{one['name']}` | {one['in']} | {_type(one['schema'])} | {_cell(one.get('description', ''))} |"
            for one in operation.get("parameters", [])]  # fmt: skip
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        schema = _resolved(document, body.get("schema", {}))
        where = {"application/json": "body", "multipart/form-data": "form"}.get(kind, kind)
        rows += [f"| `{name}` | {where} | {_type(one)} | {_cell(one.get('description', ''))} |"
                 for name, one in schema.get("properties", {}).items()]  # fmt: skip
    if rows:
        yield "\n".join(["| field | in | type | meaning |", "|---|---|---|---|", *rows])
    yield f"Answers {', '.join(sorted(operation['responses']))}."


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return re.sub(r"[^\w]", " ", schema["$ref"].rpartition("/")[2])
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return _cell(", ".join(f"`{one}`" for one in choices))
    if parts := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(one) for one in parts if one.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    bounds = [f"{word} {schema[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in schema]
    return " ".join([str(schema.get("type", "any")), *bounds])


if __name__ == "__main__":
    write()
