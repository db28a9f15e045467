"""The `image-cluster` command: the same steps as the assets, data on stdout and notices on stderr.

What belongs here: arguments, and which step a command calls. Not here: computing (`steps/`), groups of commands such as
`clusters`, `tune` and `serve` (`commands/`), Dagster, which `dev` and `demo` start as a separate process. Heavy modules
are imported inside the command that needs them.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.adopting import adopt
from pipeline.commands.agent import mcp
from pipeline.commands.clusters import clusters
from pipeline.commands.common import (
    CONTEXT,
    category_options,
    clustering_options,
    console_of,
    encoding_options,
    examined_source_options,
    log_options,
    print_each,
    reading_options,
    source_options,
    stored_slugs,
    where_options,
    with_project,
)
from pipeline.commands.data import data
from pipeline.commands.deciding import COMMANDS
from pipeline.commands.doctor import doctor
from pipeline.commands.duplicates import duplicates
from pipeline.commands.encoders import encoders
from pipeline.commands.exporting import export
from pipeline.commands.keeping import backup, carry_over, restore
from pipeline.commands.manual import show_help
from pipeline.commands.objects import objects
from pipeline.commands.pairs import pairs
from pipeline.commands.process import Group
from pipeline.commands.publishing import changes, publish, rollback, stop_where_held
from pipeline.commands.serve import serve
from pipeline.commands.tune import tune
from pipeline.storage.layout import PAGE, Layout

if TYPE_CHECKING:
    from pipeline.steps.project import Project


# The commands in the order of `image-cluster --help`.
SECTIONS = {
    "Start": ("run", "serve", "check", "demo", "settings", "help"),
    "Look and decide": ("clusters", "similar", "duplicates", "tune", "pairs", "objects", "changes"),
    "Pass on": ("publish", "rollback", "export", "mcp", "download"),
    "A part of run": ("embed", "cluster", "visualize"),
    "Look after it": ("doctor", "backup", "restore", "carry-over", "data", "encoders", "sql", "dev"),
}


@click.group(cls=Group, context_settings=CONTEXT, sections=SECTIONS)
@click.version_option(package_name="image-cluster")
def main() -> None:
    """Sort a bucket of images into clusters that look alike, with stable ids and names.

    \b
    Examples:
      image-cluster run ./photos --single
      image-cluster serve --open
      image-cluster clusters rename c-7k3m9qwx "White Cylindrical"
      image-cluster similar bollards/de/de-001-800w.webp --top-k 10
      image-cluster run s3://my-bucket/images --category bollards --sample 50
      image-cluster run r2://my-bucket --endpoint-url https://ACCOUNT_ID.r2.cloudflarestorage.com
    """


@main.command()
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
    from pipeline.console import own_command, print_json, print_summary
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
            print_summary(summary)
    if any(not category_run.nothing_new for category_run in done.finished):
        project.talk.notice(f"\nLook at the clusters and name them: {own_command()} serve --open{project.where}")
    stop_where_held([category_run.reports["published"] for category_run in done.finished], done.failures)
    raise_failures(done.failures, len(done.finished))


@main.command()
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


@main.command()
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


@main.command()
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


@main.command()
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
            click.echo(str(report.facts.get("candidate_page", report.path / PAGE)))
    stop_where_held(reports, failures)
    raise_failures(failures, len(reports))


@main.command()
@click.argument("key", required=False)
@click.option("--text", help="Words to look for, alone or added to KEY; for encoders that read words.")
@click.option("--not", "unwanted", multiple=True, help="Words that results should not fit; can be repeated.")
@click.option("--category", help="Category of the image, if its key does not say.")
@click.option("--top-k", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Number of results.")
@click.option("--min-score", type=click.FloatRange(-1, 1), default=-1.0, help="Leave out less similar images.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, the best first.")
@where_options
@with_project("read")
def similar(
    project: "Project", key: str | None, text: str | None, unwanted: tuple[str, ...], category: str | None, top_k: int,
    min_score: float, as_csv: bool, as_json: bool,
) -> None:  # fmt: skip
    """Find the images most similar to KEY: the key or id of a stored image, or an image file.

    With an encoder that reads words (open_clip:…): --text adds words, as in "like this, but red", and --not takes words
    away. Without KEY, the words alone are the query.

    \b
    Examples:
      image-cluster similar bollards/de/de-001-800w.webp --top-k 10
      image-cluster similar ./post.jpg --category bollards | cut -f2
      image-cluster similar bollards/de/de-001-800w.webp --text "red" --not "snow"
      image-cluster similar --text "red and white striped post"
      image-cluster similar ./post.jpg --top-k 500 --csv > ranking.csv
    """
    from pipeline.console import print_csv, print_json, print_rows
    from pipeline.steps.search import find_composed, find_similar

    if key is not None and not text and not unwanted:
        rows = find_similar(project, key, category=category, top_k=top_k, min_score=min_score)
    else:
        rows = find_composed(
            project, key, text=text, unwanted=unwanted, category=category, top_k=top_k, min_score=min_score
        )
    (print_json if as_json else print_csv if as_csv else print_rows)(rows)


@main.command()
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
    from pipeline.console import print_json
    from pipeline.steps.check import check as examine

    findings = list(examine(project, categories))
    if as_json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}: {finding.text}")
    if not all(finding.ok for finding in findings):
        sys.exit(1)


@main.command("settings")
def show_settings() -> None:
    """Print a settings file with every setting, its default, meaning and bounds.

    \b
    Example:
      image-cluster settings > image-cluster.yaml
    """
    from pipeline.settings_text import settings_text

    click.echo(settings_text(), nl=False)


@main.command()
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


@main.command()
@click.option(
    "--library",
    type=click.Choice(["bollards", "stamps", "objects"]),
    default="bollards",
    show_default=True,
    help="bollards: drawn on this machine; stamps: photographs from a Debian package; objects: bollards "
    "as whole pictures and as objects, side by side.",
)
@click.option("--category", "categories", multiple=True, help="Only this category; can be repeated.")
@click.option("--single", is_flag=True, help="Stamps: all folders as one category.")
def demo(library: str, categories: tuple[str, ...], single: bool) -> None:
    """Create a demo library and run the whole pipeline on it with Dagster.

    \b
    Examples:
      image-cluster demo
      image-cluster demo --library stamps --single
      image-cluster demo --library objects
      image-cluster demo --library stamps --category animals
    """
    from pipeline.demo.run import run_demo

    sys.exit(run_demo(library, categories, single=single))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the web UI listens on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Its port.")
def dev(host: str, port: int) -> None:
    """Start the Dagster web UI and daemon for this folder; Ctrl-C stops both.

    \b
    Example:
      image-cluster dev --port 3001
    """
    from pipeline.dev import start

    sys.exit(start(host, port))


main.add_command(backup)
main.add_command(carry_over)
main.add_command(changes)
for _command in (*COMMANDS, adopt):
    clusters.add_command(_command)
main.add_command(clusters)
main.add_command(data)
main.add_command(doctor)
main.add_command(duplicates)
main.add_command(encoders)
main.add_command(export)
main.add_command(show_help)
main.add_command(mcp)
main.add_command(objects)
main.add_command(pairs)
main.add_command(publish)
main.add_command(restore)
main.add_command(rollback)
main.add_command(serve)
main.add_command(tune)


if __name__ == "__main__":
    main()
