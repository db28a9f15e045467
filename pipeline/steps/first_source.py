"""Before the first run: which folders can be chosen, and what a run of a source would do. Changes nothing.

What belongs here: looking at a source that is not yet that of the data directory. Not here: who may look
(`service/routes/source.py`), the check of a configured source (`check.py`), the run (`run.py`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import ImageClusterError, SettingsError
from pipeline.settings import Settings
from pipeline.stages.manifest.keys import skipped_part
from pipeline.steps.categories import category_names
from pipeline.steps.manifest import preview
from pipeline.steps.project import Project

MOST_FOLDERS = 1000  # of one folder that are listed
MOST_CATEGORIES = 200  # that are counted


@dataclass(frozen=True)
class Folder:
    """A folder that can be chosen."""

    name: str
    path: str


@dataclass(frozen=True)
class Category:
    """A category that a run would make: its images, or why it cannot be listed.

    `variants` are files that show an image in another width.
    """

    category: str
    images: int
    trouble: str = ""
    variants: int = 0


@dataclass(frozen=True)
class Plan:
    """What a run of a source would do. `hint` says how it was understood, and the other way."""

    url: str
    single: bool
    categories: list[Category]
    images: int
    more: int
    hint: str


def folders(roots: Sequence[Path], path: str) -> tuple[str, list[Folder]]:
    """The full path of a folder, and the folders in it that can be opened; without a path, the roots themselves.

    Raises `SettingsError` for a folder that is not below a root.
    """
    if not path:
        return "", [Folder(str(root), str(root)) for root in roots]
    here = allowed_folder(roots, path)
    found: list[Folder] = []
    try:
        with os.scandir(here) as entries:
            for entry in entries:
                if len(found) < MOST_FOLDERS and entry.is_dir() and not skipped_part(entry.name):
                    found.append(Folder(entry.name, str(here / entry.name)))
    except OSError as error:
        raise SettingsError(f"The folder {here} cannot be opened: {error.strerror}.") from error
    return str(here), sorted(found, key=lambda folder: folder.name.casefold())


def allowed_folder(roots: Sequence[Path], path: str) -> Path:
    """The folder, with symbolic links resolved, if it lies at or below a root.

    Raises `SettingsError`: the same for a folder that is elsewhere and for one that is nowhere, so that nobody learns
    what else there is.
    """
    try:
        here = Path(path).expanduser().resolve(strict=True)
        inside = here.is_dir() and any(here.is_relative_to(root.resolve()) for root in roots)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links, or no home
        inside = False
        here = Path()
    if not inside:
        below = ", ".join(map(str, roots)) or "none: see serve --browse"
        raise SettingsError(f"{path[:300]} is no folder that can be chosen here. It must lie below: {below}.")
    return here


def with_source(settings: Settings, url: str, *, single: bool) -> Settings:
    """The settings with another source."""
    categories: Literal["single", "all"] = "single" if single else "all"
    source = settings.source.model_copy(update={"url": url, "categories": categories})
    return settings.model_copy(update={"source": source})


def plan(settings: Settings, url: str, *, single: bool) -> Plan:
    """What a run of this source would do. Lists it, reads no image. Raises what listing raises."""
    project = Project(with_source(settings, url, single=single))
    project.bucket.check()
    names = category_names(project)
    found = [_category(project, name) for name in names[:MOST_CATEGORIES]]
    images = sum(one.images for one in found)
    return Plan(url, single, found, images, max(0, len(names) - MOST_CATEGORIES), _hint(found, single=single))


def _category(project: Project, name: str) -> Category:
    try:
        made = preview(project, name, None)
        return Category(name, made.images, variants=made.other_variants)
    except ImageClusterError as error:
        return Category(name, 0, str(error))


def _hint(found: Sequence[Category], *, single: bool) -> str:
    variants = sum(one.variants for one in found)
    widths = f" Files in other widths of the same images, {variants:,}, are not read." if variants else ""
    return _understood(found, single=single) + widths


def _understood(found: Sequence[Category], *, single: bool) -> str:
    filled = sorted(one.images for one in found if one.images)
    if not filled:
        return "No images were found there."
    if single:
        return f"{filled[-1]:,} images as one library, whatever folders they lie in."
    if len(filled) == 1:
        return f"{filled[0]:,} images in one category."
    return (
        f"{len(filled)} categories of {filled[0]:,} to {filled[-1]:,} images, one for each top folder; kinds are found "
        "within each. As one library, they are found over all folders."
    )
