"""The view that is published: stored tables, with people's decisions replayed over them.

What belongs here: joining images, clusters, representatives and decisions into one `LibraryView`. Not here: what a
decision does (`curation/replay.py`), the documents (`stages/published/`), placing them (`publish.py`).

Clusters that nobody touched are published as they are stored; of the others, members are put in order and
representatives chosen anew, in the space of the embeddings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np
import polars as pl

from pipeline.curation.replay import CuratedCluster
from pipeline.curation.review import raise_flags
from pipeline.stages.identities import matching as identity
from pipeline.stages.images.decode import IMAGES_SCHEMA
from pipeline.stages.published import document as documents
from pipeline.stages.representatives import ranking as representing
from pipeline.steps.curation import Curation, curation_of
from pipeline.steps.families import family_of
from pipeline.steps.project import Project
from pipeline.steps.stage import embedded_images

PACKAGES = ("umap-learn", "hdbscan", "scikit-learn", "torch", "openvino", "numpy")
MOVED_BY_PEOPLE = 1.0  # the probability of a member that a person put there


@dataclass(frozen=True)
class _Stored:
    """What the view of one category is made from."""

    project: Project
    slug: str

    @cached_property
    def images(self) -> pl.DataFrame:
        return self.project.store.require(self.slug, "images").table("images", IMAGES_SCHEMA)

    @cached_property
    def refs(self) -> dict[str, documents.ImageRef]:
        rows = self.images.select("image_id", "key", "group", "identifier").iter_rows()
        return {name: documents.ImageRef(name, key, group, identifier) for name, key, group, identifier in rows}

    @cached_property
    def members(self) -> pl.DataFrame:
        """The computed member rows with similarity and place, most typical first within each cluster."""
        held = self.project.store.require(self.slug, "identities").table("members", identity.MEMBERS_SCHEMA)
        stored = self.project.store.require(self.slug, "representatives")
        order = stored.table("members", representing.MEMBERS_SCHEMA, ["image_id", "rank", "similarity", "chosen"])
        return held.join(order, on="image_id", how="left", maintain_order="left").sort("rank", "image_id")

    @cached_property
    def by_cluster(self) -> dict[str, pl.DataFrame]:
        grouped = self.members.filter(pl.col("cluster_id").is_not_null()).group_by("cluster_id", maintain_order=True)
        return {str(name): part for (name,), part in grouped}

    @cached_property
    def summaries(self) -> dict[str, dict[str, Any]]:
        stored = self.project.store.require(self.slug, "representatives")
        table = stored.table("clusters", representing.clusters_schema(stored.provenance.facts["dimension"]))
        return {row["cluster_id"]: row for row in table.iter_rows(named=True)}

    @cached_property
    def known(self) -> dict[str, dict[str, Any]]:
        table = self.project.store.require(self.slug, "identities").table("clusters", identity.CLUSTERS_SCHEMA)
        return {row["cluster_id"]: row for row in table.iter_rows(named=True)}

    @cached_property
    def families(self) -> dict[str, str]:
        """The family of each cluster that has one."""
        return family_of(self.project.store.require(self.slug, "identities"))


def gather(project: Project, slug: str) -> documents.LibraryView:
    """Everything that is published of one category, with decisions applied."""
    stored = _Stored(project, slug)
    held = curation_of(project)
    curated = held.curated(slug)
    _flag_this_run(project, slug, held, stored)
    reasons = held.review_reasons(slug)
    facts = project.store.require(slug, "identities").provenance.facts
    computed = held.computed(slug).clusters
    views = [
        _as_stored(project, stored, one, reasons.get(one.id))
        if computed.get(one.id) == one.members
        else _as_people_made_it(project, stored, one, reasons.get(one.id))
        for one in curated.clusters.values()
    ]
    gone = set(computed) - set(curated.clusters)
    return documents.LibraryView(
        category=project.category_of(slug),
        model=_model(project, slug),
        settings=_settings_as_used(project, slug),
        clusters=views,
        unclustered=_unclustered(stored, curated.unclustered, curated.redirects, set(curated.clusters)),
        rejected=_rejected(stored, held),
        total_images=stored.images.height,
        died=[documents.DiedCluster(name, None, size) for name, size in _died(facts) if name not in curated.clusters],
        ended_by_people=tuple(sorted(gone | set(curated.redirects))),
        shaped_by_people=tuple(one.id for one in curated.clusters.values() if computed.get(one.id) != one.members),
    )


def _flag_this_run(project: Project, slug: str, held: Curation, stored: _Stored) -> None:
    """What happened in this clustering and asks to be looked at; told once for each version of `identities`."""
    if held.read_only:
        return
    provenance = project.store.require(slug, "identities").provenance
    died = [name for name, _ in _died(provenance.facts)]
    flags = raise_flags(
        held.curated(slug),
        {name: (row["fate"], tuple(row["parents"])) for name, row in stored.known.items()},
        died,
        named=held.named(slug),
        run=provenance.version,
        first_run=not died and all(row["fate"] == "born" for row in stored.known.values()),
        new_size=project.settings.curation.review_new_size,
    )
    if flags:
        held.store.raise_flags(slug, flags, at=project.now())


def _died(facts: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(str(one[0]), int(one[1])) for one in facts.get("died", [])]


def _as_stored(
    project: Project, stored: _Stored, cluster: CuratedCluster, reasons: list[str] | None
) -> documents.ClusterView:
    part, row = stored.by_cluster[cluster.id], stored.summaries[cluster.id]
    chosen = part.filter(pl.col("chosen").is_not_null()).sort("chosen")["image_id"].to_list()
    members = [
        documents.Member(stored.refs[name], probability, similarity)
        for name, probability, similarity in part.select("image_id", "probability", "similarity").iter_rows()
    ]
    return _view(project, stored, cluster, members, chosen, row["cohesion"], row["centroid"], reasons)


def _as_people_made_it(
    project: Project, stored: _Stored, cluster: CuratedCluster, reasons: list[str] | None
) -> documents.ClusterView:
    """Order, representatives and centroid of members that no clustering has put together."""
    rows = stored.members.filter(pl.col("content_hash").is_in(list(cluster.members))).sort("image_id")
    _, fingerprint = embedded_images(project, stored.slug)
    vectors = project.vectors(fingerprint).read(rows["content_hash"].to_list())
    names = rows["image_id"].to_list()
    found = representing.represent(vectors, names, project.settings.representatives)
    computed = rows["cluster_id"].to_list()
    probability = rows["probability"].to_list()
    mine = {cluster.id, *cluster.merged}
    members = [
        documents.Member(
            stored.refs[names[row]],
            probability[row] if computed[row] in mine else MOVED_BY_PEOPLE,
            float(found.similarity[row]),
        )
        for row in found.order
    ]
    chosen = [names[row] for row in found.chosen]
    return _view(project, stored, cluster, members, chosen, found.cohesion, found.centroid, reasons)


def _view(
    project: Project,
    stored: _Stored,
    cluster: CuratedCluster,
    members: list[documents.Member],
    chosen: list[str],
    cohesion: float,
    centroid: Any,
    reasons: list[str] | None,
) -> documents.ClusterView:
    if cluster.representative is not None:
        wanted = stored.members.filter(pl.col("content_hash") == cluster.representative)["image_id"].to_list()
        chosen = [*wanted[:1], *(name for name in chosen if name not in wanted)][: max(1, len(chosen))]
    came = stored.known.get(cluster.id, {"fate": "born" if cluster.made_by_people else "kept", "parents": []})
    names = [documents.slugify(name) for name in cluster.former_names]
    slug = documents.slugify(cluster.name or "")
    return documents.ClusterView(
        id=cluster.id,
        members=members,
        representatives=[stored.refs[name] for name in chosen],
        cohesion=cohesion,
        name=cluster.name,
        description=cluster.description,
        status=cluster.status,  # pyright: ignore[reportArgumentType]  # checked when it was decided
        needs_review=bool(reasons),
        review_reason="; ".join(reasons) if reasons else None,
        centroid=np.asarray(centroid).tolist() if project.settings.published.include_centroids else None,
        fate=came["fate"],
        parents=tuple(came["parents"]),
        family=stored.families.get(cluster.id),
        aliases=tuple(name for name in dict.fromkeys([*names, *cluster.merged]) if name and name != slug),
    )


def _unclustered(
    stored: _Stored, loose: frozenset[str], redirects: Mapping[str, str], clusters: set[str]
) -> list[documents.Unclustered]:
    rows = stored.members.filter(pl.col("content_hash").is_in(list(loose))).sort("image_id")
    result: list[documents.Unclustered] = []
    for name, nearest, distance in rows.select("image_id", "nearest_cluster", "distance").iter_rows():
        home = redirects.get(nearest, nearest) if nearest is not None else None
        if home in clusters:
            result.append(documents.Unclustered(stored.refs[name], home, distance))
        else:
            result.append(documents.Unclustered(stored.refs[name], None, None))
    return result


def _rejected(stored: _Stored, held: Curation) -> list[documents.RejectedImage]:
    """Images that could not be used, and those that people left out, each with the reason."""
    excluded = held.log.excluded(stored.slug)
    events = held.log.events(stored.slug)
    result = [
        documents.RejectedImage(key, status, reason or status)
        for key, status, reason in stored.images.filter(pl.col("status") != "ok")
        .sort("key").select("key", "status", "reason").iter_rows()
    ]  # fmt: skip
    left_out = stored.images.filter((pl.col("status") == "ok") & pl.col("content_hash").is_in(list(excluded)))
    for key, image in left_out.sort("key").select("key", "content_hash").iter_rows():
        event = events[excluded[image] - 1]
        why = f": {event.why}" if event.why else ""
        result.append(documents.RejectedImage(key, "excluded", f"excluded by {event.actor} on {event.at[:10]}{why}"))
    return result


def _model(project: Project, slug: str) -> dict[str, Any]:
    used = project.store.require(slug, "embeddings").provenance
    facts = {name: used.facts[name] for name in ("dimension", "fingerprint", "device") if name in used.facts}
    return {"encoder": used.params["spec"], **facts}


def _settings_as_used(project: Project, slug: str) -> dict[str, Any]:
    used = {name: dict(project.store.require(slug, name).provenance.params)
            for name in ("reduced", "labels", "identities", "representatives")}  # fmt: skip
    source = project.settings.source
    return {
        "variant": source.variant,
        "background": project.settings.images.background,
        "reducer": used["reduced"],
        "clusterer": used["labels"],
        "identities": used["identities"],
        "representatives": used["representatives"],
        "versions": {"image-cluster": version("image-cluster"), **{name: version(name) for name in PACKAGES}},
    }
