"""The asset `published`: the documents for people and websites.

What belongs here: when they are made, what the UI shows, their checks. Not here: their content
(`pipeline/stages/published/`), writing them (`pipeline/storage/publications.py`).
"""

import json
from typing import Any

import dagster as dg

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, expected_errors, materialized
from assets.overrides import chosen, overrides
from pipeline.errors import PublishRefusedError
from pipeline.settings import PublishParams
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.published import schema
from pipeline.steps.project import Project
from pipeline.steps.publish import publish
from pipeline.storage.history import read_history
from pipeline.storage.layout import DOCUMENT, PAGE, published_set
from resources.project import ProjectResource

COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("schemaVersion", "integer", "of clusters.json; its JSON Schema is published beside it"),
        dg.TableColumn("summary", "object", "images = clustered + unclustered + rejected, and the number of clusters"),
        dg.TableColumn(
            "clusters", "array", "id, slug, name, size, cohesion, representatives, images, countries of each"
        ),
        dg.TableColumn("unclustered", "array", "images that fit nowhere, with the nearest cluster"),
        dg.TableColumn("rejected", "array", "images that could not be used, with the reason"),
        dg.TableColumn("model", "object", "the encoder that was used"),
        dg.TableColumn("settings", "object", "every parameter as used, with versions"),
    ]
)


class PublishOverrides(overrides(PublishParams)):
    """What is published, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["representatives", "duplicates"],
    group_name=GROUP,
    kinds={"json", "html", "typescript"},
    owners=OWNERS,
    tags={"holds": "documents"},
    metadata={"dagster/column_schema": COLUMNS},
    code_version="1",
)
def published(
    context: dg.AssetExecutionContext, config: PublishOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """clusters.json, the review page, the change report and the website's data file, published in one step.

    Written to the data directory and to every outlet of the settings. An invalid document (schema, counts) is refused,
    and the published one stays. A result that differs too much from it (published.guard) waits as a candidate until the
    job accept_candidate publishes it. If nothing is new, nothing is written.
    """
    with expected_errors(context):
        report = publish(project.open(context.log, published=chosen(config)), context.partition_key)
    quiet = report.unchanged and report.held is None
    shown: dict[str, dg.MetadataValue] = {
        "headline": dg.MetadataValue.text(f"Nothing new. Last change: {report.headline}" if quiet else report.headline),
        "changes": dg.MetadataValue.md(report.changes),
    }
    folder = report.path
    if report.warning:
        shown["warning"] = dg.MetadataValue.text(report.warning)
    if report.held is not None:
        shown |= {
            "candidate": dg.MetadataValue.text(report.held.candidate),
            "candidate_html": dg.MetadataValue.path(str(report.held.page)),
        }
    if report.version:
        shown["version"] = dg.MetadataValue.text(report.version)
    places = {} if folder is None else {
        "clusters_json": dg.MetadataValue.path(str(folder / DOCUMENT)),
        "clusters_html": dg.MetadataValue.path(str(folder / PAGE)),
    }  # fmt: skip
    return materialized(report, **shown, **places)


@category_check("published")
def what_readers_get_is_valid(project: Project, slug: str) -> Finding:
    """clusters.json, read back from where readers find it, is valid and its counts add up."""
    path = project.layout.published / slug / DOCUMENT
    if not path.exists():
        return Finding(passed=False, text=f"There is no {path}.")
    document = json.loads(path.read_bytes())
    try:
        schema.validate(document)
    except PublishRefusedError as error:
        return Finding(passed=False, text=str(error), figures={"path": str(path)})
    objects = {f"objects_{name}": int(number) for name, number in document["summary"].pop("objects", {}).items()}
    summary = {**{name: int(number) for name, number in document["summary"].items()}, **objects}
    return Finding(
        passed=True,
        text=f"{summary['images']:,} images = {summary['clustered']:,} clustered + "
        f"{summary['unclustered']:,} unclustered + {summary['rejected']:,} rejected",
        figures={**summary, "bytes": path.stat().st_size},
    )


@category_check("published")
def every_image_is_in_the_document(project: Project, slug: str) -> Finding:
    """Rows in images = images in clusters.json: none is lost between the bucket and the website."""
    rows = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["key"]).height
    waiting = read_history(project.layout.published, slug).candidate
    path = project.layout.published / slug / DOCUMENT
    if waiting is not None:  # the result for these rows is the candidate, not the published document
        path = published_set(project.layout.published, slug, waiting.version) / DOCUMENT
    counted = int(json.loads(path.read_bytes())["summary"]["images"]) if path.exists() else 0
    return Finding(passed=rows == counted, text=f"{rows:,} rows in images, {counted:,} images in clusters.json",
                   figures={"rows": rows, "published": counted})  # fmt: skip


@category_check("published")
def nothing_waits_for_a_person(project: Project, slug: str) -> Finding:
    """The last result was published: the guard did not hold it back, and it does not follow a rollback.

    Look at the candidate's clusters.html, then publish it with the job accept_candidate, or correct the settings.
    """
    waiting = read_history(project.layout.published, slug).candidate
    if waiting is None:
        return Finding(passed=True, text="what was computed is what is published")
    figures = {name: value for concern in waiting.concerns for name, value in concern["figures"].items()}
    concerns = "; ".join(concern["text"] for concern in waiting.concerns)
    return Finding(
        passed=False,
        text=f"{waiting.version} waits, what is published stays: {concerns}",
        figures={"candidate": waiting.version, **figures},
    )
