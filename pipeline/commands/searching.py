"""`image-cluster search` and `similar`: images and clusters by words in their names and texts, or by what they show.

What belongs here: arguments and output. Not here: what fits words (`steps/library_view/words.py`), similarity
(`steps/search.py`).
"""

from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.about import about_options, clustered_only, with_slugs
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


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Most rows of each kind.")
@about_options
@with_slugs
def search(project: "Project", slugs: list[str], words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find clusters and images by words in file names, folders, captions, tags, and names of clusters.

    Every word must fit, in any order and case. For what a picture shows, use similar --text.

    \b
    Examples:
      image-cluster search wet post
      image-cluster search striped --category bollards
      image-cluster search night --json | jq -r '.[].images[].key'
    """
    from pipeline.console import many, print_json, print_rows
    from pipeline.steps.library_view.listing import read_snapshot
    from pipeline.steps.library_view.words import Texts, find_words

    texts, query = Texts(project), " ".join(words)
    results = [find_words(read_snapshot(project, slug), texts, query) for slug in clustered_only(project, slugs)]
    if as_json:
        print_json([found.shown(limit) for found in results])
        return
    rows: list[dict[str, Any]] = []
    for found in results:
        for kind, hits in (("cluster", found.clusters), ("image", found.images)):
            rows += [{"category": found.category, "kind": kind, **hit} for hit in hits[:limit]]
    print_rows([{"category": row["category"], "kind": row["kind"], "cluster": row["cluster"], "name": row["name"],
                 "key": row.get("key")} for row in rows])  # fmt: skip
    clusters, images = sum(len(found.clusters) for found in results), sum(len(found.images) for found in results)
    elsewhere = sum(found.elsewhere for found in results)
    beside = f"; {elsewhere:,} more set aside, left out or not clustered yet" if elsewhere else ""
    project.talk.notice(f"{many(clusters, 'cluster')} and {many(images, 'image')} fit{beside}.")
