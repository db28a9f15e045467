"""Atomic files: temporary name, fsync, rename.

What belongs here: writing bytes so that no reader, crash or full disk leaves half a file. Not here: the formats (the
modules beside this file).
"""

import hashlib
import json
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import DamagedFileError

_KEPT = 100  # bytes of a name that its temporary file keeps: a name may have 255, on some file systems 143


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing an existing file in one step. On any error the old file stays unchanged."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """A new file to write to; it replaces `path` in one step when the block ends. On any error the old one stays.

    An error of the operating system names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:  # also Ctrl-C: the half-written file must not stay behind
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise


def temporary_beside(path: Path) -> Path:
    """A new name for a file that is still being written, in the folder of `path`. Never longer than a name may be."""
    name = os.fsencode(path.name)[:_KEPT].decode("utf-8", "ignore")
    return path.with_name(f".{name}.{secrets.token_hex(4)}.tmp")


def read_json(path: Path, remedy: str) -> dict[str, Any]:
    """The JSON object in a file. Raises `DamagedFileError`, with `remedy` as what to do, if it is not valid."""
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:  # also bytes that are no UTF-8
        raise DamagedFileError(f"{path} is damaged: {error}. {remedy}") from error
    if not isinstance(values, dict):
        raise DamagedFileError(f"{path} is damaged: it holds no JSON object. {remedy}")
    return values  # pyright: ignore[reportUnknownVariableType]


def file_digest(path: Path) -> str:
    """Digest of a file's bytes (BLAKE2b, 16 bytes, hexadecimal), read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def sync_file(path: Path) -> None:
    """Flush a file to disk, so that its contents survive a power cut."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Flush a directory to disk, so that its renames survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
