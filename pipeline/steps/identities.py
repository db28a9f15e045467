"""`labels` → `identities`: clusters with lasting ids, and the cluster of every image.

What belongs here: reading the ledger of the last run, storing the next. Not here: the matching
(`stages/identities.py`).
"""

from typing import Any

import numpy as np
import polars as pl

from pipeline.stages import identities as identity
from pipeline.stages import labels as labelling
from pipeline.stages import representatives as representing
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import embedded_images, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # counted up when the same inputs give another result


def identities(project: Project, slug: str) -> Report:
    """Bring `identities` up to date: the ids of the last run carry over to the groups that continue them."""
    params = project.settings.identities
    source = project.store.require(slug, "labels")
    _, fingerprint = embedded_images(project, slug)

    def compute(current: Artifact | None) -> dict[str, Any]:
        frame = source.table("labels", labelling.LABELS_SCHEMA)
        sizes = frame.filter(pl.col("raw_group").is_not_null()).group_by("raw_group").agg(
            pl.col("content_hash").unique(), pl.len().alias("size")
        ).sort("raw_group")  # fmt: skip
        groups = [frozenset(values) for values in sizes["content_hash"].to_list()]
        matched = identity.match(groups, _ledger(current), params, category=project.category_of(slug))
        ids = [found.cluster_id for found in matched.identities]
        clusters = pl.DataFrame(
            {
                "cluster_id": ids,
                "fate": [found.fate for found in matched.identities],
                "parents": [list(found.parents) for found in matched.identities],
                "overlap": [found.overlap for found in matched.identities],
                "raw_group": sizes["raw_group"],
                "size": sizes["size"].cast(pl.Int64),
                "previous_size": [found.previous_size for found in matched.identities],
            },
            schema=identity.CLUSTERS_SCHEMA,
        )
        members = _members(project, frame, clusters, fingerprint)
        ledger = matched.ledger
        entries = [*((c, True, m) for c, m in ledger.alive.items()), *((c, False, m) for c, m in ledger.dead.items())]
        book = pl.DataFrame(
            [{"cluster_id": c, "alive": alive, "members": sorted(m)} for c, alive, m in sorted(entries)],
            schema=identity.LEDGER_SCHEMA,
        )
        was = {} if current is None else dict(
            current.table("clusters", identity.CLUSTERS_SCHEMA).select("cluster_id", "size").iter_rows()
        )  # fmt: skip
        facts = {
            "clusters": len(ids),
            "unclustered": members["cluster_id"].null_count(),
            "images": members.height,
            "died": [[cluster, int(was.get(cluster, 0))] for cluster in matched.died],
            **{f"fate_{fate}": number for fate, number in clusters.group_by("fate").len().sort("fate").iter_rows()},
        }
        return {
            "tables": {
                "clusters": (clusters, identity.CLUSTERS_SCHEMA),
                "members": (members, identity.MEMBERS_SCHEMA),
                "ledger": (book, identity.LEDGER_SCHEMA),
            },
            "params": params.model_dump(),
            "facts": facts,
        }

    inputs = digest(source.provenance.fingerprint, params.model_dump(), CODE)
    report = run_stage(project, slug, "identities", inputs, compute)
    report.counts = {name: value for name, value in report.facts.items() if isinstance(value, int)}
    report.counts["died"] = len(report.facts.get("died", []))
    return report


def _ledger(current: Artifact | None) -> identity.Ledger:
    if current is None:
        return identity.Ledger()
    book = current.table("ledger", identity.LEDGER_SCHEMA)
    entries = [(row["cluster_id"], row["alive"], frozenset(row["members"])) for row in book.iter_rows(named=True)]
    return identity.Ledger(
        {name: members for name, alive, members in entries if alive},
        {name: members for name, alive, members in entries if not alive},
    )


def _members(project: Project, frame: pl.DataFrame, clusters: pl.DataFrame, fingerprint: str) -> pl.DataFrame:
    """Each image with its cluster id, or none with the nearest cluster and the cosine distance to its centroid."""
    joined = frame.join(clusters.select("raw_group", "cluster_id"), on="raw_group", how="left", maintain_order="left")
    loose = joined.filter(pl.col("cluster_id").is_null())
    nearest = pl.DataFrame(schema={"image_id": pl.String(), "nearest_cluster": pl.String(), "distance": pl.Float32()})
    if loose.height and clusters.height:
        store = project.vectors(fingerprint)
        held = joined.filter(pl.col("cluster_id").is_not_null()).unique("content_hash", maintain_order=True)
        vectors, owner = store.read(held["content_hash"].to_list()), held["cluster_id"].to_numpy()
        ids = clusters["cluster_id"].to_list()
        centroids = np.stack([representing.centroid(vectors[owner == cluster]) for cluster in ids])
        best, distance = representing.nearest_centroids(store.read(loose["content_hash"].to_list()), centroids)
        nearest = pl.DataFrame(
            {"image_id": loose["image_id"], "nearest_cluster": [ids[row] for row in best], "distance": distance},
            schema=nearest.schema,
        )
    return joined.join(nearest, on="image_id", how="left", maintain_order="left").select(list(identity.MEMBERS_SCHEMA))
