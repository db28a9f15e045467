"""Rated pairs of one category: whether two images belong together, as content hashes.

What belongs here: reading all ratings (`pairs_of` is the only source), and adding to the file of ratings. Not here:
learning from them (`stages/features/metric_learning.py`), applying what was learned (`features.py`).

The file is CSV with the columns a, b, same. An image is named by its key, its id or its content hash; `same` is true or
false (also 1/0, yes/no, same/different). One file serves every category: a pair counts where both images are. The later
of two ratings of a pair counts. Ratings from the curation page are stored with the other decisions and count as later
than those of the file.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipeline.errors import SettingsError, UnknownNameError
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.decided import rated_pairs
from pipeline.steps.project import Project
from pipeline.steps.units import units
from pipeline.storage.files import write_atomically

COLUMNS = ("a", "b", "same")
YES = ("true", "1", "yes", "same")
NO = ("false", "0", "no", "different")


class Pair(NamedTuple):
    """Two images by content hash, `a` < `b`, and whether they belong together."""

    a: str
    b: str
    same: bool


def pairs_of(project: Project, slug: str) -> list[Pair]:
    """The ratings of usable images of this category, sorted. Raises `SettingsError` naming line and value."""
    rows = read_pairs(pairs_path(project), required="labels.pairs_file" if project.settings.labels.pairs_file else None)
    rows += rated_pairs(project, slug)
    if not rows:
        return []
    names = _names(project, slug)
    rated: dict[tuple[str, str], bool] = {}
    for first, second, same in rows:
        a, b = names.get(first), names.get(second)
        if a is not None and b is not None and a != b:
            rated[min(a, b), max(a, b)] = same
    return sorted(Pair(a, b, same) for (a, b), same in rated.items())


def pairs_path(project: Project) -> Path:
    """The file of ratings: the one in the settings, else that of the data directory."""
    written = project.settings.labels.pairs_file
    return Path(written) if written else project.layout.pairs


def read_pairs(path: Path, *, required: str | None = None) -> list[tuple[str, str, bool]]:
    """The rows of a file of ratings, unchanged.

    Returns none if there is no file. Raises `SettingsError` instead if `required` names the setting that demands it.
    """
    if not path.exists():
        if required:
            raise SettingsError(f"{required} names {path}, which does not exist.")
        return []
    reader = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
    header = tuple(name.strip().lower() for name in next(reader, []))
    if header != COLUMNS:
        raise SettingsError(
            f"{path}, line 1: the columns must be {','.join(COLUMNS)}, not {','.join(header) or 'none'}."
        )
    rows: list[tuple[str, str, bool]] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        where = f"{path}, line {reader.line_num}"
        if len(cells) != len(COLUMNS):
            raise SettingsError(f"{where}: {len(cells)} values instead of {len(COLUMNS)} ({','.join(COLUMNS)}).")
        first, second, rating = (cell.strip() for cell in cells)
        if rating.lower() not in YES + NO:
            raise SettingsError(f"{where}: same is {rating!r}; it must be true or false.")
        rows.append((first, second, rating.lower() in YES))
    return rows


def add_pairs(project: Project, slugs: list[str], rows: Sequence[tuple[str, str, bool]]) -> Path:
    """Append ratings to the file, as content hashes: all of them, or none.

    Raises `UnknownNameError` for an image in none of the categories, `SettingsError` for a meaningless pair: an image
    and itself, or images of two categories.
    """
    names = {slug: _names(project, slug) for slug in slugs}
    added: list[tuple[str, str, bool]] = []
    for first, second, same in rows:
        for name in (first, second):
            if not any(name in hash_of for hash_of in names.values()):
                raise UnknownNameError(
                    f"There is no usable image {name!r} in {project.settings.data_dir}. Name it by its key, as "
                    "clusters.json has it, by its id or by its content hash."
                )
        hashes = next((hash_of for hash_of in names.values() if first in hash_of and second in hash_of), None)
        if hashes is None:
            raise SettingsError(f"{first} and {second} are in two categories, which are never clustered together.")
        if hashes[first] == hashes[second]:
            raise SettingsError(f"{first} and {second} are the same picture, so rating them says nothing.")
        added.append((hashes[first], hashes[second], same))
    path = pairs_path(project)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((a, b, "true" if same else "false") for a, b, same in [*read_pairs(path), *added])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.getvalue().encode())
    return path


def _names(project: Project, slug: str) -> dict[str, str]:
    """Key, id or content hash → content hash, of every usable image."""
    columns = ["image_id", "key", "content_hash", "status"]
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, columns)
    usable = images.filter(pl.col("status") == "ok")
    names: dict[str, str] = {}
    for image_id, key, content_hash, _ in usable.iter_rows():
        names |= {key: content_hash, image_id: content_hash, content_hash: content_hash}
    return names
