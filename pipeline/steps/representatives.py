"""`identities` → `representatives`: members in order of how typical they are, the chosen few, the centroid.

What belongs here: reading members and vectors, storing. Not here: the choice (`stages/representatives.py`).
"""

from typing import Any

import polars as pl

from pipeline.stages import identities as identity
from pipeline.stages import representatives as representing
from pipeline.steps.project import Project, Report
from pipeline.steps.stage import embedded_images, run_stage
from pipeline.storage.artifacts import Artifact, digest

CODE = 1  # counted up when the same inputs give another result


def representatives(project: Project, slug: str) -> Report:
    """Bring `representatives` up to date."""
    params = project.settings.representatives
    source = project.store.require(slug, "identities")
    images, fingerprint = embedded_images(project, slug)

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

    inputs = digest(source.provenance.fingerprint, fingerprint, params.model_dump(), CODE)
    report = run_stage(project, slug, "representatives", inputs, compute)
    report.counts = {"clusters": int(report.facts["clusters"])}
    return report
