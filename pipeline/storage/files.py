"""Files that are whole or not there: temporary name, fsync, rename.

What belongs here: writing bytes so that a reader, a crash or a full disk never sees half a file. Not here: what the
bytes mean.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from pipeline.errors import DamagedFileError


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what is there in one step. On any error the old file stays as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # also Ctrl-C: the half-written file must not stay behind
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in a file. Raises `DamagedFileError` with `remedy`, what to do, where there is none."""
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:  # also bytes that are no UTF-8
        raise DamagedFileError(f"{path} is damaged: {error}. {remedy}") from error
    if not isinstance(values, dict):
        raise DamagedFileError(f"{path} is damaged: it holds no JSON object. {remedy}")
    return values  # pyright: ignore[reportUnknownVariableType]


def sync_file(path: Path) -> None:
    """Make the contents of a file that was just written survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Make renames in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
