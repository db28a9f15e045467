"""`image-cluster export`: clusters, names and tags for other programs.

What belongs here: arguments and what is printed. Not here: choosing and writing (`steps/export.py`).
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import console_of, where_options, with_project

if TYPE_CHECKING:
    import polars as pl

    from pipeline.steps.export import Format
    from pipeline.steps.project import Project


@click.command()
@click.option("--category", help="The category; optional if there is only one.")
@click.option("--cluster", "chosen", multiple=True, help="Only this cluster, by id or name; can be repeated.")
@click.option("--tag", "tags", multiple=True, help="Only images with this tag; can be repeated.")
@click.option(
    "--state", "states", multiple=True,
    type=click.Choice(["clustered", "unclustered", "excluded", "rejected", "new"]),
    help="Only images in this state; can be repeated. [tables: all; files: clustered and unclustered]",
)  # fmt: skip
@click.option(
    "--as", "form", type=click.Choice(["csv", "json", "parquet", "folders", "zip", "xmp"]), default="csv",
    show_default=True, help="What to write.",
)  # fmt: skip
@click.option("--to", type=click.Path(path_type=Path), help="File, or folder for folders and xmp. [stdout for tables]")
@where_options
@with_project
def export(
    project: "Project", category: str | None, chosen: tuple[str, ...], tags: tuple[str, ...],
    states: tuple[str, ...], form: "Format", to: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write clusters, names and tags for other programs.

    csv, json, parquet: a row per image. folders, zip: the originals, in a folder per cluster, with metadata.csv, which
    Hugging Face reads as `imagefolder`. xmp: a sidecar for each image, with its cluster and tags as keywords, which
    digiKam, darktable and Lightroom read.

    \b
    Examples:
      image-cluster export --category bollards > bollards.csv
      image-cluster export --cluster "White Cylindrical" --as zip --to white.zip
      image-cluster export --tag night --as folders --to night/
      image-cluster export --as xmp --to photos/
    """
    from pipeline.console import print_json
    from pipeline.steps.export import TABLES, WITH_ORIGINALS, select_images
    from pipeline.steps.library_view.listing import only_category, read_snapshot

    if to is None and form not in TABLES:
        raise click.UsageError(f"Say where to write: --as {form} needs --to.")
    snapshot = read_snapshot(project, only_category(project, category))
    if form not in TABLES:
        states = states or WITH_ORIGINALS
    images = select_images(snapshot, clusters=chosen, tags=tags, states=states)
    missing = _write(project, images, form, to)
    talk = console_of(project)
    talk.close()
    if missing:
        talk.notice(f"{len(missing)} of {images.height} originals are gone from the source, for example {missing[0]}.")
    talk.notice(f"Exported {images.height - len(missing)} images{f' to {to}' if to else ''}.")
    if as_json and to is not None:
        print_json({"images": images.height - len(missing), "missing": list(missing), "to": str(to)})


def _write(project: "Project", images: "pl.DataFrame", form: "Format", to: Path | None) -> tuple[str, ...]:
    """Write the images in that form; returns the keys of originals that could not be read."""
    from pipeline.steps import export as steps

    if to is None:
        if form in ("csv", "json", "parquet"):
            steps.write_table(images, form, sys.stdout.buffer)
        return ()
    if form == "folders":
        return steps.write_folders(project, images, to).missing
    if form == "xmp":
        steps.write_sidecars(images, to)
        return ()
    with to.open("wb") as file:
        if form == "zip":
            file.writelines(steps.zip_pieces(project, images))
        else:
            steps.write_table(images, form, file)
    return ()
