"""A query image → the most similar images of a category.

What belongs here: finding the query's vector and naming the results. Not here: the index (`stages/similarity.py`).
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.errors import ImageClusterError, UnknownNameError
from pipeline.stages import similarity as searching
from pipeline.stages.images import Rejected, decode
from pipeline.steps.project import Project
from pipeline.storage.artifacts import Artifact
from pipeline.storage.layout import read_slugs


def find_similar(
    project: Project, query: str, *, category: str | None = None, top_k: int = 20, min_score: float = -1.0
) -> list[dict[str, Any]]:
    """The `top_k` images most similar to `query`: a key or image id of the library, or an image file.

    Rows hold score (cosine, 1 = the same), key and image_id, best first. A member finds itself first.
    Raises `UnknownNameError` naming the nearest keys.
    """
    slugs = [project.slug_of(category)] if category else sorted(read_slugs(project.layout))
    indexes = [project.store.require(slug, "similarity") for slug in slugs if _has_index(project, slug, category)]
    for artifact in indexes:
        ids = artifact.table("ids", searching.IDS_SCHEMA)
        row = ids.filter((pl.col("key") == query) | (pl.col("image_id") == query))
        if row.height:
            store = project.vectors(str(artifact.provenance.facts["embeddings"]))
            return _search(artifact, ids, store.read([row["content_hash"][0]])[0], top_k, min_score)
    path = Path(query)
    if not path.is_file():
        raise UnknownNameError(
            f"{query!r} is no image of {project.settings.data_dir} and no file.{_near(indexes, query)}"
        )
    vector = _embed_file(project, path)
    hits = [
        row for one in indexes for row in _search(one, one.table("ids", searching.IDS_SCHEMA), vector, top_k, min_score)
    ]
    return sorted(hits, key=lambda hit: (-hit["score"], hit["key"]))[:top_k]


def _has_index(project: Project, slug: str, category: str | None) -> bool:
    return category is not None or project.store.current(slug, "similarity") is not None


def _search(
    artifact: Artifact, ids: pl.DataFrame, vector: np.ndarray, top_k: int, min_score: float
) -> list[dict[str, Any]]:
    if not ids.height:
        return []
    index = searching.load(artifact.file("index.faiss").read_bytes())
    return [
        {"score": round(hit.score, 4), "key": ids["key"][hit.row], "image_id": ids["image_id"][hit.row]}
        for hit in searching.search(index, vector, top_k)
        if hit.score >= min_score
    ]


def _embed_file(project: Project, path: Path) -> np.ndarray:
    decoded = decode(path.read_bytes(), project.settings.images)
    if isinstance(decoded, Rejected):
        raise ImageClusterError(f"{path} cannot be searched for: {decoded.reason}.")
    encoder = project.encoder
    return encoder.encode(encoder.prepare(decoded.pixels)[None])[0]


def _near(indexes: list[Artifact], query: str) -> str:
    import difflib

    keys = [key for one in indexes for key in one.table("ids", searching.IDS_SCHEMA)["key"].to_list()]
    near = difflib.get_close_matches(query, keys, n=3, cutoff=0.6)
    return f" Did you mean {', '.join(near)}?" if near else ""
