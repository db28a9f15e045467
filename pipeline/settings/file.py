"""Reading the settings from one YAML file, with errors that name the line.

What belongs here: finding the file, checking it, and saying in words what is wrong with it. Not here: the settings and
their bounds (the other modules), writing them as YAML (`pipeline/settings_text.py`).
"""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.errors import SettingsError
from pipeline.settings.base import without_secrets
from pipeline.settings.publishing import OutletSettings
from pipeline.settings.root import Settings

# What the values with a pattern look like, for people.
EXPECTED = {
    "variant": "a width such as 800w, or original",
    "background": "a colour such as #ffffff",
    "granularity": "auto, coarse, fine, or a number from 0 to 1 such as 0.6",
    "unit": "image or object; for both side by side, use two data directories: image-cluster run SOURCE --out "
    "data-images, and, with unit: object in objects.yaml, image-cluster run SOURCE --settings "
    "objects.yaml --out data-objects",
    "table_prefix": "at most 30 small letters and underscores",
    "upload_folder": "letters, digits, _ and -, at most 60",
    "url": "s3://bucket/prefix or r2://bucket/prefix",
    "dagster_url": "an address such as http://127.0.0.1:3000",
}

DEFAULT_FILE = Path("image-cluster.yaml")
FILE_VARIABLE = "IMAGE_CLUSTER_SETTINGS"
DATA_VARIABLE = "IMAGE_CLUSTER_DATA_URL"  # overrides data.url


def settings_path(environment: Mapping[str, str] | None = None) -> Path:
    """The settings file: `IMAGE_CLUSTER_SETTINGS`, else `image-cluster.yaml` in the working directory."""
    return Path((os.environ if environment is None else environment).get(FILE_VARIABLE) or DEFAULT_FILE)


def load_settings(path: Path | None = None) -> Settings:
    """Read and check the settings.

    `path` None means the file of `settings_path()`, or the defaults if there is none. Raises `SettingsError` naming
    file, line, the value and the nearest valid name.
    """
    chosen = settings_path() if path is None else path
    if not chosen.exists():
        if path is not None or os.environ.get(FILE_VARIABLE):
            raise SettingsError(
                f"There is no settings file {chosen}. Write one with `image-cluster settings > {chosen}`."
            )
        return Settings()
    try:
        text = chosen.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{chosen} is not UTF-8 text: byte {error.start:,} is {error.object[error.start]:#04x}. Save it as UTF-8."
        ) from error
    return parse_settings(text, name=str(chosen))


def parse_settings(text: str, name: str = "settings") -> Settings:
    """Settings from YAML text; `name` is the file in errors. Raises `SettingsError`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from error
    _refuse_doubles(node, name)
    if document is None:
        return Settings()
    if not isinstance(document, dict):
        raise SettingsError(f"{name} must hold names and values at its top, not a {type(document).__name__}.")
    document = {key: value for key, value in cast("dict[str, Any]", document).items() if value is not None}
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        lines = [_explain(name, node, problem) for problem in error.errors()]
        raise SettingsError("\n".join(dict.fromkeys(lines))) from error


def _refuse_doubles(node: "yaml.Node | None", name: str, path: str = "") -> None:
    """YAML takes the last of two equal keys without a word; the first one was meant as well."""
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        line, first = key.start_mark.line + 1, lines.get(str(key.value))
        if first is not None:
            raise SettingsError(f"{name}, line {line}: {path}{key.value} stands in line {first} already. Keep one.")
        lines[str(key.value)] = line
        _refuse_doubles(value, name, f"{path}{key.value}.")


def _explain(name: str, node: "yaml.Node | None", problem: Any) -> str:
    location = [str(part) for part in problem["loc"]]
    line = _line_of(node, location)
    where = f"{name}, line {line}: " if line else f"{name}: "
    path = ".".join(location)
    if problem["type"] == "extra_forbidden":
        names = _names_at(location[:-1])
        near = difflib.get_close_matches(location[-1], names, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(names)}."
        return f"{where}there is no setting {path}. {hint}"
    return without_secrets(f"{where}{path} is {problem['input']!r}: {invalid_text(problem)}.")


def invalid_text(problem: Any) -> str:
    """What is wrong with a value, in words: of one that fits no pattern, what would."""
    expected = EXPECTED.get(str(problem["loc"][-1])) if problem["type"] == "string_pattern_mismatch" else None
    return f"expected {expected}" if expected else str(problem["msg"])


def _line_of(node: Any, location: list[str]) -> int:
    """Line (from 1) of the deepest part of `location` that the document contains; 0 if there is none."""
    line = 0
    for part in location:
        if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1 if node.start_mark else line
        elif isinstance(node, yaml.MappingNode):
            entries = [(key, value) for key, value in node.value if key.value == part]
            if not entries:
                break
            key, node = entries[0]
            line = key.start_mark.line + 1 if key.start_mark else line
        else:
            break
    return line


def _names_at(location: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location:
        field = model.model_fields.get(part)
        annotation = field.annotation if field else None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            model = annotation
        elif part == "outlets":
            model = OutletSettings
    return sorted(model.model_fields)
