"""`labels` → `identities`: clusters with stable ids, and the cluster of every image.

What belongs here: reading the ledger of the last run, storing that of this one. Not here: the matching
(`stages/identities/matching.py`), families (`families.py`).
"""

import numpy as np
import polars as pl

from pipeline.stages.identities import matching as identity
from pipeline.stages.identities.contract import CENTROIDS_SCHEMA, CLUSTERS_SCHEMA, LEDGER_SCHEMA, MEMBERS_SCHEMA, Facts
from pipeline.stages.labels.contract import LABELS_SCHEMA
from pipeline.stages.representatives import ranking as representing
from pipeline.steps.decided import named_clusters
from pipeline.steps.families import family_tables
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import StageResult, embedded_images, run_stage
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.healing import heal, pointer_is_gone

CODE = 3  # increase when the same inputs give another result


def identities(project: Project, slug: str) -> Report:
    """Bring `identities` up to date: groups keep the ids of the clusters of the last run that they continue."""
    params = project.settings.identities
    source = project.store.require(slug, "labels")
    category = project.category_of(slug)

    def compute(current: Artifact | None) -> StageResult:
        _, fingerprint = embedded_images(project, slug)
        frame = source.table("labels", LABELS_SCHEMA)
        sizes = frame.filter(pl.col("raw_group").is_not_null()).group_by("raw_group").agg(
            pl.col("content_hash").unique(), pl.len().alias("size")
        ).sort("raw_group")  # fmt: skip
        groups = [frozenset(values) for values in sizes["content_hash"].to_list()]
        matched, centroids = match_groups(project, slug, groups, current, fingerprint)
        clusters = _clusters(matched, sizes)
        members = _members(project, frame, clusters, centroids, fingerprint)
        cluster_of = dict(clusters.select("raw_group", "cluster_id").iter_rows())
        return StageResult(
            tables={
                "clusters": (clusters, CLUSTERS_SCHEMA),
                "members": (members, MEMBERS_SCHEMA),
                "ledger": (_ledger_table(matched), LEDGER_SCHEMA),
                "centroids": (_centroid_table(matched, current, fingerprint), CENTROIDS_SCHEMA),
                **family_tables(frame, cluster_of, current, params, category=category),
            },
            params=params.model_dump(),
            facts=_facts(matched, clusters, members, current),
        )

    with project.lock(slug):
        if pointer_is_gone(project.store, slug, "identities"):
            project.talk.notice(heal(project.store, slug, "identities"))
    inputs = digest(source.provenance.fingerprint, params.model_dump(), CODE)
    report = run_stage(project, slug, "identities", Facts, inputs, compute)
    report.counts = {name: value for name, value in report.facts.items() if isinstance(value, int)}
    report.counts["died"] = len(report.facts.get("died", []))
    return report


def match_groups(
    project: Project, slug: str, groups: list[frozenset[str]], current: Artifact | None, encoder: str
) -> tuple[identity.Matching, np.ndarray | None]:
    """The identity of each group (content hashes) if they followed the clusters of `current`; stores nothing.

    Also the centroids of the groups, float32 [g, d], None without groups. `encoder` is the fingerprint of the vectors.
    """
    ledger = _ledger(current, encoder)
    centroids = _centroids(project, groups, ledger, encoder)
    matched = identity.match(
        groups, ledger, project.settings.identities, category=project.category_of(slug),
        named=named_clusters(project, slug), centroids=centroids,
    )  # fmt: skip
    return matched, centroids


def _ledger(current: Artifact | None, encoder: str = "") -> identity.Ledger:
    """The ledger of the last run, with its centroids from this encoder."""
    if current is None:
        return identity.Ledger()
    book = current.table("ledger", LEDGER_SCHEMA, ["cluster_id", "alive", "members"])
    entries = [(row["cluster_id"], row["alive"], frozenset(row["members"])) for row in book.iter_rows(named=True)]
    stored_centroids = _stored_centroids(current).filter(pl.col("encoder") == encoder)
    return identity.Ledger(
        {name: members for name, alive, members in entries if alive},
        {name: members for name, alive, members in entries if not alive},
        {
            name: np.array(values, dtype=np.float32)
            for name, values in stored_centroids.select("cluster_id", "centroid").iter_rows()
        },
    )


def _stored_centroids(current: Artifact | None) -> pl.DataFrame:
    if current is None or "centroids" not in current.provenance.rows:
        return CENTROIDS_SCHEMA.to_frame()
    return current.table("centroids", CENTROIDS_SCHEMA)


def _centroids(
    project: Project, groups: list[frozenset[str]], ledger: identity.Ledger, encoder: str
) -> np.ndarray | None:
    """The centroid of each group, float32 [g, d]. Computes only those of groups whose members changed."""
    if not groups:
        return None
    same = {members: ledger.centroids[name] for name, members in ledger.alive.items() if name in ledger.centroids}
    changed = [sorted(members) for members in groups if members not in same]
    vectors = project.vectors(encoder).read([value for members in changed for value in members])
    parts = iter(np.split(vectors, np.cumsum([len(members) for members in changed])[:-1])) if changed else iter(())
    return np.stack([same[m] if m in same else representing.centroid(next(parts)) for m in groups])


def _clusters(matched: identity.Matching, sizes: pl.DataFrame) -> pl.DataFrame:
    identities = matched.identities
    return pl.DataFrame(
        {
            "cluster_id": [cluster.cluster_id for cluster in identities],
            "fate": [cluster.fate for cluster in identities],
            "parents": [list(cluster.parents) for cluster in identities],
            "into": [list(cluster.into) for cluster in identities],
            "overlap": [cluster.overlap for cluster in identities],
            "similarity": [cluster.similarity for cluster in identities],
            "raw_group": sizes["raw_group"],
            "size": sizes["size"].cast(pl.Int64),
            "previous_size": [cluster.previous_size for cluster in identities],
        },
        schema=CLUSTERS_SCHEMA,
    )


def _ledger_table(matched: identity.Matching) -> pl.DataFrame:
    ledger = matched.ledger
    entries = [*((c, True, m) for c, m in ledger.alive.items()), *((c, False, m) for c, m in ledger.dead.items())]
    return pl.DataFrame(
        [{"cluster_id": c, "alive": alive, "members": sorted(m), "into": list(matched.into.get(c, {}))}
         for c, alive, m in sorted(entries, key=lambda entry: entry[0])],
        schema=LEDGER_SCHEMA,
    )  # fmt: skip


def _centroid_table(matched: identity.Matching, current: Artifact | None, encoder: str) -> pl.DataFrame:
    """All stored centroids: those of this encoder, and for other clusters the last one from an earlier encoder."""
    now = matched.ledger.centroids
    rows = [{"cluster_id": name, "encoder": encoder, "centroid": now[name].tolist()} for name in sorted(now)]
    others = _stored_centroids(current).filter(~pl.col("cluster_id").is_in(list(now)))
    return pl.concat([pl.DataFrame(rows, schema=CENTROIDS_SCHEMA), others]).sort("cluster_id")


def _facts(
    matched: identity.Matching, clusters: pl.DataFrame, members: pl.DataFrame, current: Artifact | None
) -> Facts:
    was = {} if current is None else dict(
        current.table("clusters", CLUSTERS_SCHEMA, ["cluster_id", "size"]).iter_rows()
    )  # fmt: skip
    return Facts(
        clusters=clusters.height,
        unclustered=members["cluster_id"].null_count(),
        images=members.height,
        died=[(cluster, int(was.get(cluster, 0))) for cluster in matched.died],
        died_into={cluster: matched.into[cluster] for cluster in matched.died},
        **{f"fate_{fate}": number for fate, number in clusters.group_by("fate").len().iter_rows()},
    )


def _members(
    project: Project, frame: pl.DataFrame, clusters: pl.DataFrame, centroids: np.ndarray | None, fingerprint: str
) -> pl.DataFrame:
    """Each image with its cluster id; an unclustered one with the nearest cluster and the cosine distance to its
    centroid."""
    joined = frame.join(clusters.select("raw_group", "cluster_id"), on="raw_group", how="left", maintain_order="left")
    loose = joined.filter(pl.col("cluster_id").is_null())
    nearest = pl.DataFrame(schema={"image_id": pl.String(), "nearest_cluster": pl.String(), "distance": pl.Float32()})
    if loose.height and centroids is not None:
        vectors, ids = (
            project.vectors(fingerprint).read(loose["content_hash"].to_list()),
            clusters["cluster_id"].to_list(),
        )
        best, distance = representing.nearest_centroids(vectors, centroids)
        nearest = pl.DataFrame(
            {"image_id": loose["image_id"], "nearest_cluster": [ids[row] for row in best], "distance": distance},
            schema=nearest.schema,
        )
    return joined.join(nearest, on="image_id", how="left", maintain_order="left").select(list(MEMBERS_SCHEMA))
