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
    """Give CATEGORY the cluster ids, names and decisions of FORMER, whose folder is gone.

    A run does this by itself if a folder was renamed and its images stayed the same. Decisions that CATEGORY already
    has are kept; those of FORMER are added after them. The next run applies it, or `image-cluster cluster` and
    `publish`.

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
