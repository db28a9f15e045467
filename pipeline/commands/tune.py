"""`image-cluster tune`: comparing granularities for a category, and setting one.

What belongs here: arguments, the table on stdout, the next step on stderr. Not here: the sweep (`stages/tuning/`),
storing it (`steps/tune.py`), the decision for a granularity (`steps/granularity.py`).
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import console_of, only_slug, where_options, with_project

if TYPE_CHECKING:
    from pipeline.stages.tuning.contract import TrialRow
    from pipeline.steps.project import Project
    from pipeline.steps.tune import StoredSweep


class Steps(click.ParamType[tuple[float, ...]]):
    """Numbers from 0 to 1, separated by commas."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType]  # converted before
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 0.2,0.4,0.6.", param, ctx)
        if not all(0 <= number <= 1 for number in numbers):
            self.fail(f"{value!r}: each number must lie from 0 (coarse) to 1 (fine).", param, ctx)
        return numbers


@click.command()
@click.argument("category", required=False)
@click.option("--steps", type=Steps(), help="Granularities to try, e.g. 0.2,0.4,0.6. [0.1 to 0.9 by 0.1]")
@click.option(
    "--runs",
    type=click.IntRange(0, 50),
    default=5,
    show_default=True,
    help="Random subsamples to measure stability on; 0 skips it, which is several times faster.",
)
@click.option("--apply", "value", metavar="VALUE", help="Decide a granularity for CATEGORY (or best, or settings).")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Also copy the report to this file.")
@click.option("--open", "show", is_flag=True, help="Open the report in the browser.")
@where_options
@with_project("write", needs_library=True)
def tune(
    project: "Project",
    category: str | None,
    steps: tuple[float, ...] | None,
    runs: int,
    value: str | None,
    html: Path | None,
    show: bool,
    as_json: bool,
) -> None:
    """Compare granularities for CATEGORY, and set one. CATEGORY may be left out if there is only one.

    Clusters the stored vectors at several granularities and prints for each: the number of clusters, the unclustered
    share, the largest cluster, validity, stability, and how many of today's clusters would keep their id and name.
    Reads no image and changes no cluster. The report shows a coarser setting, the current one and a finer one side by
    side, with pictures.

    --apply stores a decision about this category: it stands in the history, can be undone, and overrides the settings
    file, which is not touched. --apply settings goes back to the file.

    \b
    Examples:
      image-cluster tune bollards
      image-cluster tune bollards --open
      image-cluster tune bollards --steps 0.4,0.5,0.6 --runs 0 --html tune.html
      image-cluster tune bollards --apply 0.6
      image-cluster tune bollards --apply best
    """  # fmt: skip
    slug = only_slug(project, category)
    if value is not None and value != "best" and not (html or show or as_json):
        _apply(project, slug, value)
        return
    sweep = _sweep(project, slug, steps, runs)
    if as_json:
        _print_json(project, slug, sweep)
    else:
        _print_table(sweep.trials)
    _print_notices(project, slug, sweep, html)
    if value is not None:
        best = sweep.facts.best or sweep.facts.current
        _apply(project, slug, best if value == "best" else value)
    if show:
        click.launch((html or sweep.page).resolve().as_uri())


def _sweep(project: "Project", slug: str, steps: tuple[float, ...] | None, runs: int) -> "StoredSweep":
    from pipeline.stages.tuning.trials import STEPS
    from pipeline.steps.tune import stored_sweep
    from pipeline.steps.tune import tune as sweep

    sweep(project, slug, steps=steps or STEPS, runs=runs)
    console_of(project).close()
    return stored_sweep(project, slug)


def _print_table(trials: "list[TrialRow]") -> None:
    head = ("setting", "clusters", "unclustered", "largest", "validity", "stability", "ids kept", "names kept", "")
    lines = [head, *(_cells(trial) for trial in trials)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [text.ljust(width) if column in (0, len(head) - 1) else text.rjust(width)
                 for column, (text, width) in enumerate(zip(line, widths, strict=True))]  # fmt: skip
        click.echo("  ".join(cells).rstrip())


def _cells(trial: "TrialRow") -> tuple[str, ...]:
    worded = trial.setting in ("auto", "coarse", "fine")
    marks = [mark for mark, holds in (("now", trial.current), ("best", trial.best)) if holds]
    lost = f"loses {', '.join(trial.names_lost[:3])}{' …' if len(trial.names_lost) > 3 else ''}"
    return (
        f"{trial.setting} = {trial.granularity:.2f}" if worded else trial.setting,
        f"{trial.clusters:,}",
        f"{trial.unclustered:.1%}",
        f"{trial.largest:.1%}",
        "-" if trial.validity is None else f"{trial.validity:.3f}",
        "-" if trial.stability is None else f"{trial.stability:.3f}",
        f"{trial.ids_kept} of {trial.ids}" if trial.ids else "-",
        f"{trial.names_kept} of {trial.names}" if trial.names else "-",
        ", ".join([*marks, *([lost] if trial.names_lost else [])]),
    )


def _print_json(project: "Project", slug: str, sweep: "StoredSweep") -> None:
    from dataclasses import asdict

    from pipeline.console import print_json

    facts = {name: getattr(sweep.facts, name) for name in ("images", "current", "best", "notes")}
    settings = [asdict(trial) for trial in sweep.trials]
    print_json({"category": project.category_of(slug), **facts, "report": str(sweep.page), "settings": settings})


def _print_notices(project: "Project", slug: str, sweep: "StoredSweep", html: Path | None) -> None:
    for note in sweep.facts.notes:
        project.talk.notice(note)
    best = next((trial for trial in sweep.trials if trial.best), None)
    if best is None:
        project.talk.notice("No setting gives two clusters or more.")
    elif best.current:
        project.talk.notice(f"{best.setting} is the current setting, and by the figures none is clearly better.")
    else:
        again = f"image-cluster tune {shlex.quote(project.category_of(slug))}{project.where}"
        project.talk.notice(
            f"By the figures {best.setting} is best. Look at the report, then: {again} --apply {best.setting}"
        )
    if html is not None:
        from pipeline.storage.files import write_atomically

        write_atomically(html, sweep.page.read_bytes())
    project.talk.notice(f"Report: {html or sweep.page}")


def _apply(project: "Project", slug: str, value: str) -> None:
    from getpass import getuser

    from pipeline.errors import DecisionError, SettingsError
    from pipeline.steps.granularity import choice, choose

    try:
        event = choose(project, slug, None if value == "settings" else value, actor=getuser())
    except DecisionError as error:
        raise SettingsError(f"--apply: {error} Further words: best, settings.") from None
    now, category = choice(project, slug), project.category_of(slug)
    what = now.value if now.event else f"that of the settings, {now.settings}"
    if event is None:
        project.talk.notice(f"The granularity of {category} is {what} already.")
    else:
        project.talk.notice(
            f"The granularity of {category} is now {what}. No cluster has changed yet; "
            f"image-cluster clusters undo {event.number} takes it back."
        )
    if now.event is not None and now.n_clusters is not None:
        project.talk.notice(
            f"The settings say labels.n_clusters: {now.n_clusters}. It no longer counts for {category}."
        )
    where, name = project.where, shlex.quote(category)
    project.talk.notice(
        f"Next: image-cluster cluster --category {name}{where} && image-cluster visualize --category {name}{where}"
    )
