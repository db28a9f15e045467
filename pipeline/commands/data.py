"""The command `data`: copy a whole library to a bucket and back.

What belongs here: arguments and output. Not here: the work (`steps/data_copy.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import CONTEXT, endpoint_option, options, settings_and_output_options, with_project
from pipeline.commands.process import Group

if TYPE_CHECKING:
    from pipeline.steps.project import Project

_BUCKET = ("s3://", "r2://")
_copy_options = options(endpoint_option, settings_and_output_options)


@click.group(cls=Group, context_settings=CONTEXT)
def data() -> None:
    """Keep a whole library in a bucket: results, names and published files, but no originals.

    A machine that keeps no disk between two nights copies the library in, runs, and copies it out again. Only what
    changed is copied. Two machines cannot overwrite each other's work.

    \b
    Examples:
      image-cluster data copy data s3://my-bucket/library
      image-cluster data copy s3://my-bucket/library data
      image-cluster data list s3://my-bucket/library
    """


@data.command("copy")
@click.argument("origin", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--snapshot", help="This copy in the bucket instead of the newest; see `data list`.")
@click.option(
    "--replace", "drop", is_flag=True, help="Also if TO has something that FROM lacks, which is dropped, or is damaged."
)
@_copy_options
def copy(origin: str, target: str, **given: Any) -> None:
    """Copy a data directory to a bucket, or a copy from a bucket into a data directory.

    One of FROM and TO is a data directory, the other s3://bucket/prefix or r2://bucket/prefix. Every file is verified
    by its digest. Stop it with Ctrl-C, and the same command goes on. Waits for runs of the library to end.

    \b
    Examples:
      image-cluster data copy data r2://my-bucket/library --endpoint-url https://ACCOUNT_ID.r2.cloudflarestorage.com
      image-cluster data copy s3://my-bucket/library data && image-cluster run && \\
          image-cluster data copy data s3://my-bucket/library
      image-cluster data copy s3://my-bucket/library ./last-week --snapshot 20261121T020000Z-1f0c9a5be2d3c4b1
    """
    out = target.startswith(_BUCKET)
    if out == origin.startswith(_BUCKET):
        raise click.UsageError("One of FROM and TO must be a bucket (s3://… or r2://…), the other a data directory.")
    folder, url = (origin, target) if out else (target, origin)
    if given["snapshot"] == "":
        raise click.UsageError("--snapshot is empty. Name a copy as `data list` shows it, or leave the option out.")
    if out and given["snapshot"]:
        raise click.UsageError("--snapshot names a copy in a bucket, so FROM must be the bucket.")
    if out and not Path(folder).is_dir():
        raise click.UsageError(f"There is no data directory {folder}.")
    _copy(out=Path(folder), url=url, into_bucket=out, **given)


@with_project("none")
def _copy(project: "Project", url: str, *, into_bucket: bool, snapshot: str | None, drop: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from pipeline.console import print_json
    from pipeline.steps.data_copy import copy_in, copy_out

    url = url.rstrip("/")
    done = copy_out(project, url, drop=drop) if into_bucket else copy_in(project, url, name=snapshot, drop=drop)
    if as_json:
        print_json({**asdict(done), "directory": str(project.settings.data_dir)})
    else:
        click.echo(f"{done.moved:,} of {done.files:,} files copied, {done.moved_size / 1e6:,.1f} of "
                   f"{done.size / 1e6:,.1f} MB; snapshot {done.snapshot}")  # fmt: skip


@data.command("list")
@click.argument("url", metavar="BUCKET")
@_copy_options
def show_copies(url: str, **given: Any) -> None:
    """List the copies in a bucket, newest first: time, files, size and decisions.

    The ten newest and those of the last seven days are kept.

    \b
    Example:
      image-cluster data list s3://my-bucket/library
    """
    _list(url=url, **given)


@with_project("none")
def _list(project: "Project", url: str, as_json: bool) -> None:
    from dataclasses import asdict

    from pipeline.console import print_json
    from pipeline.steps.stored_copies import list_copies

    copies = list_copies(project, url.rstrip("/"))
    if as_json:
        print_json([asdict(stored) for stored in copies])
        return
    if not copies:
        click.echo(f"There is no library in {url}.", err=True)
    for stored in copies:
        click.echo(f"{stored.snapshot}  {stored.at}  {stored.files:>9,} files  {stored.size / 1e6:>10,.1f} MB  "
                   f"{stored.decisions:>7,} decisions")  # fmt: skip
