"""`image-cluster dev`: the Dagster web UI and daemon as two processes that start and stop together.

What belongs here: starting and stopping. Not here: what they serve (`definitions.py`). Dagster is not imported.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from pipeline.dagster_home import dagster_environment
from pipeline.errors import ImageClusterError

WORKSPACE = "workspace.yaml"


def start(host: str, port: int, home: Path | None = None) -> int:
    """Run both until one of them ends or Ctrl-C; returns the exit code.

    Raises `ImageClusterError` where there is no workspace.yaml, which a checkout of the project has.
    """
    folder = (home or Path.cwd()).resolve()
    if not (folder / WORKSPACE).exists():
        raise ImageClusterError(f"There is no {WORKSPACE} in {folder}. Run this in the folder of the project.")
    environment = dagster_environment(folder)
    bin_folder = Path(sys.executable).parent
    commands = [
        [str(bin_folder / "dagster-webserver"), "-h", host, "-p", str(port), "-w", WORKSPACE],
        [str(bin_folder / "dagster-daemon"), "run", "-w", WORKSPACE],
    ]
    click.echo(f"Dagster is starting on http://{host}:{port} (Ctrl-C stops it) …", err=True)
    children = [subprocess.Popen(command, cwd=folder, env=environment) for command in commands]
    try:
        while all(child.poll() is None for child in children):
            time.sleep(0.5)
    except KeyboardInterrupt:
        click.echo("Stopping …", err=True)
        return 0
    finally:
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        for child in children:
            child.wait(timeout=30)
    return next((code for child in children if (code := child.returncode)), 0)
