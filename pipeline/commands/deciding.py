"""`image-cluster clusters rename …`: the commands that record decisions.

What belongs here: arguments and output. Not here: the effect of a decision (`curation/replay.py`), storing it
(`steps/curation.py`), taking over what was sorted elsewhere (`adopting.py`), the commands that only look
(`clusters.py`).
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from pipeline.commands.about import about_options, cluster_id, with_slug_to_decide
from pipeline.commands.common import console_of, options

if TYPE_CHECKING:
    from pipeline.curation.decisions import Decision
    from pipeline.curation.events import Event
    from pipeline.steps.project import Project

COMMANDS: list[click.Command] = []  # in the order of this file; `cli.py` adds them to the group `clusters`

decision_options = options(
    about_options,
    click.option("--why", help="The reason, stored in the history."),
    click.option("--actor", help="Who decides. [your login name]"),
)


def store_and_print(
    project: "Project", slug: str, *decisions: "Decision", why: str | None, actor: str | None, as_json: bool
) -> None:
    """Store the decisions in one transaction, and print each."""
    for event in store(project, slug, decisions, why=why, actor=actor):
        _print_event(project, slug, event, as_json=as_json)


def store(
    project: "Project", slug: str, decisions: "Sequence[Decision]", *, why: str | None, actor: str | None
) -> "list[Event]":
    """Store the decisions in one transaction."""
    from getpass import getuser

    return project.curation.decide_all({slug: decisions}, actor=actor or getuser(), why=why)[slug]


def _print_event(project: "Project", slug: str, event: Any, *, as_json: bool) -> None:
    from pipeline.console import print_json
    from pipeline.steps.library_view.history import describe, event_row

    same = project.curation.namesakes(slug, event)
    if as_json:
        print_json({**event_row(event), "same_name": same})
        return
    click.echo(f"{event.number}\t{describe(event)}")
    console_of(project).notice(
        f"Stored as event {event.number} of {slug}. To undo it: image-cluster clusters undo {event.number}"
        f"{_option(project, slug)}. The next run publishes it; `image-cluster visualize` publishes it now."
    )
    if same:
        _print_namesakes(project, slug, event.decision, same)


def _print_namesakes(project: "Project", slug: str, decision: "Decision", same: "Sequence[str]") -> None:
    """Two clusters of one name are mostly one kind: say so, with the way to make them one."""
    from pipeline.curation.addressing import named_cluster

    names = project.curation.curated(slug).names
    shown = ", ".join(f"“{names[cluster]}” ({cluster})" for cluster in same)
    ids = " ".join((*same, named_cluster(decision) or ""))
    console_of(project).notice(
        f"{shown} {'is' if len(same) == 1 else 'are'} called the same. To make them one: "
        f"image-cluster clusters merge {ids}{_option(project, slug)}"
    )


def _option(project: "Project", slug: str) -> str:
    """The option that names the category, where a number alone does not."""
    from pipeline.steps.library_view.which_category import all_categories

    return f" --category {slug}" if len(all_categories(project)) > 1 else ""


def _parse(kind: str, **values: Any) -> "Decision":
    """The validated decision. Raises `DecisionError` with all problems in one line."""
    from pydantic import ValidationError

    from pipeline.curation.decisions import parse_decision
    from pipeline.errors import DecisionError

    try:
        return parse_decision({"kind": kind, **values})
    except ValidationError as error:
        problems = "; ".join(f"{p['loc'][-1]}: {p['msg'].removeprefix('Value error, ')}" for p in error.errors())
        raise DecisionError(f"Nothing was decided: {problems}.") from error


def deciding_command(name: str, *arguments: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that records decisions about one category, from a function of project, slug, `arguments`, why, actor
    and as_json."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name)(options(*arguments, decision_options)(with_slug_to_decide(function)))

    return decorate


def _command(name: str, *arguments: Any) -> Callable[[Callable[..., Any]], click.Command]:
    def decorate(function: Callable[..., Any]) -> click.Command:
        command = deciding_command(name, *arguments)(function)
        COMMANDS.append(command)
        return command

    return decorate


@_command("rename", click.argument("cluster"), click.argument("name", required=False))
def rename(project: "Project", slug: str, cluster: str, name: str | None, **given: Any) -> None:
    """Name a cluster; without NAME, remove its name.

    \b
    Example:
      image-cluster clusters rename c-7k3m9qwx "White Cylindrical" --category bollards
    """
    store_and_print(project, slug, _parse("rename", cluster=cluster_id(project, slug, cluster), name=name), **given)


@_command("describe", click.argument("cluster"), click.argument("text", required=False))
def describe(project: "Project", slug: str, cluster: str, text: str | None, **given: Any) -> None:
    """Describe a cluster; without TEXT, remove its description."""
    decision = _parse("describe", cluster=cluster_id(project, slug, cluster), description=text)
    store_and_print(project, slug, decision, **given)


@_command("status", click.argument("cluster"), click.argument("value", type=click.Choice(
    ["active", "unusable", "hidden"])))  # fmt: skip
def status(project: "Project", slug: str, cluster: str, value: str, **given: Any) -> None:
    """Set whether a cluster is for the website: active, unusable (not a type at all) or hidden (not now)."""
    store_and_print(project, slug, _parse("status", cluster=cluster_id(project, slug, cluster), status=value), **given)


@_command("review", click.argument("names", metavar="CLUSTER...", nargs=-1, required=True))
def review(project: "Project", slug: str, names: tuple[str, ...], **given: Any) -> None:
    """Mark clusters as reviewed. They need a review again when they change."""
    store_and_print(
        project, slug, *(_parse("review", cluster=cluster_id(project, slug, name)) for name in names), **given
    )


@_command("merge", click.argument("into"), click.argument("others", nargs=-1, required=True))
def merge(project: "Project", slug: str, into: str, others: tuple[str, ...], **given: Any) -> None:
    """Merge OTHERS into INTO, now and in every later run.

    \b
    Example:
      image-cluster clusters merge c-7k3m9qwx c-2bd4t6vz --category bollards
    """
    home = cluster_id(project, slug, into)
    decision = _parse("merge", clusters=[home, *(cluster_id(project, slug, name) for name in others)], into=home)
    store_and_print(project, slug, decision, **given)


_images = click.argument("images", metavar="IMAGE...", nargs=-1, required=True)


@_command("split", click.argument("cluster"), _images, click.option("--name", help="A name for the new cluster."))
def split(project: "Project", slug: str, cluster: str, images: tuple[str, ...], name: str | None, **given: Any) -> None:
    """Split images off a cluster into a new cluster.

    \b
    Example:
      image-cluster clusters split c-7k3m9qwx bollards/de/de-001-800w.webp bollards/de/de-004-800w.webp --name Wet
    """
    from pipeline.steps.curation import new_cluster_id
    from pipeline.steps.library_view.listing import content_hashes

    chosen = content_hashes(project, slug, images)
    new = new_cluster_id(slug, chosen, project.curation.store.last(slug))
    decision = _parse("split", cluster=cluster_id(project, slug, cluster), images=chosen, new_cluster=new, name=name)
    store_and_print(project, slug, decision, **given)


@_command(
    "create",
    click.argument("name"),
    click.argument("images", metavar="IMAGE...", nargs=-1),
    click.option("--from", "listing", type=click.File(), help="A file with an image on each line; - for stdin."),
)
def create(
    project: "Project", slug: str, name: str, images: tuple[str, ...], listing: TextIO | None, **given: Any
) -> None:
    """Make a new cluster called NAME out of images, wherever they are now.

    \b
    Examples:
      image-cluster clusters create "Wet posts" bollards/de/de-001-800w.webp bollards/nl/nl-004-800w.webp
      image-cluster similar bollards/de/de-001-800w.webp --json | jq -r '.[].key' > wet.txt
      image-cluster clusters create "Wet posts" --from wet.txt
    """
    from pipeline.steps.curation import new_cluster_id
    from pipeline.steps.library_view.listing import content_hashes

    listed = [line.strip() for line in listing if line.strip()] if listing else []
    if not images and not listed:
        raise click.UsageError("Name the images, or give a file with one on each line: --from FILE.")
    chosen = content_hashes(project, slug, [*images, *listed])
    new = new_cluster_id(slug, chosen, project.curation.log.last(slug))
    store_and_print(project, slug, _parse("create", images=chosen, new_cluster=new, name=name), **given)


@_command("move", _images, click.option("--to", required=True, help="A cluster, or none to leave them unclustered."))
def move(project: "Project", slug: str, images: tuple[str, ...], to: str, **given: Any) -> None:
    """Move images to another cluster, or to none.

    \b
    Example:
      image-cluster clusters move bollards/de/de-001-800w.webp --to "White Cylindrical"
    """
    from pipeline.steps.library_view.listing import content_hashes

    target = None if to == "none" else cluster_id(project, slug, to)
    store_and_print(project, slug, _parse("move", images=content_hashes(project, slug, images), to=target), **given)


@_command("representative", click.argument("cluster"), click.argument("image", required=False))
def representative(project: "Project", slug: str, cluster: str, image: str | None, **given: Any) -> None:
    """Choose the image that represents a cluster; without IMAGE, use the computed one."""
    from pipeline.steps.library_view.listing import content_hashes

    chosen = None if image is None else content_hashes(project, slug, [image])[0]
    decision = _parse("representative", cluster=cluster_id(project, slug, cluster), image=chosen)
    store_and_print(project, slug, decision, **given)


def _about_images(kind: str, *extra: str) -> Callable[..., None]:
    def run(project: "Project", slug: str, images: tuple[str, ...], **given: Any) -> None:
        from pipeline.steps.library_view.listing import content_hashes

        values = {name: given.pop(name) for name in extra}
        store_and_print(project, slug, _parse(kind, images=content_hashes(project, slug, images), **values), **given)

    return run


_TEXTS = {
    "exclude": "Leave images out of the clustering, from the next run on.",
    "include": "Include excluded images again.",
    "tag": "Put a tag on images.",
    "untag": "Remove a tag from images.",
}
for _kind, _help in _TEXTS.items():
    _tagged = _kind in ("tag", "untag")
    _run = _about_images(_kind, *(["tag"] if _tagged else []))
    _run.__doc__ = _help
    _run.__name__ = _kind
    _command(_kind, *([click.argument("tag")] if _tagged else []), _images)(_run)


@_command("note", click.argument("cluster"), click.argument("text"))
def note(project: "Project", slug: str, cluster: str, text: str, **given: Any) -> None:
    """Add a remark to the history of a cluster."""
    store_and_print(project, slug, _parse("note", cluster=cluster_id(project, slug, cluster), text=text), **given)


@_command("undo", click.argument("number", type=click.IntRange(min=1), required=False))
def undo(project: "Project", slug: str, number: int | None, why: str | None, actor: str | None, as_json: bool) -> None:
    """Undo the decision with NUMBER (see history), or the last one in force. An undo can be undone."""
    from getpass import getuser

    _print_event(project, slug, project.curation.undo(slug, number, actor=actor or getuser(), why=why), as_json=as_json)
