"""`image-cluster doctor`: checks and repairs a data directory.

What belongs here: arguments and output. Not here: the checks (`steps/doctor/`).
"""

import sys
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import category_options, where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command()
@category_options
@click.option("--repair", is_flag=True, help="Do what is safe: sweep leftovers, forget damaged results.")
@where_options
@with_project(lambda given: "write" if given["repair"] else "read")
def doctor(project: "Project", categories: tuple[str, ...], repair: bool, as_json: bool) -> None:
    """Check that a data directory is sound: counts, pointers, digests, ids, decisions, published files, leftovers.

    Prints a line for each check; a fault says what to do. Exit code 0 if all is right, 1 if something is wrong.
    Changes nothing without --repair, and decisions never. What --repair forgets, the next run makes again.

    \b
    Examples:
      image-cluster doctor
      image-cluster doctor --repair && image-cluster run
      image-cluster doctor --json | jq '.[] | select(.state == "fault")'
    """
    from pipeline.console import as_started, print_json, print_rows
    from pipeline.steps.doctor.checkup import examine

    rows = [finding.row() for finding in examine(project, categories, repair=repair)]
    if as_json:
        print_json(rows)
    else:
        print_rows([{**row, "remedy": as_started(row["remedy"])} for row in rows])
    if any(row["state"] == "fault" for row in rows):
        sys.exit(1)
