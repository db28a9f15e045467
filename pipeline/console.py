"""Output of the command line: progress and notices on stderr, data on stdout.

What belongs here: formatting. Not here: commands (`cli.py`). Rich is imported when it is first needed.
"""

import csv
import json
import re
import shlex
import shutil
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import click

from pipeline.stages.published.spreadsheet import escape_formula

PROGRAM = "image-cluster"
# The program at the start of a command, not as a name in a sentence, a package or a path.
_COMMAND = re.compile(r"(?<![\w./-])image-cluster(?= (?:-|[a-z]))")
LIST_SET_ASIDE = "image-cluster sql \"SELECT key, reason FROM images WHERE status <> 'ok'\""
# The ids of clusters, of images and objects, and of publications.
_ID = re.compile(r"\b(?:c-[0-9a-z]{8}|[0-9a-f]{16}|[0-9]{6}-[0-9a-f]{12})\b")
READABLE = 8  # letters of a word that may stand on one line of a table; a narrower column cannot be read
FEW = 5  # steps before the time left is told: the first ones also wait for models to be loaded
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tabs and line ends
SOON = 0.5  # seconds before a rate is told: until then it counts what was done already
PLAIN_INTERVAL = 5.0  # seconds between two progress lines where there is no terminal
# The first words of the phases whose steps are images. Others count comparisons, clusterings or files.
OF_IMAGES = frozenset({"boxes", "detect", "download", "draw", "embed", "export", "read"})


class Console:
    """A `Talk` for people: a progress bar with rate and time left on a terminal, plain lines elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._started: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def notice(self, text: str) -> None:
        if not self.quiet:
            text = as_started(harmless(text))
            if self._bars is not None:
                self._bars.console.print(text, markup=False, highlight=False)
            else:
                click.echo(text, err=True)

    def progress(self, phase: str, done: int, total: int) -> None:
        if self.quiet:
            return
        if sys.stderr.isatty():
            self._bar(phase, done, total)
        else:
            self._line(phase, done, total)

    def close(self) -> None:
        """Take the bars off the screen; safe to call more than once."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks = None, {}

    def _bar(self, phase: str, done: int, total: int) -> None:
        if self._bars is None:
            from rich.console import Console as RichConsole
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bars = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(), console=RichConsole(stderr=True),
            )  # fmt: skip
            self._bars.start()
        if phase not in self._tasks:
            self._tasks[phase] = self._bars.add_task(phase, total=total, rate="")
            self._started[phase] = monotonic()
        rate = done / max(monotonic() - self._started[phase], 1e-6)
        measured = monotonic() - self._started[phase] > SOON
        self._bars.update(self._tasks[phase], completed=done, rate=_speed(phase, rate) if measured else "")
        if done >= total:
            self.close()

    def _line(self, phase: str, done: int, total: int) -> None:
        now = monotonic()
        started = self._started.setdefault(phase, now)
        if done < total and now - self._said.get(phase, started) < PLAIN_INTERVAL:
            return
        self._said[phase] = now
        if not done and total:  # "0 of 1" would say that nothing works
            click.echo(f"{phase}: {many(total, 'image') if _of_images(phase) else f'{total:,}'} …", err=True)
            return
        rate = done / max(now - started, 1e-6)
        foretells = done == total or done >= FEW
        left = f", {_duration((total - done) / rate)} left" if foretells and done < total else ""
        speed = _speed(phase, rate) if foretells and now - started > SOON else ""
        click.echo(f"{phase}: {done:,} of {total:,}{speed and f', {speed}'}{left}", err=True)


def _of_images(phase: str) -> bool:
    return phase.split(" ", 1)[0] in OF_IMAGES


def _speed(phase: str, rate: float) -> str:
    """Nothing where the steps are no images: their time left says enough."""
    digits = 1 if rate < 10 and round(rate, 1) % 1 else 0
    return f"{rate:,.{digits}f} images/s" if _of_images(phase) else ""


def _duration(seconds: float) -> str:
    """A time in the unit in which people would tell it: 45 s, 24 min, 3 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def own_command() -> str:
    """This command as the user started it: `image-cluster` from the search path, else the path that was typed."""
    started = Path(sys.argv[0] if sys.argv else "")
    if started.name != PROGRAM or not started.is_file():  # a part of another program, or `python -m`
        return PROGRAM
    on_path = shutil.which(PROGRAM)
    if on_path is not None and Path(on_path).samefile(started):
        return PROGRAM
    return shlex.quote(str(started))


def as_started(text: str) -> str:
    """`text` with the commands in it as the user can type them here."""
    if PROGRAM not in text:
        return text
    command = own_command()
    return text if command == PROGRAM else _COMMAND.sub(lambda _: command, text)


def tell(text: str, *, err: bool = False) -> None:
    """Print text for people: its commands as they were started, and no control character."""
    click.echo(as_started(harmless(text)), err=err)


def many(count: int, word: str) -> str:
    """A number and what is counted: 1 image, 2,000 images."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def harmless(text: str) -> str:
    """`text` for a terminal: control characters of file and folder names as \\xNN, so that none is obeyed."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_summary(summary: dict[str, Any], where: str = "") -> None:
    """The figures of one category's run as a table on stdout; of one that failed, the reason.

    `where`: the options that name the data directory, for a command that people are told to run next.
    """
    if "failed" in summary:
        tell(f"\n{summary['category']}\n  FAILED           {summary['failed']}")
        return
    entries = "objects" if "objects" in summary else "images"
    reasons = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in summary["set_aside_reasons"].items())
    rows = [
        ("images", f"{summary['images']:,}"),
        *([("objects", f"{summary['objects']:,}")] if "objects" in summary else []),
        ("clusters", f"{summary['clusters']:,}"),
        ("unclustered", f"{summary['unclustered']:,} ({summary['unclustered_share']:.1%})"),
        ("set aside", f"{summary['set_aside']:,}" + (f" ({reasons})" if reasons else "")),
        ("largest cluster", f"{summary['largest_cluster_share']:.1%} of the {entries}"),
        ("new", f"{summary['read']:,} read, {summary['embedded']:,} embedded"
         if summary["read"] or summary["embedded"] else "nothing"),
        ("seconds", _seconds(summary["seconds"])),
    ]  # fmt: skip
    width = max(len(name) for name, _ in rows)
    tell(f"\n{summary['category']}")
    for name, value in rows:
        tell(f"  {name:<{width}}  {value}")
        if name == "set aside":
            _print_set_aside(summary, " " * (width + 4), where)
    if summary.get("clustering"):
        tell(f"  Clustering {summary['clustering']}")
    if summary["nothing_new"]:
        tell("  Nothing is new: what was published stays as it is.")
    elif summary["headline"]:
        tell(f"  {summary['headline']}")
    if summary["warning"]:
        tell(f"  {summary['warning']}")
    tell(f"  {summary['clusters_json']}\n  {summary['clusters_html']}")


def _print_set_aside(summary: dict[str, Any], indent: str, where: str) -> None:
    """The first images that were set aside, why, and the command that lists all."""
    examples = summary.get("set_aside_examples", [])
    for row in examples:
        tell(f"{indent}{row['key']}: {row['reason'] or row['status'].replace('_', ' ')}")
    if 0 < len(examples) < summary["set_aside"]:
        tell(f"{indent}All: {LIST_SET_ASIDE}{where}")


def _seconds(steps: dict[str, float]) -> str:
    """How long all steps took, and those that took long."""
    total = sum(steps.values())
    if total < 0.1:
        return "under 0.1"
    long = sorted((item for item in steps.items() if item[1] >= 0.05 * total), key=lambda item: -item[1])
    return f"{total:.1f}: " + ", ".join(f"{name} {took:.1f}" for name, took in long)


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Rows as a table on a terminal, as tab-separated text with a head line in a pipe."""
    if not rows:
        return
    if sys.stdout.isatty():
        _print_table(rows)
        return
    click.echo("\t".join(rows[0]))
    for row in rows:
        click.echo("\t".join(_cell(value) for value in row.values()))


def print_csv(rows: list[dict[str, Any]]) -> None:
    """Rows as CSV with a head line; nothing for no rows."""
    if rows:
        table = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(
            {name: escape_formula(value) if isinstance(value, str) else value for name, value in row.items()}
            for row in rows
        )


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, value in rows[0].items():
        cells = [_cell(row[name]) for row in rows]
        whole = max(_whole(row[name]) for row in rows)
        word = max((len(word) for cell in cells for word in cell.split()), default=0)
        natural = max(len(name), *map(len, cells))
        table.add_column(
            name, justify="right" if isinstance(value, (int, float)) else "left", overflow="fold",
            no_wrap=natural <= max(whole, READABLE), min_width=max(whole, min(word, READABLE), min(len(name), 4)),
        )  # fmt: skip
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console = RichConsole()
    with console.capture() as printed:
        console.print(table, crop=False)
    if cell_len(Text.from_ansi(printed.get().partition("\n")[0]).plain) > console.width:
        _print_records(rows)
    else:
        click.echo(printed.get(), nl=False)


def _print_records(rows: list[dict[str, Any]]) -> None:
    """A line for each value, where the terminal is too narrow for a table."""
    width = max(map(len, rows[0]))
    for row in rows:
        click.echo("")
        for name, value in row.items():
            if text := _cell(value):
                click.echo(f"{name:<{width}}  {text}")


def _whole(value: Any) -> int:
    """Letters of a cell that must stay on one line to be read and copied: a number, or the longest id in a text."""
    text = _cell(value)
    return len(text) if isinstance(value, (int, float)) else max(map(len, _ID.findall(text)), default=0)


def _cell(value: Any) -> str:
    """One value of a row: nothing for None, and neither a tab nor a line end, which would break the row."""
    return "" if value is None else harmless(" ".join(str(value).split("\t")).replace("\n", " "))
