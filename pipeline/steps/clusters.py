"""Embeddings → reduced → labels → identities → representatives, and the similarity index beside them.

What belongs here: reading what the stage before stored, asking whether there is anything to do, storing the result. Not
here: any of the computing (`stages/`).

Copies of one picture are one point: stages work on distinct content hashes, and every image gets the result of its own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from pipeline.settings import ReductionParams
from pipeline.stages import identities as identity
from pipeline.stages import labels as labelling
from pipeline.stages import reduced as reducing
from pipeline.stages import representatives as representing
from pipeline.stages import similarity as searching
from pipeline.stages.images import IMAGES_SCHEMA
from pipeline.steps.project import Project, Report, timed
from pipeline.storage.artifacts import Artifact, digest

CODE = {"reduced": 1, "labels": 1, "identities": 1, "representatives": 1, "similarity": 1}
Compute = Callable[[Artifact | None], dict[str, Any]]


def reduced(project: Project, slug: str) -> Report:
    """Bring `reduced` up to date."""
    params = reduction_as_used(project)
    images, fingerprint = _embedded_images(project, slug)

    def compute(current: Artifact | None) -> dict[str, Any]:
        from pipeline.adapters.numba_cache import import_umap_cached

        unique = images.unique("content_hash", keep="first", maintain_order=True)
        vectors = project.vectors(fingerprint).read(unique["content_hash"].to_list()).astype(np.float32)
        if params.method == "umap" and len(vectors) >= reducing.FEW:
            project.talk.notice("Reducing with UMAP …")
            import_umap_cached(project.layout.cache / "numba")
        made = reducing.reduce(vectors, params)
        # unreduced vectors are stored once, as embeddings; the table then holds the map only
        kept = made.vectors[:, :0] if made.effective["method"] == "none" else made.vectors
        same_encoder = current is not None and current.provenance.facts.get("embeddings") == fingerprint
        places = _previous_places(current, unique) if current is not None and same_encoder else None
        positions = reducing.layout(vectors, params, places, on_notice=project.talk.notice)
        table = pl.DataFrame(
            {
                "content_hash": unique["content_hash"],
                "vector": pl.Series(kept, dtype=pl.Array(pl.Float32(), kept.shape[1])),
                "x": positions[:, 0],
                "y": positions[:, 1],
            },
            schema_overrides={"x": pl.Float32(), "y": pl.Float32()},
        )
        schema = reducing.reduced_schema(kept.shape[1])
        joined = images.select("image_id", "content_hash").join(table, on="content_hash", maintain_order="left")
        facts = {"embeddings": fingerprint, "dimension": kept.shape[1], "distinct": unique.height}
        return {"tables": {"reduced": (joined, schema)}, "params": made.effective, "facts": facts}

    inputs = digest(images.select("image_id", "content_hash"), fingerprint, params.model_dump(), CODE["reduced"])
    report = _step(project, slug, "reduced", inputs, compute)
    report.counts = {"images": images.height, "distinct": int(report.facts.get("distinct", 0))}
    return report


def labels(project: Project, slug: str) -> Report:
    """Bring `labels` up to date."""
    params = project.settings.labels
    source = project.store.require(slug, "reduced")

    def compute(_: Artifact | None) -> dict[str, Any]:
        dimension = int(source.provenance.facts["dimension"])
        frame = source.table("reduced", reducing.reduced_schema(dimension))
        unique = frame.unique("content_hash", keep="first", maintain_order=True)
        if dimension:
            vectors = unique["vector"].to_numpy().reshape(unique.height, dimension)
        else:
            store = project.vectors(str(source.provenance.facts["embeddings"]))
            vectors = store.read(unique["content_hash"].to_list()).astype(np.float32)
        found = labelling.group(vectors, params)
        groups = pl.Series("raw_group", found.groups, dtype=pl.Int32)
        table = pl.DataFrame(
            {
                "content_hash": unique["content_hash"],
                "raw_group": pl.select(pl.when(groups >= 0).then(groups)).to_series(),
                "probability": pl.Series(found.probability, dtype=pl.Float32),
                "outlier_score": pl.Series(found.outlier_score, dtype=pl.Float32),
            }
        )
        joined = frame.select("image_id", "content_hash").join(table, on="content_hash", maintain_order="left")
        grouped = joined.filter(pl.col("raw_group").is_not_null())
        largest = grouped.group_by("raw_group").len()["len"].max() if grouped.height else 0
        facts = {"groups": grouped["raw_group"].n_unique(), "unclustered": joined.height - grouped.height,
                 "largest": largest, "images": joined.height}  # fmt: skip
        return {"tables": {"labels": (joined, labelling.LABELS_SCHEMA)}, "params": found.effective, "facts": facts}

    inputs = digest(source.provenance.fingerprint, params.model_dump(), CODE["labels"])
    report = _step(project, slug, "labels", inputs, compute)
    report.counts = {name: int(report.facts[name]) for name in ("images", "groups", "unclustered", "largest")}
    return report


def identities(project: Project, slug: str) -> Report:
    """Bring `identities` up to date: the ids of the last run carry over to the groups that continue them."""
    params = project.settings.identities
    source = project.store.require(slug, "labels")
    _, fingerprint = _embedded_images(project, slug)

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

    inputs = digest(source.provenance.fingerprint, params.model_dump(), CODE["identities"])
    report = _step(project, slug, "identities", inputs, compute)
    report.counts = {name: value for name, value in report.facts.items() if isinstance(value, int)}
    report.counts["died"] = len(report.facts.get("died", []))
    return report


def representatives(project: Project, slug: str) -> Report:
    """Bring `representatives` up to date."""
    params = project.settings.representatives
    source = project.store.require(slug, "identities")
    images, fingerprint = _embedded_images(project, slug)

    def compute(_: Artifact | None) -> dict[str, Any]:
        members = source.table("members", identity.MEMBERS_SCHEMA).filter(pl.col("cluster_id").is_not_null())
        store = project.vectors(fingerprint)
        members = members.sort("cluster_id", "image_id")
        vectors = store.read(members["content_hash"].to_list())
        clusters: list[dict[str, Any]] = []
        rows: list[pl.DataFrame] = []
        start = 0
        for (cluster,), part in members.group_by("cluster_id", maintain_order=True):
            names = part["image_id"].to_list()
            found = representing.represent(vectors[start : start + part.height], names, params)
            start += part.height
            clusters.append({"cluster_id": cluster, "size": part.height, "cohesion": found.cohesion,
                             "representative": names[found.chosen[0]], "centroid": found.centroid})  # fmt: skip
            place = {row: number for number, row in enumerate(found.chosen)}
            rows.append(
                pl.DataFrame(
                    [{"cluster_id": cluster, "image_id": names[row], "rank": rank, "chosen": place.get(int(row)),
                      "similarity": float(found.similarity[row])} for rank, row in enumerate(found.order)],
                    schema=representing.MEMBERS_SCHEMA,
                )
            )  # fmt: skip
        dimension = store.dimension() or 0
        schema = representing.clusters_schema(dimension)
        return {
            "tables": {
                "clusters": (pl.DataFrame(clusters, schema=schema), schema),
                "members": (pl.concat([pl.DataFrame(schema=representing.MEMBERS_SCHEMA), *rows]),
                            representing.MEMBERS_SCHEMA),
            },
            "params": params.model_dump(),
            "facts": {"dimension": dimension, "clusters": len(clusters), "images": images.height},
        }  # fmt: skip

    inputs = digest(source.provenance.fingerprint, fingerprint, params.model_dump(), CODE["representatives"])
    report = _step(project, slug, "representatives", inputs, compute)
    report.counts = {"clusters": int(report.facts["clusters"])}
    return report


def similarity(project: Project, slug: str) -> Report:
    """Bring the `similarity` index up to date."""
    images, fingerprint = _embedded_images(project, slug)

    def compute(_: Artifact | None) -> dict[str, Any]:
        vectors = project.vectors(fingerprint).read(images["content_hash"].to_list())
        table = images.select("image_id", "content_hash", "key").with_row_index("row").select(
            pl.col("row").cast(pl.Int64), "image_id", "content_hash", "key"
        )  # fmt: skip
        return {
            "tables": {"ids": (table, searching.IDS_SCHEMA)},
            "files": {"index.faiss": searching.build(vectors) if len(vectors) else b""},
            "params": {"index": "flat float16, inner product, exact"},
            "facts": {"vectors": images.height, "embeddings": fingerprint},
        }

    inputs = digest(images.select("image_id", "content_hash", "key"), fingerprint, CODE["similarity"])
    report = _step(project, slug, "similarity", inputs, compute)
    report.counts = {"vectors": int(report.facts["vectors"])}
    return report


def reduction_as_used(project: Project) -> ReductionParams:
    """The reduction with `auto` resolved: none where the clusterer works on the embeddings, else UMAP."""
    params = project.settings.reduced
    if params.method != "auto":
        return params
    return params.model_copy(update={"method": "none" if project.settings.labels.method == "community" else "umap"})


def _step(project: Project, slug: str, name: str, inputs: str, compute: Compute) -> Report:
    """Run `compute` and store what it returns, unless the stored version was made of the same inputs."""
    report = Report(name, project.category_of(slug))
    with project.lock(slug), timed(report):
        current = project.store.current(slug, name)
        report.unchanged = current is not None and current.provenance.fingerprint == inputs
        if current is None or not report.unchanged:
            current = project.store.write(
                slug, name, fingerprint=inputs, created_at=project.now(), **compute(current)
            )  # fmt: skip
    report.data_version = inputs
    report.effective = dict(current.provenance.params)
    report.facts = dict(current.provenance.facts)
    report.path = current.folder
    return report


def _embedded_images(project: Project, slug: str) -> tuple[pl.DataFrame, str]:
    """The usable images in order of their id, and which vectors are theirs."""
    from pipeline.steps.ingest import EMBEDDINGS_SCHEMA

    images = (
        project.store.require(slug, "images").table("images", IMAGES_SCHEMA)
        .filter(pl.col("status") == "ok").sort("image_id")
    )  # fmt: skip
    embeddings = project.store.require(slug, "embeddings")
    table = embeddings.table("embeddings", EMBEDDINGS_SCHEMA)
    return images, str(table["fingerprint"][0]) if table.height else ""


def _previous_places(current: Artifact, unique: pl.DataFrame) -> np.ndarray:
    schema = reducing.reduced_schema(current.provenance.facts["dimension"])
    old = current.table("reduced", schema, ["content_hash", "x", "y"]).unique("content_hash")
    joined = unique.select("content_hash").join(old, on="content_hash", how="left", maintain_order="left")
    return joined.select("x", "y").fill_null(float("nan")).to_numpy()


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
