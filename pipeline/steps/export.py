"""Clusters, names and tags → files for other programs: tables, folders of originals, zip, XMP sidecars.

What belongs here: choosing images and writing them out. Not here: what the website reads (`publish.py`), the text of a
sidecar (`stages/published/sidecar.py`).
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, get_args
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import polars as pl

from pipeline.adapters.folder_entries import place_of
from pipeline.errors import ExportError, UnknownNameError
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.published.sidecar import is_ours, sidecar
from pipeline.stages.published.spreadsheet import FORMULA_PATTERN
from pipeline.steps.adopt import TAG_SEPARATOR
from pipeline.steps.file_places import LONGEST, METADATA, METADATA_COLUMNS, UNCLUSTERED, file_places
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.project import Project
from pipeline.steps.reading import images_read_before, read_among
from pipeline.storage.categories import read_slugs
from pipeline.storage.files import write_atomically

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TableFormat = Literal["csv", "json", "parquet"]
FileFormat = Literal["folders", "zip", "xmp"]
Format = TableFormat | FileFormat | Literal["coco"]
TABLES: tuple[TableFormat, ...] = get_args(TableFormat)
WITH_ORIGINALS = ("clustered", "unclustered")  # the states of which there is a picture to look at
SIDECAR = ".xmp"
_METADATA_HEAD = ",".join(METADATA_COLUMNS[:2])  # how the ones that are written here begin


@dataclass(frozen=True)
class Written:
    """What was written. `missing`: keys of originals that are gone or have another size than the listing says;
    `foreign`: keys whose sidecar another program wrote, which was left alone; `too_long`: keys whose name leaves no
    room for `.xmp`.
    """

    images: int
    missing: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    too_long: tuple[str, ...] = ()


def select_images(
    snapshot: Snapshot,
    *,
    clusters: Iterable[str] = (),
    tags: Iterable[str] = (),
    states: Iterable[str] = (),
    rows: Sequence[int] | None = None,
) -> pl.DataFrame:
    """A row per image: those of any of the clusters (ids or names), with any of the tags, in any of the states.

    What is empty does not restrict; `rows` are rows of the snapshot's frame, by default all. Columns: key, image_id,
    content_hash, category, group, state, cluster_id, cluster_name, rank, similarity, probability, representative
    (bool), tags (list); where objects are the unit also x, y, w and h, the box as shares of the image. Sorted by
    cluster, rank and key.
    Raises `UnknownNameError` for a cluster or a tag that is not there.
    """
    wanted, chosen, kept = [_cluster_id(snapshot, cluster) for cluster in clusters], list(tags), list(states)
    table = _all_images(snapshot)
    if rows is not None:
        table = table[list(rows)]
    if wanted:
        table = table.filter(pl.col("cluster_id").is_in(wanted))
    if chosen:
        _require_tags(snapshot, chosen)
        table = table.filter(pl.col("tags").list.eval(pl.element().is_in(chosen)).list.any())
    if kept:
        table = table.filter(pl.col("state").is_in(kept))
    return table.sort("cluster_id", "rank", "key", nulls_last=True)


def _all_images(snapshot: Snapshot) -> pl.DataFrame:
    """The rows of the snapshot's frame with the columns of an export, in their order."""
    frame = snapshot.frame
    names = {cluster: row["name"] for cluster, row in snapshot.clusters.items() if row["name"] is not None}
    faces = [row["representative"] for row in snapshot.clusters.values()]
    tags_of = snapshot.curated.tags if snapshot.curated else dict[str, tuple[str, ...]]()
    tagged = pl.DataFrame(
        {"content_hash": list(tags_of), "tags": [list(value) for value in tags_of.values()]},
        schema={"content_hash": pl.String, "tags": pl.List(pl.String)},
    )  # fmt: skip
    table = frame.join(tagged, on="content_hash", how="left", maintain_order="left").select(
        "key", "image_id", "content_hash", pl.lit(snapshot.base.category).alias("category"), "group", "state",
        "cluster_id", pl.col("cluster_id").replace_strict(names, default=None, return_dtype=pl.String)
        .alias("cluster_name"), "rank", "similarity", "probability",
        pl.col("image_id").is_in(faces).alias("representative"), pl.col("tags").fill_null([]),
    )  # fmt: skip
    if frame["box"].null_count() < frame.height:
        sides = (frame["box"].list.get(place, null_on_oob=True).alias(side) for place, side in enumerate("xywh"))
        table = table.with_columns(*sides)
    return table


def _require_tags(snapshot: Snapshot, tags: Sequence[str]) -> None:
    for tag in tags:
        if tag not in snapshot.rows_by_tag:
            there = ", ".join(snapshot.rows_by_tag) or "none yet"
            raise UnknownNameError(f"No image of {snapshot.base.category} has the tag {tag!r}. Tags: {there}.")


def write_table(images: pl.DataFrame, form: TableFormat, file: IO[bytes]) -> None:
    """The rows as CSV (tags separated by `;`; see `spreadsheet.py`), as a JSON list, or as Parquet."""
    buffer = io.BytesIO()  # Polars would hide why a file or a pipe takes no more
    if form == "parquet":
        images.write_parquet(buffer)
    elif form == "json":
        buffer.write(json.dumps(images.to_dicts(), indent=2, ensure_ascii=False).encode() + b"\n")
    else:
        _spreadsheet(images).write_csv(buffer)
    file.write(buffer.getbuffer())


def _spreadsheet(images: pl.DataFrame) -> pl.DataFrame:
    """The rows for a CSV file, in which no text is a formula."""
    text = pl.col(pl.String)
    return images.with_columns(pl.col("tags").list.join(f"{TAG_SEPARATOR} ")).with_columns(
        pl.when(text.str.contains(FORMULA_PATTERN)).then(pl.lit("'") + text).otherwise(text).name.keep()
    )


def write_folders(project: Project, images: pl.DataFrame, folder: Path) -> Written:
    """Originals in a folder per cluster, and `metadata.csv` with a row for each: Hugging Face's `imagefolder` layout.

    A file that is there with the same bytes is left alone; another of the same name is replaced. Raises `ExportError`
    before anything is written if the folder has a `metadata.csv` of something else.
    """
    table = folder / METADATA
    if table.exists() and not table.read_text(encoding="utf-8", errors="replace").startswith(_METADATA_HEAD):
        raise ExportError(f"{table} is not of an earlier export, so nothing was written. Export to another folder.")
    images = _once(images)
    places = file_places(images)
    missing: list[str] = []
    for key, data in _originals(project, places, missing):
        target = folder / places[key]
        if not (target.is_file() and target.read_bytes() == data):
            write_atomically(target, data)
    write_atomically(table, _metadata(images, places, missing))
    return Written(len(places) - len(missing), tuple(missing))


def zip_pieces(project: Project, images: pl.DataFrame, missing: list[str] | None = None) -> Iterator[bytes]:
    """As `write_folders`, in one zip file, piece by piece: no more than one picture is in memory.

    Pictures are stored as they are, not compressed. An original that is gone is left out, and its key is appended to
    `missing`.
    """
    images = _once(images)
    places = file_places(images)
    missing = [] if missing is None else missing
    buffer = _Pieces()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        for key, data in _originals(project, places, missing):
            archive.writestr(places[key], data)
            yield buffer.take()
        archive.writestr(METADATA, _metadata(images, places, missing))
    yield buffer.take()


class _Pieces(io.RawIOBase):
    """A file that only goes forward, so that a zip can be sent while it is made."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: "ReadableBuffer", /) -> int:
        data = bytes(piece)
        self._pieces.append(data)
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def write_sidecars(images: pl.DataFrame, folder: Path) -> Written:
    """`KEY.xmp` in `folder` for every image that has a named cluster or a tag, in the layout of the bucket.

    A sidecar of another program is never touched. One that would need a longer name than files have is left out.
    """
    count, foreign, too_long = 0, list[str](), list[str]()
    for key, keywords in _keywords(images):
        if _too_long(key):
            too_long.append(key)
            continue
        image = place_of(folder, key)
        target = image.with_name(f"{image.name}{SIDECAR}")
        if target.exists() and not is_ours(target.read_bytes()):
            foreign.append(key)
        else:
            write_atomically(target, sidecar(keywords))
            count += 1
    return Written(count, foreign=tuple(foreign), too_long=tuple(too_long))


def _too_long(key: str) -> bool:
    return len(key.rpartition("/")[2].encode()) + len(SIDECAR) > LONGEST


def sidecar_pieces(images: pl.DataFrame) -> Iterator[bytes]:
    """As `write_sidecars`, in one zip file, piece by piece; to be unpacked where the images lie. No place in it is
    outside of the folder that it is unpacked to.
    """
    buffer = _Pieces()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for key, keywords in _keywords(images):
            if _too_long(key):
                continue
            parts = [part for part in key.split("/") if part not in ("", ".", "..")]
            inside = [part.replace("\\", "_") if ".." in part.split("\\") else part for part in parts]
            archive.writestr(f"{'/'.join(inside)}{SIDECAR}", sidecar(keywords))
            if piece := buffer.take():
                yield piece
    yield buffer.take()


def _keywords(images: pl.DataFrame) -> Iterator[tuple[str, list[tuple[str, ...]]]]:
    """Key and keywords of each image that has any: the path to its cluster's name, and its tags."""
    rows = images.group_by("key", maintain_order=True).agg("category", "cluster_name", "tags").iter_rows()
    for key, categories, names, tag_lists in rows:  # an image has a row for each of its objects
        named = [(category, name) for category, name in zip(categories, names, strict=True) if name]
        if keywords := list(dict.fromkeys([*named, *((tag,) for tags in tag_lists for tag in tags)])):
            yield key, keywords


def _once(images: pl.DataFrame) -> pl.DataFrame:
    """One row per original: an image with objects in several clusters goes to the first of them."""
    return images.unique("key", keep="first", maintain_order=True)


def _originals(project: Project, places: Mapping[str, str], missing: list[str]) -> Iterator[tuple[str, bytes]]:
    """Key and bytes of each original; keys of those that are gone or are other files are appended to `missing`."""
    listed = (pair for slug in read_slugs(project.layout) for pair in _listed_sizes(project, slug))
    sizes = {key: size for key, size in listed if key in places}
    known = images_read_before(project, read_slugs(project.layout))
    for done, (key, data) in enumerate(read_among(project.bucket, list(places), known), start=1):
        if isinstance(data, bytes) and len(data) == sizes.get(key, len(data)):
            yield key, data
        else:
            missing.append(key)
        project.talk.progress("export", done, len(places))


def _listed_sizes(project: Project, slug: str) -> Iterator[tuple[str, int]]:
    listed = project.store.current(slug, "manifest")
    if listed is not None:
        yield from listed.table("manifest", MANIFEST_SCHEMA, ["key", "size"]).iter_rows()


def _metadata(images: pl.DataFrame, places: Mapping[str, str], missing: Sequence[str]) -> bytes:
    table = images.filter(~pl.col("key").is_in(list(missing))).select(
        pl.col("key").replace_strict(places, return_dtype=pl.String).alias("file_name"),
        pl.coalesce("cluster_name", "cluster_id", pl.lit(UNCLUSTERED)).alias("label"), "cluster_id", "key",
        "tags",
    ).select(METADATA_COLUMNS)  # fmt: skip
    buffer = io.BytesIO()
    _spreadsheet(table).write_csv(buffer)
    return buffer.getvalue()


def _cluster_id(snapshot: Snapshot, cluster: str) -> str:
    from pipeline.curation.checks import known_cluster

    if (current := snapshot.find_cluster(cluster)) is not None:
        return current
    if snapshot.curated is None:
        raise UnknownNameError(f"There is no cluster {cluster!r}: {snapshot.base.category} is not clustered yet.")
    return known_cluster(snapshot.curated, cluster).id
