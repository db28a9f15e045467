"""Runs: rows in a table, each executed by a separate process or by Dagster.

What belongs here: starting, following and cancelling runs, and the fate of a run whose server died. Not here: the work
(`worker.py`), the files of a run (`run_folder.py`), talking to Dagster (`dagster_client.py`), HTTP (`routes/runs.py`).

A worker has its own session, so it outlives the service; a restarted service follows it again. A run whose process
disappeared without a result is marked as died.
"""

import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from time import time
from typing import Any, Literal

from sqlalchemy import insert, select, update

from pipeline.errors import ImageClusterError
from pipeline.service.dagster_client import DagsterClient
from pipeline.service.database import ServiceDatabase, run_table
from pipeline.service.options import EVENTS_VARIABLE, TOKEN_VARIABLE
from pipeline.service.problems import Problem, unknown
from pipeline.service.run_folder import RunFolder
from pipeline.settings import Settings
from pipeline.steps.decided import sets_granularity

LOOK_SECONDS = 0.3
DAGSTER_SECONDS = 2.0
IDLE_SECONDS = 5.0
ALL = 10_000
GRACE_SECONDS = 15.0  # from its start until a worker must hold its lock
OPEN = ("queued", "running")
Row = dict[str, Any]
Comparing = Literal["tuning", "encoders"]


class Runs:
    """The runs of one data directory; a thread follows those that have not ended."""

    def __init__(self, settings: Settings, database: ServiceDatabase, folder: Path) -> None:
        self._settings, self._database, self._folders = settings, database, folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._offsets: dict[str, int] = {}
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="runs", daemon=True)
        url = settings.service.dagster_url
        self._dagster = DagsterClient(url) if url else None
        self._dagster_checked_at = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[Row]:
        """Stop following; returns the runs that continue by themselves."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        return [row for row in self.last(100) if row["state"] == "running"]

    def launch(
        self, category: str, slug: str, changed: dict[str, Any], settings: Settings, *, kind: str = "pipeline"
    ) -> Row:
        """Start a run of a category; `changed` are settings that differ from the service's. Raises `Problem`.

        `kind`: pipeline for every step, clustering for those after reading. Dagster always runs its whole job.
        """
        if self._dagster is not None:
            if changed:
                raise Problem(
                    422, "settings-belong-to-dagster", "Runs are launched in Dagster, which has its own settings "
                    "file. Leave settings out, or change them there.",
                )  # fmt: skip
            elsewhere = self._dagster.launch(slug)
            row = self._row("dagster", category, slug, {}) | {"state": "running", "started_at": time()}
            return self._add(row | {"elsewhere": elsewhere})
        waiting = [run for run in self.last(1000) if run["state"] == "queued" and run["slug"] == slug]
        same = next((run for run in waiting if (run["kind"], run["settings"]) == (kind, changed)), None)
        if same is not None:
            return same  # it has not begun, so it will see the same images
        further = {"granularity_given": sets_granularity(changed.get("labels", {}))}
        return self._launch_here(kind, category, slug, settings, changed, further)

    def launch_all(self, settings: Settings) -> Row:
        """Start a run of every category of the source, or return the one that goes on."""
        open_runs = [run for run in self.last(1000, OPEN) if run["kind"] == "pipeline" and run["slug"] is None]
        if open_runs:
            return open_runs[0]
        row = self._row("pipeline", None, None, {})
        self._folder(row).write_job(
            {"kind": "pipeline", "categories": [], "settings": settings.model_dump(mode="json")}
        )
        return self._add(row)

    def launch_comparison(
        self, kind: Comparing, category: str, slug: str, settings: Settings, further: dict[str, Any]
    ) -> Row:
        """Compare granularities or encoders of a category; changes no cluster.

        `further`: values for the worker. If such a run has not ended yet, that one is returned.
        """
        open_runs = [run for run in self.last(1000, OPEN) if run["slug"] == slug and run["kind"] == kind]
        return open_runs[0] if open_runs else self._launch_here(kind, category, slug, settings, {}, further)

    def _launch_here(
        self, kind: str, category: str, slug: str, settings: Settings, changed: dict[str, Any], further: dict[str, Any]
    ) -> Row:
        row = self._row(kind, category, slug, changed)
        job = {"kind": kind, "categories": [category], "slug": slug, "settings": settings.model_dump(mode="json")}
        self._folder(row).write_job(job | further)
        return self._add(row)

    def launch_vectors(self, arrays: bytes, parameters: dict[str, Any]) -> Row:
        """Cluster posted vectors in a separate process; `arrays` is the .npz that it reads."""
        row = self._row("vectors", None, None, parameters)
        folder = self._folder(row)
        folder.write_job({"kind": "vectors", "parameters": parameters})
        folder.vectors.write_bytes(arrays)
        return self._add(row)

    def get(self, run_id: str) -> Row:
        """One run. Raises `Problem` 404 with the nearest."""
        with self._database.begin() as connection:
            row = connection.execute(select(run_table).where(run_table.c.id == run_id)).mappings().first()
            if row is not None:
                return dict(row)
            ids = connection.scalars(select(run_table.c.id).order_by(run_table.c.created_at.desc()).limit(1000))
            raise unknown("run", run_id, list(ids))

    def last(self, limit: int, states: Sequence[str] = ()) -> list[Row]:
        """The last `limit` runs, the newest first."""
        query = select(run_table).order_by(run_table.c.created_at.desc()).limit(limit)
        if states:
            query = query.where(run_table.c.state.in_(states))
        with self._database.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def result(self, run_id: str) -> bytes:
        """The result of a run as JSON. Raises `Problem` if there is none."""
        row = self.get(run_id)
        path = self._folder(row).result
        if row["state"] != "succeeded" or not path.exists():
            raise Problem(409, "no-result", f"The run {run_id} is {row['state']} and has no result.")
        return path.read_bytes()

    def cancel(self, run_id: str) -> Row:
        """Ask a run to stop; finished work is kept. Raises `Problem` if it has already ended."""
        row = self.get(run_id)
        if row["state"] not in OPEN:
            raise Problem(409, "run-has-ended", f"The run {run_id} has ended already: {row['state']}.")
        if row["kind"] == "dagster":
            if self._dagster is not None:
                self._dagster.terminate(row["elsewhere"])
        elif row["state"] == "queued":
            self._change(run_id, state="cancelled", ended_at=time())
        elif row["pid"] is not None and self._alive(row):
            os.kill(row["pid"], signal.SIGINT)
        return self.get(run_id)

    def lines(self, run_id: str, offset: int) -> tuple[list[tuple[int, dict[str, Any]]], int]:
        """Progress lines after byte `offset`, each with the offset after it; and the last such offset."""
        return RunFolder(self._folders / run_id).lines(offset)

    def _folder(self, row: Row) -> RunFolder:
        return RunFolder(self._folders / row["id"])

    def _row(self, kind: str, category: str | None, slug: str | None, settings: dict[str, Any]) -> Row:
        row: Row = dict.fromkeys(run_table.c.keys())
        return row | {"id": secrets.token_hex(8), "kind": kind, "category": category, "slug": slug,
                      "state": "queued", "created_at": time(), "settings": settings}  # fmt: skip

    def _add(self, row: Row) -> Row:
        with self._database.begin() as connection:
            connection.execute(insert(run_table).values(row))
        self._wake.set()
        return row

    def _change(self, run_id: str, **values: Any) -> None:
        with self._database.begin() as connection:
            connection.execute(update(run_table).where(run_table.c.id == run_id).values(values))

    def _follow(self) -> None:
        while not self._stop.is_set():
            busy = True
            try:
                busy = self._check_runs()
            except Exception:  # one failed look, as on a full disk, must not end this thread
                logging.getLogger(__name__).exception("Could not check the runs; trying again")
            self._wake.wait(LOOK_SECONDS if busy else IDLE_SECONDS)
            self._wake.clear()

    def _check_runs(self) -> bool:
        """Follow running runs and start waiting ones; returns whether any is left."""
        for row in self.last(ALL, ["running"]):
            self._check_run(row)
        running, queued = self.last(ALL, ["running"]), self.last(ALL, ["queued"])
        free = self._settings.service.concurrent_runs - sum(row["kind"] != "dagster" for row in running)
        for row in queued[::-1][: max(0, free)]:
            self._begin(row)
        return bool(running or queued)

    def _begin(self, row: Row) -> None:
        folder = self._folder(row)
        secret = (TOKEN_VARIABLE, EVENTS_VARIABLE)
        environment = {name: value for name, value in os.environ.items() if name not in secret}
        with folder.open_log() as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "pipeline.service.worker", str(folder.path.resolve())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True,
            )  # fmt: skip
        self._children[row["id"]] = child
        self._change(row["id"], state="running", started_at=time(), pid=child.pid)

    def _check_run(self, row: Row) -> None:
        if row["kind"] == "dagster":
            self._check_dagster_run(row)
            return
        alive = self._alive(row)  # checked before reading, so that the lines include its last words
        events, self._offsets[row["id"]] = self.lines(row["id"], self._offsets.get(row["id"], 0))
        changes: Row = {}
        for _, line in events:
            changes |= _change_of(line)
        if not alive and "state" not in changes:
            changes |= {"state": "died", "error": _without_a_message(self._folder(row).log_tail())}
        if changes.get("state"):
            changes["ended_at"] = time()
            self._children.pop(row["id"], None)
            if changes["state"] == "succeeded" and row["kind"] != "vectors":
                changes["result"] = json.loads(self._folder(row).result.read_bytes())
        if changes:
            self._change(row["id"], **changes)

    def _alive(self, row: Row) -> bool:
        child = self._children.get(row["id"])
        if child is not None:
            return child.poll() is None
        if self._folder(row).is_locked():
            return True
        return time() - (row["started_at"] or 0) < GRACE_SECONDS and _process_exists(row["pid"])

    def _check_dagster_run(self, row: Row) -> None:
        if self._dagster is None or time() - self._dagster_checked_at < DAGSTER_SECONDS:
            return
        self._dagster_checked_at = time()
        try:
            state, phase, done, total = self._dagster.status(row["elsewhere"])
        except ImageClusterError as error:
            self._change(row["id"], message=str(error))
            return
        ended = {"ended_at": time()} if state not in OPEN else {}
        self._change(row["id"], state=state, phase=phase, done=done, total=total, **ended)


def _change_of(line: dict[str, Any]) -> Row:
    match line["event"]:
        case "progress":
            return {"phase": line["phase"], "done": line["done"], "total": line["total"]}
        case "notice":
            return {"message": line["text"]}
        case "done":
            return {"state": "succeeded"}
        case "cancelled":
            return {"state": "cancelled"}
        case "failed":
            return {"state": "failed", "error": line["error"]}
        case _:
            return {}


def _without_a_message(log: str) -> str:
    return f"The process ended without a message. Finished work is kept: run again. {log}".strip()


def _process_exists(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
