"""The commands that preserve decisions: backup, restore, carry-over.

What belongs here: arguments and output. Not here: the work (`steps/backup.py`, `steps/renamed.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command("carry-over")
@click.argument("former")
@click.argument("category")
@where_options
@with_project("write")
def carry_over(project: "Project", former: str, category: str, as_json: bool) -> None:
    """Give CATEGORY the cluster ids, names and decisions of FORMER, whose folder is gone.

    A run does this by itself if a folder was renamed and its images stayed the same. Decisions and named clusters that
    CATEGORY already has are kept; those of FORMER are added after them. If a folder was split, do it for each part.
    The next run applies it, or `image-cluster cluster` and `publish`.

    \b
    Example:
      image-cluster carry-over posts roadside-posts
    """
    from pipeline.console import print_json, tell
    from pipeline.steps.renamed import carry_over_by_name

    old, new, done = carry_over_by_name(project, former, category)
    if as_json:
        print_json({"former": old, "category": new, "text": done})
    else:
        tell(done)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@where_options
@with_project(lambda given: "read" if given["file"] else "write")
def backup(project: "Project", file: Path | None, as_json: bool) -> None:
    """Copy all decisions to FILE and verify the copy; without FILE, to backups/decisions in the data directory.

    Safe while everything runs. The copy is one SQLite file, even if the decisions are in PostgreSQL. Every publication
    also makes one. Prints the path.

    \b
    Examples:
      image-cluster backup
      image-cluster backup /mnt/nas/decisions-2026-11-27.sqlite3
      image-cluster backup --json | jq -r .file
    """
    from pipeline.console import print_json
    from pipeline.steps.backup import backup as copy_out

    made = copy_out(project, file)
    if as_json:
        figures = {slug: events.events for slug, events in made.categories.items()}
        print_json({"file": str(made.file), "at": made.at, "decisions": made.events, "categories": figures,
                    "bytes": made.bytes, "sha256": made.sha256})  # fmt: skip
    else:
        click.echo(str(made.file))


@click.command()
@click.argument("copy", metavar="FILE|latest")
@click.option("--replace", is_flag=True, help="Drop decisions that the copy lacks.")
@where_options
@with_project("write")
def restore(project: "Project", copy: str, replace: bool, as_json: bool) -> None:
    """Restore decisions from a copy: FILE, or the newest good one that a publication made.

    The previous database, damaged or not, is kept beside the copies. Decisions that the copy lacks are only dropped
    with --replace. The next run, or `image-cluster publish`, publishes the names again.

    \b
    Examples:
      image-cluster restore latest
      image-cluster restore /mnt/nas/decisions-2026-11-27.sqlite3
    """
    from pipeline.console import print_json, tell
    from pipeline.steps.backup import restore as bring_back

    done = bring_back(project, copy, replace=replace)
    if as_json:
        print_json({"text": done})
    else:
        tell(done)
