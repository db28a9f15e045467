"""`image-cluster clusters adopt`: names and tags that were given elsewhere.

What belongs here: arguments and output. Not here: what is adopted (`steps/adopt.py`), decisions one by one
(`deciding.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import console_of
from pipeline.commands.deciding import deciding_command, store

if TYPE_CHECKING:
    from pipeline.steps.adopt import Adoption
    from pipeline.steps.project import Project

MOST_LOSING = 10  # named clusters in a message


@deciding_command(
    "adopt",
    click.argument("file", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False)),
    click.option("--folders", is_flag=True, help="Every folder is a kind, and its name that of the cluster."),
    click.option(
        "--xmp", "sidecars", type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Keywords of the XMP sidecars below this folder (Lightroom, digiKam, darktable).",
    ),
    click.option("--under", default="", help="With --xmp: keywords below this one are names. [the category]"),
    click.option("--dry-run", is_flag=True, help="Only say what would be decided."),
)  # fmt: skip
def adopt(
    project: "Project", slug: str, file: Path | None, folders: bool, sidecars: Path | None, under: str, dry_run: bool,
    as_json: bool, **given: Any,
) -> None:  # fmt: skip
    """Take over kinds that you sorted elsewhere: from folders, a CSV file, or XMP sidecars.

    FILE has a header and a row per image: a column `key` (or `image_id`, or `filename`), a column `cluster`, and, if
    you like, `tags` separated by `;`. A computed cluster that is mostly one kind gets its name; otherwise the images
    become a new cluster. All of it is stored, or nothing. Each decision can be undone.

    \b
    Examples:
      image-cluster clusters adopt --folders --dry-run
      image-cluster clusters adopt names.csv --why "from the old catalogue"
      image-cluster clusters adopt --xmp photos/ --under Birds
    """
    from pipeline.steps.adopt import adopt_file, adopt_folders, adopt_sidecars

    if sum((folders, file is not None, sidecars is not None)) != 1:
        raise click.UsageError("Give one of: a CSV file, --folders, --xmp FOLDER.")
    if sidecars is not None:
        adoption = adopt_sidecars(project, slug, sidecars, under)
    else:
        adoption = adopt_folders(project, slug) if file is None else adopt_file(project, slug, file)
    if not dry_run and adoption.decisions:
        store(project, slug, adoption.decisions, **given)
    _print_clusters(adoption, dry_run=dry_run, as_json=as_json)
    _tell(project, adoption, dry_run=dry_run)


def _print_clusters(adoption: "Adoption", *, dry_run: bool, as_json: bool) -> None:
    """The clusters that get a name; as JSON, all of the adoption."""
    from dataclasses import asdict

    from pipeline.console import print_json, print_rows

    rows = [asdict(kind) for kind in adoption.kinds]
    if not as_json:
        print_rows(rows)
        return
    print_json({
        "clusters": rows, "losing": [asdict(cluster) for cluster in adoption.losing], "tags": adoption.tags,
        "unknown": adoption.unknown, "contradicting": adoption.contradicting, "unreadable": adoption.unreadable,
        "decisions": len(adoption.decisions), "stored": not dry_run,
    })  # fmt: skip


def _tell(project: "Project", adoption: "Adoption", *, dry_run: bool) -> None:
    """What could not be adopted, who loses images to it, and how much was decided."""
    from pipeline.console import many

    notice = console_of(project).notice
    for images, problem in (
        (adoption.unknown, "are not here"),
        (adoption.contradicting, "have two kinds; the first one holds"),
    ):
        if images:
            notice(f"{len(images)} of the given images {problem}, for example {images[0]}.")
    if adoption.losing:
        shown = ", ".join(map(str, adoption.losing[:MOST_LOSING])) + (
            " …" if len(adoption.losing) > MOST_LOSING else ""
        )
        notice(f"Of {many(len(adoption.losing), 'named cluster')}, images go to other names: {shown}.")
    if adoption.unreadable:
        notice(f"{len(adoption.unreadable)} sidecars cannot be read, for example {adoption.unreadable[0]}.")
    counts = ((len(adoption.decisions), "decision"), (len(adoption.kinds), "cluster"), (len(adoption.tags), "tag"))
    decisions, clusters, tags = (many(count, word) for count, word in counts)
    notice(f"{'Would be stored' if dry_run else 'Stored'}: {decisions} about {clusters} and {tags}.")
