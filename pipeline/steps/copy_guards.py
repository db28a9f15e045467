"""Which folders may be copied as a library or replaced by one, and the record of the copies of a data directory.

What belongs here: refusing a folder before anything in it is touched, and `copied.json`. Not here: comparing a
directory with a copy, and copying (`data_copy.py`).
"""

import json

from pipeline.errors import DataCopyError
from pipeline.steps.project import Project
from pipeline.storage.files import read_json, write_atomically
from pipeline.storage.layout import Layout
from pipeline.storage.snapshot import stays

PARTLY = "partly "  # in the record: a copy into the directory was interrupted, so its state is of nobody's work


def require_library(project: Project) -> None:
    """Raise `DataCopyError` unless there is a whole library to copy."""
    here = project.settings.data_dir
    if not Layout(here).slugs.exists():
        raise DataCopyError(f"{here} holds no library, so nothing was copied. Name the data directory of a run.")
    halfway = next((url for url, name in record(project).items() if name.startswith(PARTLY)), None)
    if halfway is not None:
        raise DataCopyError(
            f"A copy from {halfway} into {here} was interrupted, so what is there is no whole library. Repeat it "
            f"first: image-cluster data copy {halfway} {here}"
        )


def require_place(project: Project) -> None:
    """Raise `DataCopyError` if the target holds files of somebody else."""
    here = project.settings.data_dir
    layout = Layout(here)
    if not here.is_dir() or layout.marker.exists() or layout.slugs.exists():
        return
    others = sorted(path.name for path in here.iterdir() if not stays(path.name))
    if others:
        raise DataCopyError(
            f"{here} is no data directory, and holds {len(others):,} other files and folders, as {others[0]}. "
            "Nothing was changed. Name a new or an empty folder."
        )


def record(project: Project) -> dict[str, str]:
    """By URL, the snapshot that this directory was last equal to."""
    file = Layout(project.settings.data_dir).copied
    return read_json(file, "Remove it, and copy with --replace.") if file.exists() else {}


def write_record(project: Project, url: str, name: str) -> None:
    before = record(project).items()
    whole = {at: was for at, was in before if name.startswith(PARTLY) or not was.startswith(PARTLY)}
    values = {**whole, url: name}
    write_atomically(project.layout.copied, json.dumps(values, indent=1).encode() + b"\n")
