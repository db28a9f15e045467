"""Shared by all commands: options, and opening the project.

What belongs here: arguments of more than one command. Not here: the commands (`cli.py` and the files beside this one),
signals and exit codes (`process.py`).
Heavy modules are imported inside functions.
"""

import shlex
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.process import LOG
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.console import Console
    from pipeline.settings import Settings
    from pipeline.steps.live_library import Access
    from pipeline.steps.project import Project, Report

# an option → section and name of the setting that it overrides
_SETTING_OF = {
    "source": ("source", "url"), "endpoint_url": ("source", "endpoint_url"), "variant": ("source", "variant"),
    "encoder": ("encoder", "spec"), "device": ("encoder", "device"), "reducer": ("reduced", "method"),
    "clusterer": ("labels", "method"), "min_cluster_size": ("labels", "min_cluster_size"),
    "clusters": ("labels", "n_clusters"), "granularity": ("labels", "granularity"),
}  # fmt: skip
_FURTHER = ("seed", "recluster", "single", "out", "data_url")  # options that override settings in another way
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


def options(*wrappers: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(wrappers):
            function = option(function)
        return function

    return decorate


def _folder(_: click.Context, __: click.Parameter, source: str | None) -> str | None:
    """Refuse a mistyped folder before anything is loaded."""
    if source is None or "://" in source or Path(source).expanduser().is_dir():
        return source
    what = "is a file, not a folder" if Path(source).expanduser().exists() else "does not exist"
    raise click.UsageError(f"The folder {source} {what}. SOURCE is a folder, s3://bucket/prefix or r2://bucket/prefix.")


endpoint_option = click.option("--endpoint-url", help="S3 endpoint of the bucket; R2 needs one.")
_bucket_options = options(
    endpoint_option,
    click.option("--single", is_flag=True, help="All folders as one library, not one for each top folder."),
)
source_options = options(click.argument("source", required=False, callback=_folder), _bucket_options)
examined_source_options = options(click.argument("source", required=False), _bucket_options)
data_url_option = click.option(
    "--data-url", envvar="IMAGE_CLUSTER_DATA_URL", metavar="BUCKET",
    help="The library in a bucket that --out is a working copy of: s3://… or r2://…; '' for none.",
)  # fmt: skip
settings_and_output_options = options(
    click.option("--settings", "settings_file", type=click.Path(path_type=Path), help="[image-cluster.yaml]"),
    click.option("--quiet", is_flag=True, help="Print only errors on stderr."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
)
where_options = options(
    click.option(
        "--out", "--data", "out", type=click.Path(path_type=Path), help="Data directory, shared by all commands. [data]"
    ),
    data_url_option,
    settings_and_output_options,
)
log_options = click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True,
    envvar="IMAGE_CLUSTER_LOG_FORMAT", help="What goes to stderr: text for people, or one JSON object a line.",
)  # fmt: skip
category_options = click.option("--category", "categories", multiple=True, help="Only this category; can be repeated.")
reading_options = options(
    click.option("--sample", type=click.IntRange(min=1), help="Only this many images of each category."),
    click.option("--variant", help="Width to read if an image has several, e.g. 800w or original."),
)
encoding_options = options(
    click.option("--encoder", "encoder", help="packaged:…, open_clip:MODEL/PRETRAINED or timm:MODEL."),
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where the encoder runs."),
)
clustering_options = options(
    click.option("--reducer", type=click.Choice(["auto", "umap", "pca", "none"]), help="How vectors are reduced."),
    click.option("--clusterer", type=click.Choice(["community", "hdbscan", "kmeans"]), help="How clusters are found."),
    click.option("--min-cluster-size", type=click.IntRange(min=2), help="Smallest cluster (not k-means)."),
    click.option(
        "--granularity", help="auto, coarse, fine, or 0 (few broad clusters) to 1 (many narrow ones); see tune."
    ),
    click.option("--clusters", type=click.IntRange(min=2), help="Number of clusters, if you know it."),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of reducer and clusterer."),
    click.option("--recluster", is_flag=True, help="Cluster all images again, even if few are new."),
)


def with_project(
    access: "Access | Callable[[dict[str, Any]], Access]",
    *,
    needs_library: bool | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Open the project of the options and pass it to the command; always close the progress bars.

    `access`: what the command does with a library in a bucket, or how that follows from its options. Where there is
    one, the data directory is brought up to date before, and what the command wrote is copied up after it.
    `needs_library`: refuse where there is none, and make no data directory; by default for "read" and "decide".
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*, settings_file: Path | None, quiet: bool, log_format: str = "text", **given: Any) -> Any:
            console = _console(log_format, quiet=quiet)
            chosen = {name: given.pop(name, None) for name in (*_SETTING_OF, *_FURTHER)}
            wanted = access(given) if callable(access) else access
            try:
                with _project(settings_file, chosen, console, wanted) as project:
                    if wanted in ("read", "decide") if needs_library is None else needs_library:
                        _require_library(project)
                    return function(project=project, **given)
            finally:
                console.close()

        wrapper.__dict__["access"] = access  # a rule looks whether each command says it
        return wrapper

    return decorate


@contextmanager
def _project(
    settings_file: Path | None, chosen: dict[str, Any], console: "Console", access: "Access"
) -> "Generator[Project]":
    from pipeline.steps.project import Project

    settings = settings_from(settings_file, chosen)
    how_fine = chosen["granularity"] is not None or chosen["clusters"] is not None
    project = Project(
        settings,
        talk=console,
        granularity_given=how_fine,
        encoder_given=chosen["encoder"] is not None,
        where=where_text(chosen["out"], settings_file),
    )
    if access == "write" and chosen["source"] is not None and not chosen["single"]:
        _tell_one_library(settings, settings_file, console)
    if settings.data.url is None or access == "none":
        yield project
        return
    from pipeline.steps.live_library import opened

    with opened(project, access):
        project.settings = settings_from(settings_file, chosen)  # the library may say which source it is of
        yield project


def _require_library(project: "Project") -> None:
    """Raise `DataDirectoryError` where the data directory is missing or holds no library, before it would be made."""
    from pipeline.errors import DataDirectoryError
    from pipeline.storage.layout import Layout

    layout, root = Layout(project.settings.data_dir), project.settings.data_dir
    is_other = root.exists() and not root.is_dir()  # told when it is opened
    if not is_other and not layout.marker.exists() and not layout.slugs.exists():
        raise DataDirectoryError(
            f"There is nothing in {root} yet. It holds no library: run `image-cluster run SOURCE` first, or name the "
            "folder of a library with --out."
        )


def _tell_one_library(settings: "Settings", file: Path | None, console: "Console") -> None:
    """Say that a folder is read as one library only because the last run did."""
    from pipeline.settings import load_settings

    if settings.source.categories == "single" and "categories" not in load_settings(file).source.model_fields_set:
        console.notice(
            f"{settings.source.url} is read as one library, as in the last run of {settings.data_dir}. For a category "
            "for each top folder, use a data directory of its own (--out)."
        )


def _console(log_format: str, *, quiet: bool) -> "Console":
    """What speaks to people, or as JSON to a log collector; then errors and Python's loggers do so, too."""
    if log_format == "text":
        from pipeline.console import Console

        return Console(quiet=quiet)
    from pipeline.json_log import JsonConsole, log_as_json

    log_as_json()
    console = JsonConsole(quiet=quiet)
    click.get_current_context().find_root().meta[LOG] = console
    return console


def where_text(out: Path | None, settings_file: Path | None) -> str:
    """The options of this call that name a place, for a command that people are told to run next."""
    names = {"--out": out, "--settings": settings_file}
    return "".join(f" {name} {shlex.quote(str(value))}" for name, value in names.items() if value is not None)


def settings_from(file: Path | None, given: dict[str, Any]) -> "Settings":
    """The settings file with the command's options applied, validated as a whole."""
    from pydantic import ValidationError

    from pipeline.settings import Settings, invalid_text, load_settings

    read = load_settings(file)
    values = read.model_dump()
    for name, (section, knob) in _SETTING_OF.items():
        if given.get(name) is not None:
            values[section][knob] = given[name]
    if given.get("seed") is not None:
        values["reduced"]["seed"] = values["labels"]["seed"] = given["seed"]
    if given.get("recluster"):
        values["labels"]["recluster"] = "always"
    if given.get("single"):
        values["source"]["categories"] = "single"
    if given.get("out") is not None:
        values["data_dir"] = given["out"]
    if given.get("data_url") is not None:
        values["data"]["url"] = given["data_url"] or None
    from pipeline.steps.recorded_source import take_recorded

    written = read.source.model_fields_set
    take_recorded(
        values,
        url_given=given.get("source") is not None or "url" in written,
        categories_given=bool(given.get("single")) or "categories" in written,
    )
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, p['loc']))} is {p['input']!r}: {invalid_text(p)}" for p in error.errors()
        )
        raise SettingsError(f"Invalid options: {problems}.") from error


def console_of(project: "Project") -> "Console":
    return project.talk  # pyright: ignore[reportReturnType]  # the command line always sets a Console


def stored_slugs(project: "Project", categories: tuple[str, ...]) -> list[str]:
    """Slugs of the named categories, by default of all stored ones. Raises `MissingArtifactError` if there are none."""
    from pipeline.errors import MissingArtifactError
    from pipeline.storage.categories import read_slugs

    if categories:
        return [project.slug_of(name) for name in categories]
    slugs = sorted(read_slugs(project.layout))
    if not slugs:
        raise MissingArtifactError(
            f"There is nothing in {project.settings.data_dir} yet. Run `image-cluster run SOURCE` first."
        )
    return slugs


def only_slug(project: "Project", category: str | None) -> str:
    """Slug of the named category, by default of the only stored one. Raises `click.UsageError` if there are several."""
    if category is not None:
        return project.slug_of(category)
    slugs = stored_slugs(project, ())
    if len(slugs) > 1:
        names = ", ".join(sorted(project.category_of(slug) for slug in slugs))
        raise click.UsageError(f"There are {len(slugs)} categories, so name one of them: {names}.")
    return slugs[0]


def print_each(project: "Project", slugs: list[str], work: "Callable[[str], list[Report]]", *, as_json: bool) -> None:
    """Do the work for each category and print a row per report. Raises at the end if a category failed."""
    from pipeline.console import print_json, print_rows
    from pipeline.steps.each import each_category, raise_failures

    finished, failures = each_category(project, slugs, work)
    console_of(project).close()
    reports = [report for made in finished for report in made]
    rows: list[dict[str, Any]] = [
        {"category": report.category, "artifact": report.artifact, "seconds": round(report.seconds, 2),
         "unchanged": report.unchanged, "counts": report.counts, "path": str(report.path or "")}
        for report in reports
    ]  # fmt: skip
    if as_json:
        print_json([*rows, *(failure.summary() for failure in failures)])
    else:
        counts = [", ".join(f"{number:,} {name}" for name, number in row.pop("counts").items()) for row in rows]
        print_rows([{**row, "counts": text} for row, text in zip(rows, counts, strict=True)])
    raise_failures(failures, len(finished))
