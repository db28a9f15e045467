"""Snapshot → the view that is published.

What belongs here: building a `documents.LibraryView`, and flagging clusters of this clustering for review. Not here:
what a decision does (`curation/replay.py`), figures of clusters (`figures.py`), the documents (`stages/published/`),
placing them (`steps/publish.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from pipeline.curation.review import raise_flags
from pipeline.runtime.versions import version_of
from pipeline.stages.embeddings.contract import Facts as EmbeddingFacts
from pipeline.stages.identities.contract import Facts as IdentityFacts
from pipeline.stages.objects.contract import Facts as ObjectFacts
from pipeline.stages.published import document as documents
from pipeline.stages.published.slugs import slugify
from pipeline.stages.representatives.contract import Facts as RepresentativeFacts
from pipeline.stages.representatives.contract import clusters_schema
from pipeline.steps.curation import Curation
from pipeline.steps.families import family_of
from pipeline.steps.library_view.figures import changed_clusters
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot, make_snapshot
from pipeline.steps.library_view.tables import Base, read_base
from pipeline.steps.project import Project
from pipeline.steps.units import units

PACKAGES = ("umap-learn", "hdbscan", "scikit-learn", "torch", "openvino", "numpy")
NEEDED = ("embeddings", "identities", "representatives")


def gather(project: Project, slug: str) -> documents.LibraryView:
    """The view of one category that is published, with decisions applied."""
    needed = {name: project.store.require(slug, name) for name in NEEDED}
    found = units(project.store, slug)
    base, curation = read_base(project, slug), project.curation
    _flag_this_run(project, slug, curation, base)
    snapshot = make_snapshot(project, base, curation)
    computed, curated = curation.computed(slug), curation.curated(slug)
    refs = _refs(snapshot.frame)
    centroids = _centroids(project, snapshot) if project.settings.published.include_centroids else {}
    families = family_of(needed["identities"])
    views = [
        _cluster(row, _members(snapshot, refs, name), [refs[image] for image in row["representatives"]],
                 centroids.get(name), families.get(name))
        for name, row in sorted(snapshot.clusters.items())
    ]  # fmt: skip
    died = needed["identities"].facts(IdentityFacts).died
    return documents.LibraryView(
        category=base.category,
        model=_model(project, slug),
        settings=_settings_as_used(project, slug),
        clusters=views,
        unclustered=_unclustered(snapshot, refs),
        rejected=_rejected(snapshot, curation),
        total_images=base.frame["source_id"].n_unique(),
        died=[documents.DiedCluster(name, None, size) for name, size in died if name not in curated.clusters],
        ended_by_people=tuple(sorted({*computed.clusters} - {*curated.clusters} | set(curated.redirects))),
        shaped_by_people=tuple(changed_clusters(computed, curated)),
        detector=found.facts(ObjectFacts).detector if found.name == "objects" else None,
    )


def _flag_this_run(project: Project, slug: str, curation: Curation, base: Base) -> None:
    """Flag the clusters of this clustering that need a review; once for each version of `identities`."""
    if curation.read_only:
        return
    stored = project.store.require(slug, "identities")
    died = [name for name, _ in stored.facts(IdentityFacts).died]
    fates = {name: row for name, row in base.clusters.items() if "fate" in row}
    flags = raise_flags(
        curation.curated(slug),
        {name: (row["fate"], tuple(row["parents"])) for name, row in fates.items()},
        died,
        named=curation.named(slug),
        run=stored.provenance.version,
        first_run=not died and all(row["fate"] == "born" for row in fates.values()),
        new_size=project.settings.curation.review_new_size,
    )
    if flags:
        curation.store.raise_flags(slug, flags, at=project.now())


def _refs(frame: pl.DataFrame) -> dict[str, documents.ImageRef]:
    rows = frame.select("image_id", "key", "group", "identifier", "box").iter_rows()
    return {
        name: documents.ImageRef(name, key, group, identifier, _box(box)) for name, key, group, identifier, box in rows
    }


def _members(snapshot: Snapshot, refs: Mapping[str, documents.ImageRef], cluster: str) -> list[documents.Member]:
    rows = snapshot.frame[snapshot.rows_by_cluster[cluster]].select("image_id", "probability", "similarity")
    return [documents.Member(refs[name], probability, similarity) for name, probability, similarity in rows.iter_rows()]


def _centroids(project: Project, snapshot: Snapshot) -> dict[str, np.ndarray]:
    """The centroid of every cluster."""
    stored = project.store.require(snapshot.slug, "representatives")
    schema = clusters_schema(stored.facts(RepresentativeFacts).dimension)
    table = stored.table("clusters", schema, ["cluster_id", "centroid"])
    centroids = {name: np.asarray(values) for name, values in table.iter_rows()}
    return centroids | {name: figures.represented.centroid for name, figures in snapshot.figures.items()}


def _cluster(
    row: ClusterRow,
    members: Sequence[documents.Member],
    representatives: Sequence[documents.ImageRef],
    centroid: np.ndarray | None,
    family: str | None,
) -> documents.ClusterView:
    names = [slugify(name) for name in row["former_names"]]
    slug = slugify(row["name"] or "")
    return documents.ClusterView(
        id=row["id"],
        members=members,
        representatives=representatives,
        cohesion=float(row["cohesion"] or 0.0),
        name=row["name"],
        description=row["description"],
        status=row["status"],  # pyright: ignore[reportArgumentType]  # checked when it was decided
        needs_review=row["needs_review"],
        review_reason="; ".join(row["review_reasons"]) or None,
        centroid=None if centroid is None else centroid.tolist(),
        fate=row["fate"] or ("born" if row["made_by_people"] else "kept"),  # pyright: ignore[reportArgumentType]
        parents=tuple(row["parents"]),
        family=family,
        aliases=tuple(name for name in dict.fromkeys([*names, *row["merged"]]) if name and name != slug),
    )


def _unclustered(snapshot: Snapshot, refs: Mapping[str, documents.ImageRef]) -> list[documents.Unclustered]:
    """The unclustered images by id, each with its nearest cluster after all decisions, if that still exists."""
    rows = snapshot.frame.filter(pl.col("state") == "unclustered").select("image_id", "nearest_cluster", "distance")
    return [documents.Unclustered(refs[name], nearest, distance) for name, nearest, distance in rows.iter_rows()]


def _rejected(snapshot: Snapshot, curation: Curation) -> list[documents.RejectedImage]:
    """Unusable images and images that people excluded, each with the reason."""
    frame = snapshot.frame
    excluded = curation.log.excluded(snapshot.slug)
    events = curation.log.events(snapshot.slug)
    result = [
        documents.RejectedImage(key, status, reason or status, _box(box))
        for key, status, reason, box in frame.filter(pl.col("status") != "ok")
        .sort("key").select("key", "status", "reason", "box").iter_rows()
    ]  # fmt: skip
    left_out = frame.filter((pl.col("status") == "ok") & pl.col("content_hash").is_in(list(excluded)))
    for key, image, box in left_out.sort("key").select("key", "content_hash", "box").iter_rows():
        event = events[excluded[image] - 1]
        why = f": {event.why}" if event.why else ""
        reason = f"excluded by {event.actor} on {event.at[:10]}{why}"
        result.append(documents.RejectedImage(key, "excluded", reason, _box(box)))
    return result


def _box(values: Sequence[float] | None) -> documents.Box | None:
    if values is None:
        return None
    x, y, w, h = values
    return x, y, w, h


def _model(project: Project, slug: str) -> dict[str, Any]:
    used = project.store.require(slug, "embeddings")
    facts = used.facts(EmbeddingFacts).stored()
    recorded = {name: facts[name] for name in ("dimension", "fingerprint", "device") if name in facts}
    return {"encoder": used.provenance.params["spec"], **recorded}


def _objects_as_used(project: Project, slug: str) -> dict[str, Any]:
    """How objects were chosen and cut; empty where images are the unit."""
    found = units(project.store, slug)
    if found.name != "objects":
        return {}
    return {"objects": {**found.provenance.params, "margin": project.settings.objects.margin}}


def _settings_as_used(project: Project, slug: str) -> dict[str, Any]:
    used = {name: dict(project.store.require(slug, name).provenance.params)
            for name in ("reduced", "labels", "identities", "representatives")}  # fmt: skip
    source = project.settings.source
    return {
        "variant": source.variant,
        "background": project.settings.images.background,
        **_objects_as_used(project, slug),
        "reducer": used["reduced"],
        "clusterer": used["labels"],
        "identities": used["identities"],
        "representatives": used["representatives"],
        "versions": {"image-cluster": version_of("image-cluster"), **{name: version_of(name) for name in PACKAGES}},
    }
