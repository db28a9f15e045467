"""`image-cluster objects`: the objects in images, and boxes that people refuse or draw.

What belongs here: arguments and output. Not here: the decisions (`steps/corrections.py`), finding objects
(`steps/objects.py`), undo (`deciding.py`).
"""

from typing import TYPE_CHECKING

import click

from pipeline.commands.about import about_options, with_slug, with_slug_to_decide
from pipeline.commands.common import CONTEXT
from pipeline.commands.deciding import decision_options, store_and_print
from pipeline.commands.process import Group

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.group(cls=Group, context_settings=CONTEXT)
def objects() -> None:
    """Show the objects in images, refuse wrong boxes and add missing ones (objects.unit: object).

    The next run embeds an added box and drops a wrong one. A box of a later detector that overlaps one of these by half
    is the same. Each decision can be undone with `image-cluster clusters undo`.

    \b
    Examples:
      image-cluster objects list bollards/de/de-001-800w.webp
      image-cluster objects remove 03a880e7a3b6c83f
      image-cluster objects add bollards/de/de-001-800w.webp 0.41 0.2 0.1 0.55 --label bollard
    """


@objects.command("list")
@click.argument("image")
@about_options
@with_slug
def list_objects(project: "Project", slug: str, image: str, as_json: bool) -> None:
    """List the boxes of one image, given by key or id, with what waits for the next run."""
    from pipeline.console import print_json, print_rows
    from pipeline.steps.corrections import object_rows

    rows = object_rows(project, slug, image)
    (print_json if as_json else print_rows)(rows)


@objects.command("remove")
@click.argument("image", metavar="OBJECT")
@decision_options
@with_slug_to_decide
def remove(project: "Project", slug: str, image: str, why: str | None, actor: str | None, as_json: bool) -> None:
    """Say that the box of an object, given by its id, is wrong. The object leaves its cluster at once.

    \b
    Example:
      image-cluster objects remove 03a880e7a3b6c83f --why "a shadow"
    """
    from pipeline.steps.corrections import wrong_box

    store_and_print(project, slug, wrong_box(project, slug, image), why=why, actor=actor, as_json=as_json)


_share = click.FloatRange(0, 1)


@objects.command("add")
@click.argument("image")
@click.argument("x", type=_share)
@click.argument("y", type=_share)
@click.argument("w", type=_share)
@click.argument("h", type=_share)
@click.option("--label", help="What it is.")
@decision_options
@with_slug_to_decide
def add(
    project: "Project", slug: str, image: str, x: float, y: float, w: float, h: float, label: str | None,
    why: str | None, actor: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Draw a box on an image, given by key or id: left, top, width and height as shares of the upright image.

    \b
    Example:
      image-cluster objects add bollards/de/de-001-800w.webp 0.41 0.2 0.1 0.55 --label bollard
    """
    from pydantic import ValidationError

    from pipeline.errors import DecisionError
    from pipeline.steps.corrections import add_box

    try:
        decision = add_box(project, slug, image, (x, y, w, h), label)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise DecisionError(f"Nothing was decided: the box {problem}.") from error
    store_and_print(project, slug, decision, why=why, actor=actor, as_json=as_json)
