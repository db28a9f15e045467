"""`image-cluster similar`: the most similar images to an image, to words, or to both.

What belongs here: arguments and output. Not here: the search (`steps/search.py`).
"""

from typing import TYPE_CHECKING

import click

from pipeline.commands.common import where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command()
@click.argument("key", required=False)
@click.option("--text", help="Words to look for, alone or added to KEY; for encoders that read words.")
@click.option("--not", "unwanted", multiple=True, help="Words that results should not fit; can be repeated.")
@click.option("--category", help="Category of the image, if its key does not say.")
@click.option("--top-k", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Number of results.")
@click.option("--min-score", type=click.FloatRange(-1, 1), default=-1.0, help="Leave out less similar images.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, the best first.")
@where_options
@with_project("read")
def similar(
    project: "Project", key: str | None, text: str | None, unwanted: tuple[str, ...], category: str | None, top_k: int,
    min_score: float, as_csv: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find the images most similar to KEY: the key or id of a stored image, or an image file.

    With an encoder that reads words (open_clip:…): --text adds words, as in "like this, but red", and --not takes words
    away. Without KEY, the words alone are the query.

    \b
    Examples:
      image-cluster similar bollards/de/de-001-800w.webp --top-k 10
      image-cluster similar ./post.jpg --category bollards | cut -f2
      image-cluster similar bollards/de/de-001-800w.webp --text "red" --not "snow"
      image-cluster similar --text "red and white striped post"
      image-cluster similar ./post.jpg --top-k 500 --csv > ranking.csv
    """
    from pipeline.console import print_csv, print_json, print_rows
    from pipeline.steps.search import find_composed, find_similar

    if key is not None and not text and not unwanted:
        rows = find_similar(project, key, category=category, top_k=top_k, min_score=min_score)
    else:
        rows = find_composed(
            project, key, text=text, unwanted=unwanted, category=category, top_k=top_k, min_score=min_score
        )
    (print_json if as_json else print_csv if as_csv else print_rows)(rows)
