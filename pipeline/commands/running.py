"""The commands that read images and make clusters: run and its parts, and download.

What belongs here: arguments, and which steps a command calls. Not here: the steps (`steps/`), publishing with its
candidates and history (`publishing.py`).
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import (
    category_options,
    clustering_options,
    console_of,
    encoding_options,
    log_options,
    print_each,
    reading_options,
    source_options,
    stored_slugs,
    where_options,
    with_project,
)
from pipeline.commands.publishing import stop_where_held
from pipeline.storage.layout import PAGE, Layout

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command()
@source_options
@category_options
@reading_options
@encoding_options
@clustering_options
@log_options
@where_options
@with_project("write")
def run(project: "Project", categories: tuple[str, ...], sample: int | None, as_json: bool) -> None:
    """Run everything: list, read, embed, cluster, publish.

    SOURCE is a folder, s3://bucket/prefix or r2://bucket/prefix; by default the one in the settings. Run it again to
    update the result: only new images are read.

    \b
    Examples:
      image-cluster run ./photos
      image-cluster run ./photos --category bollards --min-cluster-size 3 --json | jq .[0].clusters
      image-cluster run s3://my-bucket/images --sample 100 --encoder open_clip:ViT-B-32/laion2b_s34b_b79k
      image-cluster run --log-format json 2>> run.log
    """
    from pipeline.console import print_json, print_summary
    from pipeline.demo.own_data import require_no_demo
    from pipeline.steps.each import raise_failures
    from pipeline.steps.run import run as run_steps

    require_no_demo(project.settings.data_dir, project.settings.source.url)
    done = run_steps(project, categories, sample=sample)
    summaries = done.summaries()
    console_of(project).close()
    if as_json:
        print_json(summaries)
    elif done.finished:
        for summary in summaries:
            print_summary(summary, project.where)
    if any(not category_run.nothing_new for category_run in done.finished):
        project.talk.notice(f"\nLook at the clusters and name them: image-cluster serve --open{project.where}")
    stop_where_held([category_run.published for category_run in done.finished], done.failures)
    raise_failures(done.failures, len(done.finished))


@click.command()
@source_options
@category_options
@reading_options
@encoding_options
@where_options
@with_project("write")
def embed(project: "Project", categories: tuple[str, ...], sample: int | None, as_json: bool) -> None:
    """List, read and embed images; stop before clustering.

    \b
    Example:
      image-cluster embed ./photos --encoder packaged:efficientnet_lite2
    """
    from pipeline.demo.own_data import require_no_demo
    from pipeline.steps.categories import select_categories
    from pipeline.steps.ingest import ingest
    from pipeline.steps.manifest import manifest

    require_no_demo(project.settings.data_dir, project.settings.source.url)
    print_each(
        project, select_categories(project, categories),
        lambda slug: [manifest(project, slug, sample=sample), *ingest(project, slug)], as_json=as_json,
    )  # fmt: skip


@click.command()
@category_options
@clustering_options
@where_options
@with_project("write")
def cluster(project: "Project", categories: tuple[str, ...], as_json: bool) -> None:
    """Cluster the embedded images: reduce, cluster, match ids, choose representatives. Reads no image.

    \b
    Example:
      image-cluster cluster --category bollards --clusterer kmeans --clusters 12
    """
    from pipeline.steps.run import CLUSTER_STEPS

    print_each(
        project, stored_slugs(project, categories), lambda slug: [step(project, slug) for step in CLUSTER_STEPS],
        as_json=as_json,
    )  # fmt: skip


@click.command()
@category_options
@where_options
@with_project("write")
def visualize(project: "Project", categories: tuple[str, ...], as_json: bool) -> None:
    """Publish the stored clusters (clusters.json, clusters.html and their companions) and print the path.

    \b
    Example:
      open "$(image-cluster visualize --category bollards)"
    """
    from pipeline.console import print_json
    from pipeline.steps.each import each_category, raise_failures
    from pipeline.steps.publish import publish as publish_step

    slugs = stored_slugs(project, categories)
    reports, failures = each_category(project, slugs, lambda slug: publish_step(project, slug))
    if as_json:
        print_json([{"category": report.category, **report.counts, "folder": str(report.path)} for report in reports])
    for report in reports:
        if not as_json and report.path is not None:
            click.echo(str(report.held.page if report.held else report.path / PAGE))
    stop_where_held(reports, failures)
    raise_failures(failures, len(reports))


@click.command()
@source_options
@category_options
@reading_options
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Folder to copy into. [OUT/originals]")
@where_options
@with_project("none")
def download(
    project: "Project", categories: tuple[str, ...], sample: int | None, to: Path | None, as_json: bool
) -> None:
    """Copy the chosen variant of each image into a folder, in the bucket's own layout.

    \b
    Examples:
      image-cluster download r2://my-bucket --endpoint-url URL --category bollards --sample 20
      image-cluster run data/originals
    """
    from pipeline.console import print_json, print_rows
    from pipeline.steps.download import download as copy

    rows = copy(project, categories, to or Layout(project.settings.data_dir).originals, sample=sample)
    (print_json if as_json else print_rows)(rows)
