"""How soon the program answers: `python -m tests.benchmarks.bench_answers [--rounds N] [--json FILE]`.

What belongs here: CPU seconds of whole commands that read, of the service until it answers, of loading the Dagster code
location and of a Dagster run with nothing to do, each beside what a bare import costs on the same machine in the same
minutes. Not here: how long the service takes per request (`bench_service.py`), and runs that have something to do
(`bench_nights_cost.py`).

CPU seconds (user and system, of the command and its children) say the same on a busy machine. Each command runs once
before it counts, so that files are in memory and bytecode is compiled, into a folder of this benchmark's own: what is
measured is the same whether or not the installation has its bytecode.
"""

import argparse
import json
import os
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from tests.benchmarks.rows import Row, row, show

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
SLUG = "bollards"
ALTERNATIVES = ("pass", "import polars", "import dagster")
# what a person types, the part of its command line after `image-cluster`, its bar
COMMANDS = (
    ("--help", "--help", "<= 0.5"),
    ("settings", "settings", "<= 1"),
    ("check", "check {source} --out {data}", "<= 3"),
    ("clusters list", f"clusters list --category {SLUG} --out {{data}}", "<= 1"),
    ("clusters list, after a decision", f"clusters list --category {SLUG} --out {{decided}}", "<= 1"),
    ("clusters show", f"clusters show {{cluster}} --category {SLUG} --out {{data}}", "<= 1"),
    ("clusters history", f"clusters history --category {SLUG} --out {{decided}}", "<= 1"),
    ("changes", f"changes --category {SLUG} --out {{data}}", "<= 1"),
    ("publish --history", f"publish --history --category {SLUG} --out {{data}}", "<= 1"),
    ("similar", "similar {key} --top-k 10 --out {data}", "<= 1"),
    ("run, nothing new", f"run {{source}} --category {SLUG} --out {{data}}", ""),
)


class Workplace:
    """A library, its data directory as a run left it, and the processes that are measured over them."""

    def __init__(self, root: Path) -> None:
        self.root, self.data, self.decided = root, root / "data", root / "decided"
        self.source = ROOT / "demo-library"
        if not self.source.exists():
            from pipeline.demo.bollards import write_library

            self.source = write_library(root / "library")
        self.settings = root / "settings.yaml"
        self.settings.write_text(f"data_dir: {self.data}\nsource: {{url: {self.source}}}\n")
        home = root / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment |= {"PYTHONPYCACHEPREFIX": str(root / "bytecode"), "DAGSTER_HOME": str(home)}
        program = f"{BIN}/image-cluster"
        self.text(f"{program} run {self.source} --category {SLUG} --out {self.data} --quiet")
        shutil.copytree(self.data, self.decided, symlinks=True)
        here = f"--category {SLUG} --json --out"
        self.cluster = str(json.loads(self.text(f"{program} clusters list {here} {self.data}"))[0]["id"])
        shown = json.loads(self.text(f"{program} clusters show {self.cluster} {here} {self.data}"))
        self.key = str(shown["images"][0]["key"])
        self.text(f"{program} clusters rename {self.cluster} White {here} {self.decided}")

    def text(self, command: str) -> str:
        """What a command prints; one that fails ends the benchmark with what it said."""
        done = subprocess.run(
            shlex.split(command), env=self.environment, cwd=ROOT, check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stderr}")
        return done.stdout

    def seconds(self, command: str, rounds: int) -> float:
        """The median CPU seconds of a command's process."""
        return cpu(lambda: self.text(command), rounds)

    def serve(self) -> None:
        """Start the service, ask it once, end it."""
        command = [str(BIN / "image-cluster"), "serve", "--port", "auto", "--out", str(self.data), "--quiet"]
        with subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout is not None
            url = service.stdout.readline().strip()
            with urllib.request.urlopen(f"{url}/api/v1/categories") as answer:
                answer.read()
            service.send_signal(signal.SIGINT)


def cpu(work: Callable[[], object], rounds: int) -> float:
    """The median CPU seconds of the processes that `work` starts and waits for, after one time that does not count."""
    found: list[float] = []
    for _ in range(rounds + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        work()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(found[1:])


def rows(rounds: int = 5) -> list[Row]:
    """Every row; takes about `rounds` minutes on two cores."""
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        bare = {code: place.seconds(f"{sys.executable} -c {shlex.quote(code)}", rounds) for code in ALTERNATIVES}
        beside = ", ".join(f"python -c '{code}' {took:.2f} s" for code, took in bare.items())
        found = [
            row(f"image-cluster {name}", "CPU of the process",
                place.seconds(f"{BIN}/image-cluster {_filled(place, line)}", rounds), "s", bar, beside)
            for name, line, bar in COMMANDS
        ]  # fmt: skip
        found.append(
            row("image-cluster serve", "CPU until it has answered GET /api/v1/categories, and ended",
                cpu(place.serve, rounds), "s", "<= 3", beside)
        )  # fmt: skip
        return found + _loading(place, rounds, beside) + _dagster(place, rounds)


def _filled(place: Workplace, line: str) -> str:
    return line.format(
        source=place.source, data=place.data, decided=place.decided, cluster=place.cluster, key=place.key
    )


def _loading(place: Workplace, rounds: int, beside: str) -> list[Row]:
    code = shlex.quote("import pipeline.definitions")
    validate = f"{BIN}/dagster definitions validate -m pipeline.definitions"
    return [
        row("Dagster code location", "CPU of importing it", place.seconds(f"{sys.executable} -c {code}", rounds), "s",
            "", beside),
        row("dagster definitions validate", "CPU of the process", place.seconds(validate, rounds), "s", "", beside),
    ]  # fmt: skip


def _dagster(place: Workplace, rounds: int) -> list[Row]:
    """What Dagster adds: the production job in process, and the same steps called by themselves."""
    took = {}
    for way in ("dagster", "steps"):
        took[way] = json.loads(place.text(
            f"{sys.executable} -m tests.benchmarks.bench_answers --through {way} --rounds {rounds} "
            f"--folder {place.root / f'through-{way}'}"
        ))  # fmt: skip
    through, steps = took["dagster"], took["steps"]
    # two first runs differ by more than this from one time to the next; with nothing new, all there is is Dagster
    added = through["again"] - steps["again"]
    process = place.seconds(
        f"{sys.executable} -m pipeline.dagster_run --settings {place.settings} --category {SLUG}", rounds
    )
    return [
        row("Dagster run, nothing new", "CPU, imports left out", through["again"], "s", "",
            f"the steps without Dagster {steps['again']:.2f} s"),
        row("Dagster run, everything new", "CPU, imports left out", through["first"], "s", "",
            f"the steps without Dagster {steps['first']:.2f} s"),
        row("Dagster's share of that run", "of its CPU", added / through["first"], "", "",
            f"{added:.2f} s, which it takes with nothing new, of {through['first']:.2f} s"),
        row("Dagster run, nothing new, as a process", "CPU of the process", process, "s", "",
            "see image-cluster run, nothing new"),
    ]  # fmt: skip


def measure(way: str, folder: Path, rounds: int) -> dict[str, float]:
    """CPU seconds of this process for a first run, and the median of runs with nothing new; imports come before."""
    folder.mkdir()
    settings = folder / "settings.yaml"
    source = json.dumps(str(ROOT / "demo-library"))
    settings.write_text(f"data_dir: {folder / 'data'}\nsource: {{url: {source}}}\n")
    once = _through_dagster(settings) if way == "dagster" else _through_steps(settings)
    times: list[float] = []
    for _ in range(rounds + 1):
        started = process_time()
        once()
        times.append(process_time() - started)
    return {"first": times[0], "again": statistics.median(times[1:])}


def _through_steps(settings: Path) -> Callable[[], Any]:
    from pipeline.settings import load_settings
    from pipeline.steps.project import Project
    from pipeline.steps.run import run

    return lambda: run(Project(load_settings(settings)), [SLUG])


def _through_dagster(settings: Path) -> Callable[[], Any]:
    import dagster as dg

    from pipeline.automation import JOB_NAME, PARTITIONS
    from pipeline.definitions import build_defs
    from resources.bucket import BucketResource
    from resources.project import ProjectResource

    resources = {"project": ProjectResource(settings_file=str(settings), bucket=BucketResource())}
    job = build_defs(resource_overrides=resources).resolve_job_def(JOB_NAME)
    instance = dg.DagsterInstance.get()
    instance.add_dynamic_partitions(PARTITIONS, [SLUG])
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return lambda: job.execute_in_process(instance=instance, partition_key=SLUG, run_config=quiet)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--through", choices=["dagster", "steps"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.through:
        print(json.dumps(measure(options.through, options.folder, options.rounds)))
    else:
        show(rows(options.rounds), options.json)


if __name__ == "__main__":
    main()
