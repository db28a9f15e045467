"""What all assets share: the partitions, the owners, and the metadata of a report in the Dagster UI.

What belongs here: partitions, retry policy, metadata of definitions and materializations, and turning our errors into
Dagster's. Not here: any asset (the file of its name), the machinery of checks (`checks.py`), run configuration
(`overrides.py`), opening the project (`resources/project.py`).
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import polars as pl

from pipeline.errors import PermanentError, TransientError
from pipeline.steps.project import Report

# An image is a row, never a partition: Dagster slows down beyond some 10,000 keys; a library has tens of categories.
CATEGORY = dg.DynamicPartitionsDefinition(name="category")
OWNERS = ["team:image-library"]
# one group for all: with several, the web UI folds them, and the lineage opens as four grey boxes
GROUP = "image_types"
# A busy server is tried again after 10, 20 and 40 s. The ops have no retry policy: it would repeat every failure, bugs
# included, and show a traceback only after more than a minute.
RETRIES = 3
FIRST_WAIT = 10.0  # seconds
SAMPLE = 10  # rows of a table that are shown; the file at `path` has all of them
LONGEST_CELL = 80
UNCHANGED = "unchanged"  # the state of a materialization begins with this if there was nothing to do


@contextmanager
def expected_errors(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext,
) -> Generator[None]:
    """Turn an error that people can act on into a one-line failure of the step.

    A permanent error ends the step at once, a transient one after `RETRIES` further tries; a bug passes through. The
    cause is dropped (`from None`): the text says what to do, and the cause may quote a request.
    """
    try:
        yield
    except PermanentError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    except TransientError as error:
        op = context if isinstance(context, dg.OpExecutionContext) else context.op_execution_context
        tried = op.retry_number
        if tried >= RETRIES:
            raise dg.Failure(description=f"{error} Tried {tried + 1} times.", allow_retries=False) from None
        context.log.warning(str(error))
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=FIRST_WAIT * 2**tried) from None


def materialized(report: Report, **more: dg.MetadataValue) -> dg.MaterializeResult[Any]:
    """A step's report as a materialization; `more` comes first in the UI."""
    return dg.MaterializeResult(
        metadata={**more, **report_metadata(report)}, data_version=dg.DataVersion(report.data_version)
    )


def report_metadata(report: Report) -> dict[str, dg.MetadataValue]:
    """About twenty small typed values at most: the event log keeps them for good and is never pruned."""
    values: dict[str, dg.MetadataValue] = {"state": dg.MetadataValue.text(_state(report))}
    values |= {name: dg.MetadataValue.int(number) for name, number in report.counts.items()}
    values["seconds"] = dg.MetadataValue.float(round(report.seconds, 3))
    for name in ("bytes", "images_per_second"):
        number = report.facts.get(name)
        if number is not None:
            values[name] = dg.MetadataValue.float(number) if isinstance(number, float) else dg.MetadataValue.int(number)
    if report.effective:
        values["effective"] = dg.MetadataValue.json(report.effective)
    if report.sample:
        values["examples"] = dg.MetadataValue.md(markdown_table(report.sample))
    if report.path is not None:
        values["path"] = dg.MetadataValue.path(str(report.path))
    return values


def markdown_table(rows: list[dict[str, Any]], most: int = SAMPLE) -> str:
    """The first rows as a Markdown table, and the number of the rest."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row.get(name)) for name in names)} |" for row in rows[:most]]
    if len(rows) > most:
        lines += ["", f"and {len(rows) - most} more"]
    return "\n".join(lines)


# Columns that mean the same in every table.
COLUMN_TEXTS = {
    "cluster_id": "lasting id of the cluster; never given twice",
    "content_hash": "hash of the image's bytes; empty if they were never read",
    "etag": "the bucket's version of the object",
    "group": "folder or country of the image, within its category",
    "identifier": "name of the image within its group, the same for all its widths",
    "image_id": "lasting id of the image, from its category, group and identifier",
    "key": "path of the object in the bucket or folder",
    "raw_group": "number of the cluster since the last full clustering; empty where none fits",
    "reason": "why the image does not count; empty where it does",
    "size": "bytes of the object",
}


def columns(schema: pl.Schema, descriptions: Mapping[str, str] | None = None) -> dict[str, dg.TableSchema]:
    """The metadata for the Columns tab of the UI, from the stage's own schema."""
    texts = {**COLUMN_TEXTS, **(descriptions or {})}
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[dg.TableColumn(name, str(kind), texts.get(name)) for name, kind in schema.items()]
        )
    }


def _state(report: Report) -> str:
    if not report.unchanged:
        return "updated"
    counted = [report.counts[name] for name in ("reused", "images", "vectors", "clusters") if name in report.counts]
    reused = counted[0] if counted else 0
    return f"{UNCHANGED}: nothing new, {reused:,} reused"


def _cell(value: object) -> str:
    text = "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
