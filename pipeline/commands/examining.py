"""The commands that look and change nothing: check, settings and sql.

What belongs here: arguments and output. Not here: what is tested (`steps/check.py`), the text of a settings file
(`settings_text.py`), the tables (`storage/views.py`), the health of a stored library (`doctor.py`).
"""

import sys
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import (
    category_options,
    encoding_options,
    examined_source_options,
    where_options,
    with_project,
)

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command()
@examined_source_options
@category_options
@encoding_options
@where_options
@with_project("none")
def check(project: "Project", categories: tuple[str, ...], as_json: bool) -> None:
    """Test settings, bucket and encoder, and say what a run would do. Changes nothing.

    \b
    Examples:
      image-cluster check
      image-cluster check r2://my-bucket --endpoint-url https://ACCOUNT_ID.r2.cloudflarestorage.com
    """
    from pipeline.console import print_json, tell
    from pipeline.steps.check import check as examine

    findings = list(examine(project, categories))
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            tell(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}: {finding.text}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@click.command("settings")
def show_settings() -> None:
    """Print a settings file with every setting, its default, meaning and bounds.

    \b
    Example:
      image-cluster settings > image-cluster.yaml
    """
    from pipeline.settings_text import settings_text

    click.echo(settings_text(), nl=False)


@click.command()
@click.argument("query")
@where_options
@with_project("read")
def sql(project: "Project", query: str, as_json: bool) -> None:
    """Query the stored tables with SQL (DuckDB, read-only).

    Tables: image_manifest, images, duplicates, signatures, reduced, labels, suggestions, clusters, members, families,
    cluster_summaries, representatives, tuning.

    \b
    Example:
      image-cluster sql 'SELECT "group", count(*) FROM images GROUP BY ALL ORDER BY 2 DESC'
    """
    from pipeline.console import print_json, print_rows
    from pipeline.storage.views import query as ask

    rows = ask(project.store, query)
    (print_json if as_json else print_rows)(rows)
