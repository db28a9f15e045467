"""The commands for publications: publish, changes, rollback.

What belongs here: arguments and output. Not here: the work (`steps/publish.py`, `steps/published_sets.py`), shared
options (`common.py`).
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import category_options, console_of, stored_slugs, where_options, with_project
from pipeline.errors import MissingArtifactError, PublishHeldError

if TYPE_CHECKING:
    from pipeline.steps.each import Failure
    from pipeline.steps.project import Project
    from pipeline.steps.publish import Held, PublishReport


def stop_where_held(reports: Iterable["PublishReport"], failures: "Sequence[Failure]" = ()) -> None:
    """Report results that were held back, and why. Raises `PublishHeldError` (exit code 3) if there are any.

    If other categories failed it only prints: `raise_failures` then decides the exit code.
    """
    texts = [_held_text(report, report.held) for report in reports if report.held is not None]
    from pipeline.console import tell

    if texts and failures:
        tell("\n".join(texts), err=True)
    elif texts:
        raise PublishHeldError("\n".join(texts))


def _held_text(report: "PublishReport", held: "Held") -> str:
    data = report.path.parent.parent if report.path else Path("data")
    place = "" if data == Path("data") else f" --out {data}"
    reasons = "".join(f"\n  - {text}" for text in held.reasons)
    return (
        f"{report.category} is not published. It waits for your approval:{reasons}\n"
        f"  Still published: {report.version}. New result: {held.page}\n"
        f"  To publish it: image-cluster publish --accept {held.candidate} --category {report.category}{place}"
    )


@click.command()
@click.option("--accept", "accepted", metavar="VERSION", help="Publish this candidate, which the guard held back.")
@click.option("--candidates", "only_list", is_flag=True, help="List candidates that wait; publish nothing.")
@click.option("--history", "show_history", is_flag=True, help="List what was published and when; publish nothing.")
@click.option("--accept-lost-decisions", "begin_anew", is_flag=True, help="Publish without decisions that are gone.")
@category_options
@where_options
@with_project(lambda given: "read" if given["only_list"] or given["show_history"] else "write")
def publish(
    project: "Project",
    categories: tuple[str, ...],
    accepted: str | None,
    only_list: bool,
    show_history: bool,
    begin_anew: bool,
    as_json: bool,
) -> None:
    """Publish the stored clusters, or a candidate that was held back.

    A result that differs a lot from the published one (published.guard in the settings) is not published. It waits as
    a candidate, and this command ends with exit code 3. Look at its page, then accept it or correct the settings.

    If decisions that an earlier publication used are gone, nothing is published. Restore them with `image-cluster
    restore latest`, or pass --accept-lost-decisions, which is recorded.

    \b
    Examples:
      image-cluster publish --candidates
      image-cluster publish --accept 13 --category bollards
      image-cluster publish --history --category bollards
    """
    if accepted is not None:
        _accept(project, _only(_slugs(project, categories), "--accept"), accepted, as_json=as_json)
    elif only_list:
        _print(
            _candidate_rows(project, _slugs(project, categories)),
            as_json=as_json,
            empty="No candidate waits.",
        )
    elif show_history:
        _print(_history_rows(project, _slugs(project, categories)), as_json=as_json, empty="Nothing is published yet.")
    else:
        from pipeline.steps.each import each_category, raise_failures
        from pipeline.steps.publish import publish as step

        slugs = stored_slugs(project, categories)
        if begin_anew:
            _accept_losses(project, slugs)
        reports, failures = each_category(project, slugs, lambda slug: step(project, slug))
        console_of(project).close()
        failed = [failure.summary() for failure in failures] if as_json else []
        _print([*(_report_row(report) for report in reports), *failed], as_json=as_json, empty="")
        stop_where_held(reports, failures)
        raise_failures(failures, len(reports))


@click.command()
@click.option(
    "--since", metavar="VERSION|DATE", help="Compare with this version, or with the one published at that date."
)
@click.option("--until", metavar="VERSION|DATE", help="What to compare with it. [what is published now]")
@category_options
@where_options
@with_project("read")
def changes(
    project: "Project", categories: tuple[str, ...], since: str | None, until: str | None, as_json: bool
) -> None:
    """Show what changed: clusters that were born, split, merged or died, and where images moved.

    Without --since: what the last publication changed, as in changes.json. Dates are in UTC.

    \b
    Examples:
      image-cluster changes --category bollards
      image-cluster changes --since 2026-11-01
      image-cluster changes --since 9 --until 12
      image-cluster changes --since 12 --json | jq '.[0].summary'
    """
    from pipeline.console import harmless, print_json
    from pipeline.steps.published_sets import changes_since, markdown

    documents = [changes_since(project, slug, since, until) for slug in _slugs(project, categories)]
    if as_json:
        print_json(documents)
        return
    text = harmless("\n".join(markdown(project, document) for document in documents))
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(text))
    else:
        click.echo(text, nl=False)


@click.command()
@click.option("--to", "version", metavar="VERSION", help="The version to go back to. [the one before the current]")
@category_options
@where_options
@with_project("write")
def rollback(project: "Project", categories: tuple[str, ...], version: str | None, as_json: bool) -> None:
    """Publish an earlier version again, here and at every outlet.

    The rolled-back result does not come back by itself: later results wait as candidates until one is accepted.

    \b
    Examples:
      image-cluster rollback --category bollards
      image-cluster rollback --category bollards --to 12
    """
    from pipeline.console import print_json, tell
    from pipeline.steps.published_sets import rollback as go_back

    done = go_back(project, _only(_slugs(project, categories), "rollback"), version)
    if as_json:
        print_json(done.__dict__)
    else:
        tell(done.text)


def _accept_losses(project: "Project", slugs: list[str]) -> None:
    from pipeline.steps.decision_guard import accept_loss

    curation = project.curation
    for slug in slugs:
        if text := accept_loss(project, slug, curation.guard, curation.log):
            project.talk.notice(text)


def _accept(project: "Project", slug: str, version: str, *, as_json: bool) -> None:
    from pipeline.console import print_json, tell
    from pipeline.steps.published_sets import accept

    done = accept(project, slug, version)
    if as_json:
        print_json(done.__dict__)
    else:
        tell(done.text)


def _slugs(project: "Project", categories: tuple[str, ...]) -> list[str]:
    """The named categories, by default all published ones."""
    named = stored_slugs(project, categories)
    if categories:
        return named
    slugs = [slug for slug in named if (project.layout.published / slug).exists()]
    if not slugs:
        raise MissingArtifactError(f"Nothing in {project.settings.data_dir} is published yet.")
    return slugs


def _only(slugs: list[str], what: str) -> str:
    if len(slugs) != 1:
        raise click.UsageError(f"{what} needs one --category; there are {', '.join(slugs)}.")
    return slugs[0]


def _candidate_rows(project: "Project", slugs: list[str]) -> list[dict[str, Any]]:
    from pipeline.steps.published_sets import candidates
    from pipeline.storage.layout import PAGE, published_set

    return [
        {
            "category": project.category_of(slug),
            "candidate": candidate.version,
            "at": candidate.at,
            "clusters": candidate.summary["clusters"],
            "unclustered": candidate.summary["unclustered"],
            "why": "; ".join(concern["text"] for concern in candidate.concerns),
            "page": str(published_set(project.layout.published, slug, candidate.version) / PAGE),
        }
        for slug, candidate in candidates(project, slugs).items()
    ]


def _history_rows(project: "Project", slugs: list[str]) -> list[dict[str, Any]]:
    from pipeline.storage.history import read_history

    return [
        {
            "category": project.category_of(slug),
            "version": publication.version,
            "at": publication.at,
            "event": publication.event,
            "now": "*" if publication is history.current else "",
            **{name: publication.summary[name] for name in ("images", "clusters", "unclustered")},
            "headline": publication.headline,
        }
        for slug in slugs
        for history in [read_history(project.layout.published, slug)]
        for publication in reversed(history.publications)
    ]


def _report_row(report: "PublishReport") -> dict[str, Any]:
    state = "held" if report.held else "unchanged" if report.unchanged else "published"
    return {
        "category": report.category,
        "state": state,
        "version": report.held.candidate if report.held else report.version,
        "headline": report.headline,
        "folder": str(report.path or ""),
    }


def _print(rows: list[dict[str, Any]], *, as_json: bool, empty: str) -> None:
    from pipeline.console import print_json, print_rows

    if as_json:
        print_json(rows)
    elif rows:
        print_rows(rows)
    else:
        click.echo(empty, err=True)
