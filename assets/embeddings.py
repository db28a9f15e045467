"""The asset `embeddings`: its definition and its checks. It is made together with `images`, in `assets/images.py`.

What belongs here: what the UI shows, which settings a run may override, the checks of the vectors. Not here: computing
them (`pipeline/stages/embeddings/stream.py`).
"""

import dagster as dg
import numpy as np
import polars as pl

from assets.checks import Finding, category_check
from assets.common import GROUP, OWNERS, columns
from assets.overrides import overrides
from pipeline.settings import EncoderParams
from pipeline.stages.embeddings.contract import EMBEDDINGS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.ingest import CODE
from pipeline.steps.project import Project
from pipeline.steps.units import units

LENGTH_TOLERANCE = 2e-3  # a unit vector rounded to float16 is off by up to 5e-4 at 1,280 numbers
BLOCK = 8192  # vectors read at a time: 20 MB at 1,280 numbers


class EncoderOverrides(overrides(EncoderParams)):
    """Which model turns an image into a vector, for this run."""


EMBEDDINGS = dg.AssetSpec(
    "embeddings",
    deps=["images", "objects"],
    description="One vector per picture: what it looks like, as numbers that can be compared.\n\n"
    "Only pictures that are new to this encoder are embedded: a rename, a copy or a move costs nothing, and the "
    "vectors of a second encoder are stored beside the first's.",
    group_name=GROUP,
    kinds={"torch", "openvino", "parquet"},
    owners=OWNERS,
    tags={"holds": "vectors"},
    metadata=columns(
        EMBEDDINGS_SCHEMA,
        {"content_hash": "of the image's bytes", "fingerprint": "of the encoder; names the folder of the vectors"},
    ),
    code_version=str(CODE),
)


@category_check("embeddings")
def every_usable_image_has_a_vector(project: Project, slug: str) -> Finding:
    """Each image with status ok has exactly one vector of the current encoder."""
    images = units(project.store, slug).table("images", IMAGES_SCHEMA, ["status", "content_hash"])
    wanted = set(images.filter(pl.col("status") == "ok")["content_hash"].to_list())
    table = _table(project, slug)
    listed = set(table["content_hash"].to_list())
    stored = _stored(project, table)
    lost = len(wanted - (listed & stored))
    return Finding(
        passed=lost == 0 and listed == wanted and table.height == len(listed),
        text=f"{len(wanted):,} distinct usable images, {len(wanted) - lost:,} with a vector",
        figures={"usable": len(wanted), "listed": table.height, "without_vector": lost},
    )


@category_check("embeddings")
def vectors_are_finite_and_of_unit_length(project: Project, slug: str) -> Finding:
    """Every stored vector is finite and of length 1, so that a dot product is a similarity."""
    table = _table(project, slug)
    stored = _stored(project, table)
    hashes = [value for value in table["content_hash"].to_list() if value in stored]
    not_finite, off, farthest = 0, 0, 0.0
    for start in range(0, len(hashes), BLOCK):
        block = project.vectors(str(table["fingerprint"][0])).read(hashes[start : start + BLOCK]).astype(np.float32)
        finite = np.isfinite(block).all(axis=1)
        away = np.abs(np.linalg.norm(block[finite], axis=1) - 1)
        not_finite += int((~finite).sum())
        off += int((away > LENGTH_TOLERANCE).sum())
        farthest = max(farthest, float(away.max(initial=0)))
    return Finding(
        passed=not_finite == 0 and off == 0,
        text=f"{len(hashes):,} vectors: {not_finite:,} not finite, {off:,} not of unit length",
        figures={"vectors": len(hashes), "not_finite": not_finite, "not_unit": off, "farthest_from_1": farthest},
    )


def _table(project: Project, slug: str) -> pl.DataFrame:
    return project.store.require(slug, "embeddings").table("embeddings", EMBEDDINGS_SCHEMA)


def _stored(project: Project, table: pl.DataFrame) -> set[str]:
    return project.vectors(str(table["fingerprint"][0])).known() if table.height else set()
