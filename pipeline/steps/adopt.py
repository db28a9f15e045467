"""Names and tags from elsewhere (a CSV file, folders, XMP sidecars) → decisions about clusters.

What belongs here: reading names and tags, and matching them to the images of a category. Not here: which cluster a kind
becomes (`curation/adoption.py`), storing decisions (`curation.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter, ValidationError

from pipeline.adapters.folder_entries import shown
from pipeline.curation import decisions as d
from pipeline.curation.adoption import Adopted, Losing, adopt, losing
from pipeline.curation.decisions import Decision
from pipeline.curation.fields import Name, TagName
from pipeline.errors import DecisionError
from pipeline.stages.published.sidecar import as_level, keywords
from pipeline.stages.published.spreadsheet import unescape_formula
from pipeline.steps.catalogue import read_catalogue
from pipeline.steps.curation import new_cluster_id
from pipeline.steps.library_view.listing import images_table
from pipeline.steps.project import Project

TAG_SEPARATOR = ";"
LARGEST_SIDECAR = 4 << 20  # bytes
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_TAG: TypeAdapter[str] = TypeAdapter(TagName)


@dataclass
class Adoption:
    """The planned decisions: a row per kind, the decisions, the named clusters that lose images, and the input that
    matches no image."""

    kinds: list[Adopted] = field(default_factory=list[Adopted])
    tags: dict[str, int] = field(default_factory=dict[str, int])
    decisions: list[Decision] = field(default_factory=list[Decision])
    losing: list[Losing] = field(default_factory=list[Losing])
    unknown: list[str] = field(default_factory=list[str])
    contradicting: list[str] = field(default_factory=list[str])
    matched: int = 0  # rows that are about an image here
    unreadable: list[str] = field(default_factory=list[str])  # sidecars that could not be read


def adopt_folders(project: Project, slug: str) -> Adoption:
    """Take the innermost folder as the kind: `birds/Herons/7.jpg` of the category `birds` goes to the cluster “Herons”.

    Images directly in the category's folder keep their cluster. Raises `DecisionError` if all images are there.
    """
    grouped = images_table(project, slug).filter(pl.col("group").is_not_null())
    rows = [(key, key.split("/")[-2], "") for key in grouped["key"]]
    if not rows:
        raise DecisionError(f"The images of {slug} lie in no folders of their own, so there is nothing to adopt.")
    return _match(project, slug, rows)


def adopt_file(project: Project, slug: str, file: Path) -> Adoption:
    """As `adopt_catalogue`, from a file."""
    return adopt_catalogue(project, slug, file.read_bytes(), str(file))


def adopt_catalogue(project: Project, slug: str, data: bytes, file: str) -> Adoption:
    """Names and tags from a CSV file with a header: a column for the image, one for its cluster, one for its tags.

    The image is a key, an id, a content hash, or the end of a key that only one image has, such as its file name. Tags
    are separated by `;`. Raises `DecisionError` for a file without these columns and for one that names no image here.
    """
    adoption = _match(project, slug, read_catalogue(data, file))
    if adoption.unknown and not adoption.matched:
        keys = images_table(project, slug)["key"]
        count = len(adoption.unknown)
        raise DecisionError(
            f"{file} names {count:,} {'image' if count == 1 else 'images'}, and none of them is in {slug}: for example "
            f"{adoption.unknown[0]!r}, and a key here is {keys[0] if len(keys) else 'none yet'!r}. Nothing was decided."
        )
    return adoption


def adopt_sidecars(project: Project, slug: str, folder: Path, under: str = "") -> Adoption:
    """As `adopt_documents`, from the sidecars below a folder."""

    def read(path: Path) -> bytes | None:
        try:
            return path.read_bytes() if path.stat().st_size <= LARGEST_SIDECAR else None
        except OSError:
            return None

    paths = sorted(folder.rglob("*.[xX][mM][pP]"))
    found = ((shown(path.relative_to(folder).as_posix()), read(path)) for path in paths)
    return adopt_documents(project, slug, found, under, f"below {folder}")


def adopt_documents(
    project: Project, slug: str, sidecars: Iterable[tuple[str, bytes | None]], under: str, where: str
) -> Adoption:
    """Names and tags from XMP sidecars, given by their path: keywords below `under` (`Birds|Herons`) are names of
    kinds, all others are tags. By default `under` is the category, as `export --as xmp` writes them.

    A sidecar is of the image whose key it ends with, with or without the image's own suffix (`7.jpg.xmp`, `7.xmp`).
    One without content counts as unreadable. Raises `DecisionError`, which says `where` they are from, if no sidecar is
    of an image here.
    """
    top = as_level(under or project.category_of(slug)).strip().casefold()
    keys = images_table(project, slug)["key"].to_list()
    stems = _unique_stems(keys)
    rows: list[tuple[str, str, str]] = []
    unreadable: list[str] = []
    for path, data in sidecars:
        try:
            if data is None or len(data) > LARGEST_SIDECAR:
                raise ValueError("it cannot be read, or is too large")
            found = keywords(data)
        except ValueError:
            unreadable.append(path)
            continue
        image = path[: -len(".xmp")]
        tops = [as_level(way[0]).strip().casefold() for way in found]
        kinds = [way[-1] for way, first in zip(found, tops, strict=True) if len(way) > 1 and first == top]
        tags = [way[-1] for way, first in zip(found, tops, strict=True) if first != top]
        joined = TAG_SEPARATOR.join(tag.replace(TAG_SEPARATOR, ",") for tag in tags)
        rows += [(stems.get(image, image), kind, joined) for kind in kinds or [""]]
    adoption = _match(project, slug, rows)
    adoption.unreadable = unreadable
    if not adoption.matched:
        example = (
            f"it names for example {adoption.unknown[0]!r}, and a key here is {keys[0]!r}" if rows else "there is none"
        )
        raise DecisionError(f"No XMP sidecar {where} is of an image of {slug}: {example}. Nothing was decided.")
    return adoption


def _unique_stems(keys: Iterable[str]) -> dict[str, str]:
    """A key without its suffix, or an end of one (from a `/` on) that only one image has → the key."""
    ends: dict[str, str | None] = {}
    for key in keys:
        parts = key.rpartition(".")[0].split("/")
        for start in range(len(parts)):
            end = "/".join(parts[start:])
            ends[end] = None if end in ends else key
    return {end: key for end, key in ends.items() if key is not None}


def _match(project: Project, slug: str, rows: Iterable[tuple[str, str, str]]) -> Adoption:
    result = Adoption()
    hashes = _hashes(images_table(project, slug))
    curated = project.curation.curated(slug)
    kind_of: dict[str, str] = {}
    spelling: dict[str, str] = {}  # names differ by more than case
    tagged: dict[str, dict[str, None]] = {}
    for image, kind, tags in rows:
        spellings = (image, unescape_formula(image), image.strip(), image.strip().replace("\\", "/").removeprefix("./"))
        content = next((hashes[one] for one in spellings if one in hashes), None)
        if content is None or content in curated.excluded:
            result.unknown.append(image)
            continue
        result.matched += 1
        for tag in filter(None, (text.strip() for text in tags.split(TAG_SEPARATOR))):
            if tag not in curated.tags.get(content, ()):
                tagged.setdefault(_valid(_TAG, tag, "tag"), {})[content] = None
        if kind.strip():
            name = _valid(_NAME, kind, "name")
            name = spelling.setdefault(name.casefold(), name)
            if kind_of.setdefault(content, name) != name:
                result.contradicting.append(image)
    kinds: dict[str, list[str]] = {}
    for content, name in kind_of.items():
        kinds.setdefault(name, []).append(content)
    last = project.curation.log.last(slug)
    result.kinds, result.decisions = adopt(
        kinds, curated, lambda images, number: new_cluster_id(slug, images, last + number)
    )
    result.losing = losing(kinds, result.kinds, curated)
    result.decisions += [d.Tag(images=tuple(images), tag=tag) for tag, images in tagged.items()]
    result.tags = {tag: len(images) for tag, images in tagged.items()}
    return result


def _hashes(images: pl.DataFrame) -> Mapping[str, str]:
    """Key, id, content hash, or an end of a key (from a `/` on) that only one image has → content hash."""
    rows = list(images.select("content_hash", "image_id", "key").iter_rows())
    ends: dict[str, str | None] = {}
    for content, _, key in rows:
        parts = key.split("/")
        for start in range(1, len(parts)):
            end = "/".join(parts[start:])
            ends[end] = content if ends.get(end, content) == content else None
    unique = {end: content for end, content in ends.items() if content is not None}
    return unique | {name: row[0] for row in rows for name in row}


def _valid(adapter: TypeAdapter[str], text: str, what: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise DecisionError(f"Nothing was decided: the {what} {text[:80]!r}: {problem}.") from error
