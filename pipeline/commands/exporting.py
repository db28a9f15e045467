"""`image-cluster export`: clusters, names and tags for other programs.

What belongs here: arguments and what is printed. Not here: choosing and writing (`steps/export.py`).
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import console_of, source_options, where_options, with_project

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    import polars as pl

    from pipeline.steps.export import Format, Written
    from pipeline.steps.library_view.snapshot import Snapshot
    from pipeline.steps.project import Project


@click.command()
@source_options
@click.option("--category", help="The category; optional if there is only one.")
@click.option("--cluster", "chosen", multiple=True, help="Only this cluster, by id or name; can be repeated.")
@click.option("--tag", "tags", multiple=True, help="Only images with this tag; can be repeated.")
@click.option(
    "--state", "states", multiple=True,
    type=click.Choice(["clustered", "unclustered", "excluded", "rejected", "new"]),
    help="Only images in this state; can be repeated. [tables: all; files: clustered and unclustered]",
)  # fmt: skip
@click.option(
    "--as", "form", type=click.Choice(["csv", "json", "parquet", "coco", "folders", "zip", "xmp"]), default="csv",
    show_default=True, help="What to write.",
)  # fmt: skip
@click.option(
    "--to", type=click.Path(path_type=Path), help="File, or folder for folders and xmp. [stdout for tables and coco]"
)
@where_options
@with_project("read")
def export(
    project: "Project", category: str | None, chosen: tuple[str, ...], tags: tuple[str, ...],
    states: tuple[str, ...], form: "Format", to: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write clusters, names and tags for other programs.

    csv, json, parquet: a row per image. coco: images, boxes (of objects, else whole images) and clusters as categories,
    for tools that read COCO. folders, zip: the originals, in a folder per cluster, with metadata.csv, which
    Hugging Face reads as `imagefolder`. xmp: a sidecar for each image, with its cluster and tags as keywords, which
    digiKam, darktable and Lightroom read; a sidecar of another program is left alone. Folders and zip read the
    originals from SOURCE, by default the one in the settings.

    \b
    Examples:
      image-cluster export --category bollards > bollards.csv
      image-cluster export --cluster "White Cylindrical" --as zip --to white.zip
      image-cluster export ./photos --tag night --as folders --to night/
      image-cluster export --as xmp --to photos/
    """
    from pipeline.console import many, print_json
    from pipeline.steps.export import TABLES, WITH_ORIGINALS, Written, select_images
    from pipeline.steps.library_view.listing import only_category, read_snapshot

    if to == Path("-"):
        to = None
    to_stdout = (*TABLES, "coco")
    if to is None and form not in to_stdout:
        raise click.UsageError(f"Say where to write: --as {form} needs --to.")
    snapshot = read_snapshot(project, only_category(project, category))
    if form not in TABLES:
        states = states or WITH_ORIGINALS
    images = select_images(snapshot, clusters=chosen, tags=tags, states=states)
    done = Written(_write_coco(project, snapshot, images, to)) if form == "coco" else _write(project, images, form, to)
    left_out = (
        (done.missing, "originals are gone from the source, or are other files than those that were read"),
        (done.foreign, "sidecars are of another program and were left alone"),
        (done.too_long, "images have no sidecar: their file names leave no room for .xmp"),
    )
    talk = console_of(project)
    talk.close()
    for keys, what in left_out:
        if keys:
            talk.notice(f"{len(keys)} of {images.height} {what}, for example {keys[0]}.")
    talk.notice(f"Exported {many(done.images, 'image')}{f' to {to}' if to else ''}.")
    if as_json and to is not None:
        print_json({"images": done.images, "missing": list(done.missing), "foreign": list(done.foreign), "to": str(to)})


def _write_coco(project: "Project", snapshot: "Snapshot", images: "pl.DataFrame", to: Path | None) -> int:
    """Write one JSON document; returns how many images it has."""
    from pipeline.steps.coco import coco_bytes, coco_document

    document = coco_document(project, snapshot, images)
    if to is None:
        sys.stdout.buffer.write(coco_bytes(document))
    else:
        with _opened(to) as file:
            file.write(coco_bytes(document))
    return len(document["images"])


def _opened(to: Path) -> "AbstractContextManager[BinaryIO]":
    """A file to write to. It is replaced when all is written; a pipe or a device is written to, never replaced."""
    from pipeline.storage.files import replacing

    return to.open("wb") if to.exists() and not to.is_file() else replacing(to)


def _write(project: "Project", images: "pl.DataFrame", form: "Format", to: Path | None) -> "Written":
    """Write the images in that form; returns how many were written, and the keys that were left out."""
    from pipeline.steps import export as steps

    done = steps.Written(images.height)
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
    if form == "folders" and to is not None:
        done = steps.write_folders(project, images, to)
    elif form == "xmp" and to is not None:
        done = steps.write_sidecars(images, to)
    elif form == "zip" and to is not None:
        missing: list[str] = []
        with _opened(to) as file:
            file.writelines(steps.zip_pieces(project, images, missing))
        done = steps.Written(images.height - len(missing), tuple(missing))
    elif form in ("csv", "json", "parquet"):
        if to is None:
            steps.write_table(images, form, sys.stdout.buffer)
        else:
            with _opened(to) as file:
                steps.write_table(images, form, file)
    return done
