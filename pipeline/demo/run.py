"""The demo: make a library, run the production job on it through Dagster, print a summary.

What belongs here: the sequence and the settings of a demo. Not here: drawing (`bollards.py`), fetching (`stamps.py`),
Dagster, which runs in its own process (`pipeline.dagster_run`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from types import MappingProxyType
from typing import Any

import click

from pipeline.console import Console, print_summary, tell
from pipeline.dagster_home import INSTANCE, dagster_environment
from pipeline.demo.bollards import CARS, write_boxes, write_library
from pipeline.demo.compare import UNITS, print_comparison
from pipeline.demo.own_data import MARK
from pipeline.dev import WORKSPACE
from pipeline.errors import DemoError

LIBRARIES = {
    "bollards": Path("demo-library"),
    "stamps": Path("demo-library-stamps"),
    "objects": Path("demo-library-objects"),
}


def run_demo(library: str, categories: Sequence[str], *, single: bool = False) -> int:
    """Make the library if it does not exist, run everything, print the summary; returns the exit code."""
    started = perf_counter()
    console = Console()
    try:
        root = _make(library, console)
    finally:
        console.close()
    also: dict[str, Path] = {}
    if library == "objects":
        settings, also = _run_both_units(root)
    else:
        settings = _write_settings(library, root, single=single or (library == "stamps" and not categories))
        _run(settings, categories)
    tell(f"\nDone in {perf_counter() - started:.0f} seconds.\n{next_steps(settings, also)}")
    return 0


def _run_both_units(root: Path) -> tuple[Path, dict[str, Path]]:
    """Run whole pictures and objects, print how well both agree with the truth.

    Returns the settings of objects, and those of the other results by what they are in words.
    """
    settings = {
        words: _write_settings(f"objects-{unit}", root, single=False, unit=unit) for words, unit in UNITS.items()
    }
    documents: dict[str, Path] = {}
    for words, unit in UNITS.items():
        click.echo(f"\n{words.capitalize()} (objects.unit: {unit})")
        (summary,) = _run(settings[words], ["bollards"])
        documents[words] = Path(summary["clusters_json"])
    print_comparison(root, documents)
    return settings.pop("objects"), settings


def next_steps(settings: Path, also: Mapping[str, Path] = MappingProxyType({})) -> str:
    """The commands that show the result of a demo with these settings.

    `also`: further results, each in words with its settings.
    """
    given = "" if settings.parent == Path("data") else f" --settings {settings}"
    dagster = "\nSee every step in Dagster, under Lineage: image-cluster dev" if Path(WORKSPACE).exists() else ""
    others = "".join(
        f"\nThe same as {words}: image-cluster serve --open --settings {path}" for words, path in also.items()
    )
    return f"Look at the clusters and name them: image-cluster serve --open{given}{others}{dagster}"


def _run(settings: Path, categories: Sequence[str]) -> list[dict[str, Any]]:
    """Run the pipeline through Dagster, print and return the summaries."""
    command = [sys.executable, "-m", "pipeline.dagster_run", "--settings", str(settings)]
    for category in categories:
        command += ["--category", category]
    click.echo("Running the pipeline with Dagster …", err=True)
    environment = dagster_environment(_dagster_home())
    finished = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    summaries: list[dict[str, Any]] = json.loads(finished.stdout) if finished.stdout.strip() else []
    for summary in summaries:
        print_summary(summary, f" --settings {settings}")
    if finished.returncode:
        raise DemoError("The run through Dagster failed. See the reason above.")
    return summaries


def _make(library: str, console: Console) -> Path:
    root = LIBRARIES[library]
    if library == "stamps":
        from pipeline.demo.stamps import fetch_stamps

        return fetch_stamps(root, notice=console.notice)
    if not root.exists():
        console.notice(f"Drawing the bollards library in {root} …")
    cars = 0 if library == "objects" else CARS
    write_library(
        root, cars=cars, workers=os.cpu_count(), progress=lambda done, total: console.progress("draw", done, total)
    )
    if library == "objects":
        write_boxes(root)
    return root


def _write_settings(library: str, root: Path, *, single: bool, unit: str = "") -> Path:
    """The demo's own settings file, so that it never touches the user's."""
    data = (
        Path("data") if library == "bollards" and not Path("image-cluster.yaml").exists() else Path(f"data-{library}")
    )
    data.mkdir(parents=True, exist_ok=True)
    path = data / MARK
    categories = "single" if single else "all"
    objects = f"objects:\n  unit: {unit}\n" if unit else ""
    text = f"data_dir: {data}\nsource:\n  url: {root}\n  categories: {categories}\n{objects}"
    path.write_text(text, encoding="utf-8")
    return path


def _dagster_home() -> Path:
    """The checkout's Dagster instance, so that the web UI shows the demo's runs; else one in the data directory."""
    return Path.cwd() if Path(INSTANCE).exists() else Path("data") / "dagster"
