"""Boxes that people have beside their images, in the bucket: listed, read, and given to the images they are about.

What belongs here: which files of a category may hold boxes, and reading them. Not here: their formats and matching
(`stages/objects/annotations.py`), which boxes count (`stages/objects/boxes.py`).

Files are looked for in the category's folder, at the top of the bucket, and in its top folders `annotations` and
`labels`, whatever their case.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import polars as pl

from pipeline.errors import BucketError, UnknownNameError
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.bucket_manifest import MANIFEST_KEY, entry_category, entry_objects
from pipeline.stages.manifest.keys import extension_of, folder_of, skipped_part
from pipeline.stages.objects.annotations import (
    CLASS_NAMES,
    ENDINGS,
    NO_NAMES,
    Format,
    Images,
    Picture,
    class_names,
    holds_boxes,
    number,
    other_picture,
    parse,
)
from pipeline.stages.objects.boxes import Box, Found, bad
from pipeline.steps.listing import bucket_entries
from pipeline.steps.project import Project
from pipeline.steps.reading import read_objects
from pipeline.storage.artifacts import digest
from pipeline.storage.categories import read_slugs

FAMILY = "annotations"
FORMATS = ("coco", "yolo", "voc", "manifest")


@dataclass
class Annotated:
    """The boxes by the key of their image, files that cannot be used with the reason, how many files were read, and how
    many images that are not here they have boxes of."""

    found: dict[str, list[Found]] = field(default_factory=dict[str, list[Found]])
    bad_files: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    files: int = 0
    not_here: int = 0
    not_here_example: str = ""


def wanted_format(detector: str) -> str | None:
    """The format of `annotations:FORMAT`, None for any. Raises `UnknownNameError`."""
    name = detector.partition(":")[2]
    if name and name not in FORMATS:
        raise UnknownNameError(
            f"{detector!r} names no format of boxes. Write {FAMILY}:, or one of {', '.join(FORMATS)} after it."
        )
    return name or None


@dataclass(frozen=True)
class BoxFiles:
    """The files of a category that may hold boxes, and manifest.json's entries with boxes by key."""

    files: list[ObjectInfo]
    entries: list[tuple[str, Any]]

    @property
    def digest(self) -> str:
        """Changes whenever one of them does."""
        return digest([[info.key, info.etag, info.size, str(info.last_modified)] for info in self.files],
                      [[key, repr(boxes)] for key, boxes in self.entries])  # fmt: skip


def box_files(project: Project, slug: str, form: str | None) -> BoxFiles:
    """The files of this category that may hold boxes in this format (None: in any), sorted by key.

    Raises `BucketError` if a folder could not be listed: its boxes are not gone.
    """
    names, category = project.settings.source.skip_names, project.category_of(slug)
    endings = {ending for ending, of in ENDINGS.items() if form in (None, of)}
    files: dict[str, ObjectInfo] = {}
    for info in _listed(project, category) if endings else ():
        if info.trouble:
            raise BucketError(
                f"{info.key or 'All'} of {project.bucket.url} cannot be listed: {info.trouble}. There may be boxes in "
                "it, so nothing was changed. Try again."
            )
        is_names = "yolo" in (form or "yolo") and info.key.rpartition("/")[2] in CLASS_NAMES
        if (
            info.key != MANIFEST_KEY
            and not skipped_part(info.key, names)
            and (extension_of(info.key) in endings or is_names)
        ):
            files[info.key] = info
    listed = [files[key] for key in sorted(files)]
    return BoxFiles(listed, list(_manifest_boxes(project, category)) if form in (None, "manifest") else [])


def _listed(project: Project, category: str) -> Iterator[ObjectInfo]:
    whole = project.settings.source.categories == "single"
    folder = folder_of(category, project.settings.source.categories)
    pages = [project.bucket.pages(recursive=whole)]
    if not whole:
        beside = [name for name in project.bucket.folders() if holds_boxes(name)]
        pages += [project.bucket.pages(f"{name}/") for name in {folder, *beside} if name is not None]
    for listing in pages:
        for page in listing:
            yield from page


def _manifest_boxes(project: Project, category: str) -> Iterator[tuple[str, Any]]:
    for entry in bucket_entries(project) or []:
        if entry.boxes is not None and entry_category(entry, project.settings.source.categories) == category:
            yield from ((key, entry.boxes) for _, key, _, _ in entry_objects(entry))


def read_boxes(project: Project, slug: str, source: BoxFiles, images: pl.DataFrame, form: str | None) -> Annotated:
    """The boxes of a category's images (`IMAGES_SCHEMA`). Files are parsed one after the other.

    Raises `BucketError`, `BucketUnreachableError`.
    """
    result, found = Annotated(), defaultdict[str, list[Found]](list)
    usable = images.filter(pl.col("status") == "ok")
    sizes = {key: (width, height) for key, width, height in usable.select("key", "width", "height").iter_rows()}
    others = [name for name in read_slugs(project.layout).values() if name != project.category_of(slug)]
    lookup, names = Images(images["key"], others), dict[str, dict[int, str]]()
    keys = [info.key for info in source.files]
    order = sorted(keys, key=lambda key: (key.rpartition("/")[2] not in CLASS_NAMES, key))
    for done, (key, data) in enumerate(read_objects(project.bucket, order), start=1):
        if isinstance(data, Exception):
            result.bad_files.append((key, f"it could not be read: {data}"))
            continue
        if key.rpartition("/")[2] in CLASS_NAMES:
            try:
                names[key.rpartition("/")[0]] = class_names(data, key)
            except ValueError as error:
                result.bad_files.append((key, f"its names of classes cannot be read: {error}"))
            continue
        _add_file(result, found, lookup, sizes, key, data, _nearest(names, key), strict=form is not None)
        project.talk.progress("boxes", done, len(keys))
    for key, boxes in source.entries:
        if key in sizes:
            found[key] += [_manifest_box(value, place) for place, value in enumerate(_list(boxes), 1)]
    result.found = dict(found)
    return result


def _nearest(names: dict[str, dict[int, str]], key: str) -> Mapping[int, str]:
    """The class names in a file's folder or the nearest above it."""
    folder = key
    while folder:
        folder = folder.rpartition("/")[0]
        if folder in names:
            return names[folder]
    return NO_NAMES


def _add_file(
    result: Annotated,
    found: dict[str, list[Found]],
    lookup: Images,
    sizes: dict[str, tuple[int, int]],
    key: str,
    data: bytes,
    names: Mapping[int, str],
    *,
    strict: bool,
) -> None:
    form: Format = ENDINGS[extension_of(key) or ""]
    try:
        pictures = parse(data, key, form, names)
    except ValueError as error:
        result.bad_files.append((key, f"it cannot be read as {form.upper()}: {error}"))
        return
    if pictures is None:
        if strict:
            result.bad_files.append((key, f"it holds no boxes in the format {form}"))
        return
    result.files += 1
    for picture in pictures:
        images = lookup.named(picture.name)
        if len(images) > 1 and picture.found:
            result.bad_files.append((key, f"{picture.name!r} may be {len(images)} images, the first {images[0]}"))
        elif images and images[0] in sizes:
            width, height = sizes[images[0]]
            found[images[0]] += _of_image(picture, other_picture(picture.size, width, height))
        elif not picture.name:
            result.bad_files.append((key, picture.found[0].problem))
        elif not images and picture.found:
            result.not_here += 1
            result.not_here_example = result.not_here_example or picture.name


def _of_image(picture: Picture, problem: str) -> list[Found]:
    if not problem:
        return list(picture.found)
    return [item if item.status != "ok" else replace(item, status="bad_box", problem=problem) for item in picture.found]


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _manifest_box(value: Any, place: int) -> Found:
    """A box of manifest.json: [x, y, w, h] or an object with these names, label and score; shares of the image."""
    label, score = "", None
    cells: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    if isinstance(value, dict):
        row = cast("dict[str, Any]", value)
        cells = [row.get("x"), row.get("y"), row.get("w", row.get("width")), row.get("h", row.get("height"))]
        label, score = str(row.get("label") or ""), number(row.get("score"))
    numbers = [number(cell) for cell in cells]
    if len(numbers) != 4 or None in numbers:
        return bad(f"box {place} of {MANIFEST_KEY} is not x, y, w and h", MANIFEST_KEY, label)
    return Found(Box(*cast("list[float]", numbers)), label, score, MANIFEST_KEY)
