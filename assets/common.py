"""What every asset shares: the partitions, the owners, and how a step's report becomes what the Dagster UI shows.

What belongs here: partitions, retry policy, metadata of definitions and materializations, and the one place where our
errors become Dagster's. Not here: any asset (the file of its name), checks' machinery (`checks.py`), run configuration
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
# one group for all: the web UI folds groups when there are several, and the lineage would open as four grey boxes
GROUP = "image_types"
# A server that is busy is asked again after 10, 20 and 40 s. No retry policy on the ops: it would run every failure
# again, bugs included, and a traceback would show after more than a minute.
RETRIES = 3
FIRST_WAIT = 10.0  # seconds
SAMPLE = 10  # rows of a table that are shown; the whole of it is in the file that `path` names
LONGEST_CELL = 80
UNCHANGED = "unchanged"  # what the state of a materialization begins with where there was nothing to do


@contextmanager
def expected_errors(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext | dg.OpExecutionContext,
) -> Generator[None]:
    """Turn trouble that people can do something about into a one-line failure of the step.

    Permanent trouble ends the step at once, transient trouble after `RETRIES` further tries; a bug is left alone. The
    cause is cut off (`from None`): the text says what to do, and what lies below it may quote a request.
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
    """What a step's report looks like in the UI; `more`, what people come to see, stands first."""
    return dg.MaterializeResult(
        metadata={**more, **report_metadata(report)}, data_version=dg.DataVersion(report.data_version)
    )


def report_metadata(report: Report) -> dict[str, dg.MetadataValue]:
    """At most about twenty small typed values: the event log keeps them for good and is never pruned."""
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
    """The first rows as a Markdown table, saying how many were left out."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    lines += [f"| {' | '.join(_cell(row.get(name)) for name in names)} |" for row in rows[:most]]
    if len(rows) > most:
        lines += ["", f"and {len(rows) - most} more"]
    return "\n".join(lines)


def columns(schema: pl.Schema, descriptions: Mapping[str, str] | None = None) -> dict[str, dg.TableSchema]:
    """The metadata that fills the UI's Columns tab, from the schema that the stage itself declares."""
    said = descriptions or {}
    return {
        "dagster/column_schema": dg.TableSchema(
            columns=[dg.TableColumn(name, str(kind), said.get(name)) for name, kind in schema.items()]
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
