"""The numbered folders that the versions of an artefact lie in.

What belongs here: making one, removing old ones. Not here: what is in them, and which one is current (`artifacts.py`).
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from pipeline.storage.files import sync_directory, sync_file
from pipeline.storage.full_disk import writing

VERSIONS_KEPT = 5


@contextmanager
def new_version(folder: Path) -> Generator[Path]:
    """A new version below `folder`, to be filled and made current. The last `VERSIONS_KEPT` stay; on any error, all."""
    folder.mkdir(parents=True, exist_ok=True)
    target = _make_numbered(folder)
    try:
        yield target
    except BaseException:  # also Ctrl-C: a version that never became current must not stay behind
        shutil.rmtree(target, ignore_errors=True)
        raise
    _drop_old_versions(folder, keep=target.name)


def sync_version(folder: Path) -> None:
    """Make a version survive a power cut before anything points at it."""
    for path in folder.iterdir():
        with writing(path):
            sync_file(path)
    sync_directory(folder)
    sync_directory(folder.parent)


def _make_numbered(folder: Path) -> Path:
    numbers = [int(path.name) for path in folder.iterdir() if path.name.isdigit()]
    number = max(numbers, default=0) + 1
    while True:
        target = folder / f"{number:06d}"
        try:
            target.mkdir()
        except FileExistsError:  # another process took this number between the look and the mkdir
            number += 1
        else:
            return target


def _drop_old_versions(folder: Path, keep: str) -> None:
    versions = sorted(path.name for path in folder.iterdir() if path.name.isdigit())
    for name in versions[:-VERSIONS_KEPT]:
        if name != keep:
            shutil.rmtree(folder / name, ignore_errors=True)
