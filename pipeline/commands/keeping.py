"""The commands that keep what people decided: carry-over.

What belongs here: their arguments and what they print. Not here: the work (`steps/renamed.py`).
"""

from typing import TYPE_CHECKING

import click

from pipeline.commands.common import where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command("carry-over")
@click.argument("former")
@click.argument("category")
@where_options
@with_project
def carry_over(project: "Project", former: str, category: str, as_json: bool) -> None:
    """Let CATEGORY go on with the cluster ids, names and decisions of FORMER, which is gone.

    A run does so by itself where a folder was renamed and its images stayed the same. Decisions that CATEGORY has of
    its own are kept, those of FORMER come after them. The next run, or `image-cluster cluster` and `publish`, shows it.

    \b
    Example:
      image-cluster carry-over posts roadside-posts
    """
    from pipeline.console import print_json
    from pipeline.steps.renamed import carry_over as carry

    old, new = project.slug_of(former), project.slug_of(category)
    done = carry(project, old, new)
    if as_json:
        print_json({"former": old, "category": new, "text": done})
    else:
        click.echo(done)
