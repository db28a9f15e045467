"""`image-cluster pairs`: rating whether two images belong together.

What belongs here: arguments and output. Not here: the file of ratings (`steps/pairs.py`), learning from ratings
(`stages/features/metric_learning.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import CONTEXT, category_options, stored_slugs, where_options, with_project
from pipeline.commands.process import Group

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.group(cls=Group, context_settings=CONTEXT)
def pairs() -> None:
    """Rate whether two images belong together. The next run learns from it.

    Learning starts with 20 pairs (labels.least_pairs), at least five of each kind, and is only used if it ranks unseen
    pairs better.

    \b
    Examples:
      image-cluster pairs add bollards/de/de-001-800w.webp bollards/at/at-004-800w.webp --same
      image-cluster pairs import rated.csv
      image-cluster pairs list --json
    """


@pairs.command("add")
@click.argument("first", metavar="ONE")
@click.argument("second", metavar="OTHER")
@click.option("--same/--different", "same", required=True, default=None, help="Whether they belong together.")
@category_options
@where_options
@with_project("write")
def add(project: "Project", first: str, second: str, same: bool, categories: tuple[str, ...], as_json: bool) -> None:
    """Rate two images, each given by key, id or content hash.

    \b
    Examples:
      image-cluster pairs add bollards/de/de-001-800w.webp bollards/at/at-004-800w.webp --same
      image-cluster pairs add bollards/de/de-001-800w.webp bollards/fr/fr-002-800w.webp --different
    """
    _add_and_print(project, categories, [(first, second, same)], as_json=as_json)


@pairs.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@category_options
@where_options
@with_project("write")
def import_(project: "Project", file: Path, categories: tuple[str, ...], as_json: bool) -> None:
    """Add every rating in a CSV file with the columns a, b, same; all of them or none.

    \b
    Example:
      image-cluster pairs import ratings.csv
    """
    from pipeline.steps.pairs import read_pairs

    _add_and_print(project, categories, read_pairs(file, required="FILE"), as_json=as_json)


@pairs.command("list")
@category_options
@where_options
@with_project("read")
def list_(project: "Project", categories: tuple[str, ...], as_json: bool) -> None:
    """Print the ratings in use: the keys of both images; with --json their content hashes too."""
    from pipeline.console import print_json, print_rows
    from pipeline.steps.library_view.listing import images_table
    from pipeline.steps.pairs import pairs_of

    rows: list[dict[str, Any]] = []
    for slug in stored_slugs(project, categories):
        pairs = pairs_of(project, slug)
        keys = dict(images_table(project, slug).select("content_hash", "key").iter_rows()) if pairs else {}
        category = project.category_of(slug)
        rows += [{"category": category, "one": keys.get(pair.a), "other": keys.get(pair.b), **pair._asdict()}
                 for pair in pairs]  # fmt: skip
    if as_json:
        print_json(rows)
    else:
        print_rows([{name: value for name, value in row.items() if name not in ("a", "b")} for row in rows])


def _add_and_print(
    project: "Project", categories: tuple[str, ...], rows: list[tuple[str, str, bool]], *, as_json: bool
) -> None:
    from pipeline.console import print_json
    from pipeline.steps.pairs import add_pairs, pairs_of

    slugs = stored_slugs(project, categories)
    path = add_pairs(project, slugs, rows)
    ratings = {project.category_of(slug): len(pairs_of(project, slug)) for slug in slugs}
    if as_json:
        print_json({"added": len(rows), "pairs": ratings, "file": str(path)})
    else:
        counted = ", ".join(f"{number} in {category}" for category, number in ratings.items() if number)
        click.echo(f"{len(rows)} added; ratings now: {counted} ({path})")
