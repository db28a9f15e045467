"""`image-cluster clusters …`: show clusters, their history, and decisions that wait.

What belongs here: arguments and output of the commands that only look. Not here: the commands that record decisions
(`deciding.py`).
"""

from typing import TYPE_CHECKING

import click

from pipeline.commands.about import about_options, cluster_id, clustered_only, rows_of_all, with_slug, with_slugs
from pipeline.commands.process import Group

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.group("clusters", cls=Group)
def clusters() -> None:
    """Show clusters, name them and record other decisions.

    Decisions are stored apart from computed results and are replayed after every run; each can be undone. Refer to a
    cluster by id or name, and to an image by key, id or content hash.

    \b
    Examples:
      image-cluster clusters list --category bollards --review
      image-cluster clusters rename c-7k3m9qwx "White Cylindrical" --category bollards
      image-cluster clusters merge c-7k3m9qwx c-2bd4t6vz --why "same post, wet"
      image-cluster clusters undo
    """


@clusters.command("list")
@click.option("--review", is_flag=True, help="Only clusters that need a review.")
@click.option("--unnamed", is_flag=True, help="Only clusters without a name.")
@click.option("--sort", type=click.Choice(["size", "name", "id", "cohesion"]), default="size", show_default=True)
@about_options
@with_slugs
def list_clusters(project: "Project", slugs: list[str], review: bool, unnamed: bool, sort: str, as_json: bool) -> None:
    """List the clusters of one category or of all, the largest first, with a suggested name if there is none.

    \b
    Example:
      image-cluster clusters list --unnamed --json | jq -r '.[].id'
    """
    from pipeline.console import print_json, print_rows
    from pipeline.stages.published.group_words import plural
    from pipeline.steps.group_label import group_label
    from pipeline.steps.library_view.listing import cluster_rows

    several, slugs = len(slugs) > 1, clustered_only(project, slugs)
    rows = rows_of_all(slugs, lambda slug: cluster_rows(project, slug), several=several)
    rows = [row for row in rows if (not review or row["review"]) and (not unnamed or not row["name"])]
    rows.sort(key=lambda row: -row[sort] if sort in ("size", "cohesion") else (row[sort] or "~", row["id"]))
    if as_json:
        print_json(rows)
    else:
        labels = {plural(group_label(project, slug)) for slug in slugs}
        groups = labels.pop() if len(labels) == 1 else "groups"
        shown = ({groups if name == "countries" else name: value for name, value in row.items()} for row in rows)
        print_rows([{**row, groups: ",".join(row[groups][:6]), "review": "; ".join(row["review"])} for row in shown])


@clusters.command()
@click.argument("cluster")
@about_options
@with_slug
def show(project: "Project", slug: str, cluster: str, as_json: bool) -> None:
    """Show one cluster: its names, why it needs a review, its images and its history.

    \b
    Example:
      image-cluster clusters show "White Cylindrical" --json | jq -r '.images[].key'
    """
    from pipeline.console import print_json, print_rows
    from pipeline.steps.library_view.listing import cluster_detail

    detail = cluster_detail(project, slug, cluster)
    if as_json:
        print_json(detail)
        return
    for name, value in detail.items():
        if name not in ("images", "history") and value not in (None, [], ""):
            click.echo(f"{name:15} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    click.echo("")
    print_rows(detail["images"])
    if detail["history"]:
        click.echo("")
        print_rows(detail["history"])


@clusters.command()
@click.argument("cluster", required=False)
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Most rows.")
@about_options
@with_slugs
def history(project: "Project", slugs: list[str], cluster: str | None, limit: int, as_json: bool) -> None:
    """List decisions, the newest first, of one cluster, of a category or of all.

    \b
    Example:
      image-cluster clusters history --category bollards --json | jq '.[] | select(.actor == "ann")'
    """
    from pipeline.console import print_json, print_rows
    from pipeline.steps.library_view.history import history_rows

    rows = rows_of_all(slugs, lambda slug: history_rows(
        project, slug, None if cluster is None else cluster_id(project, slug, cluster), limit))  # fmt: skip
    rows = sorted(rows, key=lambda row: row["at"], reverse=True)[:limit] if len(slugs) > 1 else rows
    (print_json if as_json else print_rows)(rows)


@clusters.command()
@about_options
@with_slugs
def waiting(project: "Project", slugs: list[str], as_json: bool) -> None:
    """List decisions that cannot be applied at present, with the reason. They apply again when they can."""
    from pipeline.console import print_json, print_rows

    rows = rows_of_all(slugs, lambda slug: [
        {"event": decision.number, "reason": decision.reason, "cluster": decision.cluster}
        for decision in project.curation.curated(slug).waiting
    ])  # fmt: skip
    (print_json if as_json else print_rows)(rows)
