"""The asset `identities`: clusters with lasting ids.

What belongs here: when it is made, what the UI shows, its checks. Not here: matching groups with clusters
(`pipeline/stages/identities/matching.py`), names (`pipeline/curation/`).
"""

from typing import Any

import dagster as dg
import polars as pl

from assets.checks import Finding, category_check
from assets.common import CATEGORY, GROUP, OWNERS, columns, expected_errors, markdown_table, materialized
from assets.overrides import chosen, overrides
from pipeline.settings import IdentityParams
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA, MEMBERS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.published.guard import holds_most
from pipeline.steps import identities as step
from pipeline.steps.decided import excluded_images
from pipeline.steps.project import Project
from pipeline.steps.units import units
from resources.project import ProjectResource


class IdentityOverrides(overrides(IdentityParams)):
    """When a group inherits an id, for this run."""


@dg.asset(
    partitions_def=CATEGORY,
    deps=["labels"],
    group_name=GROUP,
    kinds={"polars", "parquet"},
    owners=OWNERS,
    tags={"holds": "clusters"},
    metadata=columns(
        CLUSTERS_SCHEMA,
        {"size": "images of the cluster", "fate": "kept, grown, shrunk, split, merged, born or revived",
         "parents": "the clusters that its images come from", "into": "of a split, all ids that have its images now",
         "overlap": "share of common members", "similarity": "of its centroid to its previous centroid",
         "previous_size": "images of the cluster in the previous run"},
    ),
    code_version=str(step.CODE),
)  # fmt: skip
def identities(
    context: dg.AssetExecutionContext, config: IdentityOverrides, project: ProjectResource
) -> dg.MaterializeResult[Any]:
    """Clusters whose ids, and so names, last from run to run, and the images of each.

    Shows the fate of every cluster (born, kept, grown, shrunk, split, merged, revived), which clusters died, and where
    their images are now. An unclustered image has its nearest cluster as a suggestion.
    """
    with expected_errors(context):
        opened = project.open(context.log, identities=chosen(config))
        report = step.identities(opened, context.partition_key)
        table = opened.store.require(context.partition_key, "identities").table("clusters", CLUSTERS_SCHEMA)
    largest = table.sort("size", descending=True).select("cluster_id", "fate", "size", "previous_size").to_dicts()
    into = report.facts["died_into"]
    died = [{"cluster_id": name, "size": size, "its images are in": _format_places(into.get(name, {}))}
            for name, size in report.facts["died"]]  # fmt: skip
    more = {"died_clusters": dg.MetadataValue.md(markdown_table(died))} if died else {}
    return materialized(report, largest_clusters=dg.MetadataValue.md(markdown_table(largest)), **more)


def _format_places(into: dict[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in into.items()) or "no cluster"


@category_check("identities")
def every_image_is_in_at_most_one_cluster(project: Project, slug: str) -> Finding:
    """Usable images = clustered + unclustered + excluded by people, and no image is in two clusters."""
    columns = ["image_id", "content_hash", "status"]
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, columns)
    usable = images.filter(pl.col("status") == "ok")
    members = _members(project, slug)
    excluded = usable.filter(pl.col("content_hash").is_in(list(excluded_images(project, slug))))
    absent = set(usable["image_id"]) - set(members["image_id"])
    lost = len(absent - set(excluded["image_id"]))
    strange = len(set(members["image_id"]) - set(usable["image_id"]))
    twice = members.height - members["image_id"].n_unique()
    unclustered = members["cluster_id"].null_count()
    clustered = members.height - unclustered
    return Finding(
        passed=twice == lost == strange == 0,
        text=f"{usable.height:,} usable images = {clustered:,} clustered + {unclustered:,} unclustered + "
        f"{len(absent):,} excluded by people; {twice:,} in two clusters, {lost:,} lost",
        figures={"usable": usable.height, "clustered": clustered, "unclustered": unclustered, "twice": twice,
                 "excluded": len(absent), "lost": lost, "strange": strange},
    )  # fmt: skip


@category_check("identities")
def sizes_are_those_of_the_members(project: Project, slug: str) -> Finding:
    """Each cluster has as many members as its row says, and every member's cluster has a row."""
    stored = project.store.require(slug, "identities").table("clusters", CLUSTERS_SCHEMA, ["cluster_id", "size"])
    stated = dict(stored.iter_rows())
    counted = dict(_members(project, slug).drop_nulls("cluster_id").group_by("cluster_id").len().iter_rows())
    wrong = [name for name in stated.keys() | counted.keys() if stated.get(name) != counted.get(name)]
    return Finding(
        passed=not wrong and len(stated) == stored.height,
        text=f"{stored.height:,} clusters, {len(wrong):,} with another number of members than their row says",
        figures={"clusters": stored.height, "wrong": len(wrong), "members": sum(counted.values())},
    )


@category_check("identities", blocking=False)
def no_cluster_holds_most_images(project: Project, slug: str) -> Finding:
    """The largest cluster has at most the share `published.max_cluster_share`; a larger one is a failed clustering."""
    members = _members(project, slug)
    sizes = members.drop_nulls("cluster_id").group_by("cluster_id").len().sort("len", descending=True)
    largest = int(sizes["len"][0]) if sizes.height else 0
    share = largest / members.height if members.height else 0.0
    limit = project.settings.published.max_cluster_share
    return Finding(
        passed=share <= limit,
        text=holds_most(largest, members.height, limit, slug)
        or f"The largest of {sizes.height:,} clusters holds {largest:,} of {members.height:,} images ({share:.1%}).",
        figures={"largest": largest, "images": members.height, "share": round(share, 4), "limit": limit},
    )


def _members(project: Project, slug: str) -> pl.DataFrame:
    return project.store.require(slug, "identities").table("members", MEMBERS_SCHEMA, ["image_id", "cluster_id"])
