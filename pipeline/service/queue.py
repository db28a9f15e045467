"""The queue: uploads and notifications wait in a table until their category is ingested again.

What belongs here: the rows, and the thread that works them off: list the category, read and embed new images, refresh
the index. Clusters wait for the next run. Not here: uploads (`uploads.py`), the steps (`steps/`).

A row is done only if its category was ingested after the row was added. So a killed service loses nothing: its rows in
work wait again. All items of a category are processed together.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from time import time
from typing import Any

import polars as pl
from sqlalchemy import func, insert, select, update

from pipeline.errors import ImageClusterError, PermanentError
from pipeline.service.database import ServiceDatabase, queue_table
from pipeline.settings import ServiceParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.project import Project

LOOK_SECONDS = 1.0
LONGEST_BACK_OFF = 600.0
LONGEST_WAIT = 3600.0  # the largest queue_seconds
Row = dict[str, Any]


class Queue:
    """The queue of one data directory. `refreshed(slug)` is called after a category was ingested."""

    def __init__(
        self,
        database: ServiceDatabase,
        params: ServiceParams,
        project: Project,
        refreshed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database, self._params, self._project, self._refreshed = database, params, project, refreshed
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._drain, name="queue", daemon=True)

    def start(self) -> None:
        """Start working. Rows that were in work when the last service ended wait again."""
        with self._database.begin() as connection:
            again = update(queue_table).where(queue_table.c.state == "working").values(state="waiting")
            connection.execute(again)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the current category, waiting a few seconds at most; the rest stays in the table."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def add(self, items: Iterable[tuple[str, str]], source: str) -> list[int]:
        """Queue (slug, key) pairs and return their numbers. They are stored when this returns."""
        now = time()
        with self._database.begin() as connection:
            numbers = [
                int((connection.execute(insert(queue_table).values(
                    slug=slug, key=key, source=source, state="waiting", added_at=now, not_before=now, attempts=0,
                )).inserted_primary_key or (0,))[0])
                for slug, key in items
            ]  # fmt: skip
        self._wake.set()
        return numbers

    def items(self, limit: int, states: Sequence[str] = ()) -> list[Row]:
        """The last `limit` items, the newest first."""
        query = select(queue_table).order_by(queue_table.c.id.desc()).limit(limit)
        if states:
            query = query.where(queue_table.c.state.in_(states))
        with self._database.begin() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def counts(self) -> dict[str, int]:
        """State → number of items."""
        query = select(queue_table.c.state, func.count()).group_by(queue_table.c.state)
        with self._database.begin() as connection:
            return {"waiting": 0, "working": 0, "done": 0, "failed": 0} | {
                str(state): int(number) for state, number in connection.execute(query)
            }

    def work_off(self) -> bool:
        """Process one category that has waited long enough; returns whether there was one."""
        taken = self._take()
        if taken is None:
            return False
        slug, numbers = taken
        try:
            outcome = self._read(slug)
        except ImageClusterError as error:
            self._put_back(numbers, str(error), final=isinstance(error, PermanentError))
        except Exception as error:  # a bug with one picture must not stop the queue for all others
            logging.getLogger(__name__).exception("The queue failed on category %s", slug)
            self._put_back(numbers, f"{type(error).__name__}: {error}", final=False)
        else:
            self._finish(numbers, outcome)
        self._refreshed(slug)
        return True

    def _drain(self) -> None:
        while not self._stop.is_set():
            worked = False
            try:
                worked = self.work_off()
            except Exception:  # the table itself could not be reached: a full disk, a lock
                logging.getLogger(__name__).exception("The queue could not be reached; trying again")
            if not worked:
                self._wake.wait(LOOK_SECONDS)
                self._wake.clear()

    def _take(self) -> tuple[str, list[int]] | None:
        """Mark the items of the category that has waited longest as in work; its slug and their numbers."""
        now = time()
        waiting = queue_table.c.state == "waiting"
        with self._database.begin() as connection:
            due = connection.execute(
                select(queue_table.c.slug).where(waiting, _over(queue_table.c.not_before, now, LONGEST_BACK_OFF))
                .group_by(queue_table.c.slug)
                .having(_over(func.min(queue_table.c.added_at) + self._params.queue_seconds, now, LONGEST_WAIT))
                .order_by(func.min(queue_table.c.added_at)).limit(1)
            ).first()  # fmt: skip
            if due is None:
                return None
            here = waiting & (queue_table.c.slug == due.slug)
            numbers = list(connection.scalars(select(queue_table.c.id).where(here)))
            connection.execute(
                update(queue_table).where(here).values(state="working", attempts=queue_table.c.attempts + 1)
            )
        return due.slug, numbers

    def _read(self, slug: str) -> dict[str, str]:
        """List, read, embed and index; returns the result of each key."""
        from pipeline.steps.categories import categories
        from pipeline.steps.ingest import ingest
        from pipeline.steps.live_library import writing
        from pipeline.steps.manifest import manifest
        from pipeline.steps.similarity import similarity

        if slug not in categories(self._project):
            raise PermanentError(f"The bucket holds no category {slug} any more.")
        with writing(self._project):
            manifest(self._project, slug)
            ingest(self._project, slug)
            similarity(self._project, slug)
        images = self._project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["key", "status", "reason"])
        outcome = pl.when(pl.col("status") == "ok").then(pl.lit("searchable")).otherwise(
            pl.col("status") + ": " + pl.col("reason").fill_null("")
        )  # fmt: skip
        return dict(images.select("key", outcome.alias("said")).iter_rows())

    def _finish(self, numbers: list[int], outcome: dict[str, str]) -> None:
        gone = "not one of the images of its category: removed, another width, or left out"
        with self._database.begin() as connection:
            rows = connection.execute(
                select(queue_table.c.id, queue_table.c.key).where(queue_table.c.id.in_(numbers))
            ).all()
            for row in rows:
                connection.execute(
                    update(queue_table).where(queue_table.c.id == row.id)
                    .values(state="done", ended_at=time(), message=outcome.get(row.key, gone))
                )  # fmt: skip

    def _put_back(self, numbers: list[int], error: str, *, final: bool) -> None:
        with self._database.begin() as connection:
            rows = connection.execute(
                select(queue_table.c.id, queue_table.c.attempts).where(queue_table.c.id.in_(numbers))
            ).all()
            for row in rows:
                over = final or row.attempts >= self._params.queue_attempts
                wait = min(LONGEST_BACK_OFF, 2.0**row.attempts)
                values = {"state": "failed", "ended_at": time()} if over else {
                    "state": "waiting", "not_before": time() + wait}  # fmt: skip
                connection.execute(
                    update(queue_table).where(queue_table.c.id == row.id).values(message=error, **values)
                )


def _over(moment: Any, now: float, longest: float) -> Any:
    """Whether a moment is over; one that is further ahead than anything may wait was written before the clock was set
    back."""
    return (moment <= now) | (moment > now + longest)
