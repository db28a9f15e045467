"""Everything computed → the published documents, in the data directory and at the outlets.

What belongs here: gathering the view, refusing what does not hold, placing the set. Not here: what the documents say
(`stages/published/`).
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.settings import OutletSettings
from pipeline.stages import identities as identity
from pipeline.stages import representatives as representing
from pipeline.stages.images import IMAGES_SCHEMA
from pipeline.stages.published import changes as change_report
from pipeline.stages.published import document as documents
from pipeline.stages.published import page, schema, website
from pipeline.steps.project import Project, Report, timed
from pipeline.storage.artifacts import Artifact
from pipeline.storage.publications import publish_to_bucket, publish_to_folder

PACKAGES = ("umap-learn", "hdbscan", "scikit-learn", "torch", "openvino", "numpy")


def publish(project: Project, slug: str) -> Report:
    """Publish one category; a no-op when nothing but the time would change. Raises `PublishRefusedError`."""
    category = project.category_of(slug)
    report = Report("published", category)
    with project.lock(slug), timed(report):
        view = gather(project, slug)
        document = documents.build_document(view, generated_at=project.now())
        schema.validate(document)
        digest = documents.content_digest(document)
        folder = project.layout.published / slug
        current = project.store.current(slug, "published")
        targets = [outlet.model_dump() for outlet in project.settings.published.outlets]
        report.unchanged = (
            current is not None
            and current.provenance.fingerprint == digest
            and current.provenance.params.get("outlets") == targets
            and (folder / "clusters.json").exists()
        )
        if current is None or not report.unchanged:
            previous = _previous_document(folder)
            changes = change_report.build_changes(previous, document, change_report.fates_of(view))
            schema.validate_changes(changes)
            files = _files(project, slug, document, changes)
            publish_to_folder(project.layout.published, slug, digest[:16], files)
            for outlet in project.settings.published.outlets:
                project.talk.notice(f"Publishing to {outlet.url} …")
                _to_outlet(project, outlet, slug, digest[:16], files)
            facts = {"headline": change_report.headline(changes), "changes": change_report.markdown(changes),
                     "bytes": sum(len(data) for data in files.values())}  # fmt: skip
            current = project.store.write(
                slug, "published", {}, fingerprint=digest, created_at=project.now(),
                params={"outlets": targets}, facts=facts,
            )  # fmt: skip
    report.counts = dict(document["summary"])
    report.counts["largest"] = max((cluster["size"] for cluster in document["clusters"]), default=0)
    report.facts = dict(current.provenance.facts)
    report.effective = document["settings"]
    report.data_version = digest
    report.path = folder
    return report


def gather(project: Project, slug: str) -> documents.LibraryView:
    """Everything that is published of one category, from the stored tables."""
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA)
    refs = {
        row["image_id"]: documents.ImageRef(row["image_id"], row["key"], row["group"], row["identifier"])
        for row in images.select("image_id", "key", "group", "identifier").iter_rows(named=True)
    }
    identities = project.store.require(slug, "identities")
    members = identities.table("members", identity.MEMBERS_SCHEMA)
    loose = members.filter(pl.col("cluster_id").is_null()).sort("image_id")
    rejected = images.filter(pl.col("status") != "ok").sort("key")
    return documents.LibraryView(
        category=project.category_of(slug),
        model=_model(project, slug),
        settings=_settings_as_used(project, slug),
        clusters=_clusters(project, slug, identities, members, refs),
        unclustered=[
            documents.Unclustered(refs[row["image_id"]], row["nearest_cluster"], row["distance"])
            for row in loose.iter_rows(named=True)
        ],
        rejected=[
            documents.RejectedImage(row["key"], row["status"], row["reason"] or row["status"])
            for row in rejected.iter_rows(named=True)
        ],
        total_images=images.height,
        died=[documents.DiedCluster(name, None, size) for name, size in identities.provenance.facts.get("died", [])],
    )


def _clusters(
    project: Project, slug: str, identities: Artifact, members: pl.DataFrame, refs: dict[str, documents.ImageRef]
) -> list[documents.ClusterView]:
    stored = project.store.require(slug, "representatives")
    order = stored.table("members", representing.MEMBERS_SCHEMA).join(
        members.select("image_id", "probability"), on="image_id", maintain_order="left"
    )
    summary = stored.table("clusters", representing.clusters_schema(stored.provenance.facts["dimension"]))
    known = {row["cluster_id"]: row for row in identities.table("clusters", identity.CLUSTERS_SCHEMA).to_dicts()}
    parts = {str(name): part for (name,), part in order.sort("rank").group_by("cluster_id", maintain_order=True)}
    views: list[documents.ClusterView] = []
    for row in summary.iter_rows(named=True):
        part = parts[row["cluster_id"]]
        chosen = part.filter(pl.col("chosen").is_not_null()).sort("chosen")["image_id"].to_list()
        came = known[row["cluster_id"]]
        views.append(
            documents.ClusterView(
                id=row["cluster_id"],
                members=[
                    documents.Member(refs[one["image_id"]], one["probability"], one["similarity"])
                    for one in part.iter_rows(named=True)
                ],
                representatives=[refs[name] for name in chosen],
                cohesion=row["cohesion"],
                centroid=row["centroid"] if project.settings.published.include_centroids else None,
                fate=came["fate"],
                parents=tuple(came["parents"]),
            )
        )
    return views


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


def _files(project: Project, slug: str, document: dict[str, Any], changes: dict[str, Any]) -> dict[str, bytes]:
    images = project.store.require(slug, "images").table("images", IMAGES_SCHEMA, ["key", "content_hash"])
    hashes = dict(images.iter_rows())

    def thumbnail(key: str) -> bytes | None:
        value = hashes.get(key)
        return project.thumbnails.read(value) if value else None

    rendered = page.render_page(
        document, thumbnail, page_images=project.settings.published.page_images, changes=changes
    )
    return {
        "clusters.json": documents.encode(document),
        "clusters.schema.json": schema.schema_bytes(schema.CLUSTERS_SCHEMA),
        "changes.json": documents.encode(changes),
        "changes.schema.json": schema.schema_bytes(schema.CHANGES_SCHEMA),
        "clusters.html": "".join(rendered).encode(),
        website.file_name(slug): website.render_website(document).encode(),
    }


def _previous_document(folder: Path) -> dict[str, Any] | None:
    path = folder / "clusters.json"
    return json.loads(path.read_bytes()) if path.exists() else None


def _to_outlet(project: Project, outlet: OutletSettings, slug: str, digest: str, files: dict[str, bytes]) -> None:
    if "://" not in outlet.url:
        root = Path(outlet.url)
        root.mkdir(parents=True, exist_ok=True)
        publish_to_folder(root, slug, digest, files)
        return
    from pipeline.adapters.buckets import open_bucket

    source = project.settings.source
    bucket = open_bucket(
        outlet.url,
        endpoint_url=outlet.endpoint_url or source.endpoint_url,
        region=outlet.region,
        timeout_seconds=source.timeout_seconds,
        retries=source.retries,
    )
    publish_to_bucket(bucket, slug, digest, files)
