"""Finding images and clusters by words: file names, groups, captions, tags, names and descriptions of clusters.

What belongs here: which rows and clusters fit what was typed. Not here: search by what a picture shows
(`steps/search.py`), the answer (`service/routes/words.py`).

Every word must be found somewhere in an image, in any order and case. What a run computes is joined into one lower-case
text for each image, once per run; names, descriptions and tags are looked at when they are asked for, so a decision is
found at once.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipeline.steps.library_view.listing import captions
from pipeline.steps.library_view.snapshot import ClusterRow, Snapshot
from pipeline.steps.library_view.tables import Versions
from pipeline.steps.project import Project

MOST_WORDS = 12
LEAST_OF_AN_ID = 4  # characters of its beginning; ids are random, so any other piece of one fits many by chance


class Texts:
    """The texts of the images of each category, as of the last run. Thread-safe."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._texts: dict[str, tuple[Versions, pl.Series]] = {}
        self._lock = threading.Lock()

    def of(self, snapshot: Snapshot) -> pl.Series:
        """The lower-case text of each row of the frame."""
        with self._lock:
            cached = self._texts.get(snapshot.slug)
            if cached is None or cached[0] != snapshot.base.versions:
                cached = self._texts[snapshot.slug] = (snapshot.base.versions, self._joined(snapshot))
        return cached[1]

    def _joined(self, snapshot: Snapshot) -> pl.Series:
        caption_of = captions(self._project, snapshot.slug)
        words = pl.Series(
            "caption", [caption_of.get(name, "") for name in snapshot.frame["source_id"]], dtype=pl.String
        )
        parts = [pl.col(name).fill_null("") for name in ("key", "identifier", "group", "caption")]
        joined = pl.concat_str(*parts, separator="\n")
        texts = snapshot.frame.select("key", "identifier", "group").with_columns(words).select(joined)
        return pl.Series([text.casefold() for text in texts.to_series()], dtype=pl.String)  # as the words are


def words_of(query: str) -> list[str]:
    """What was typed as words, lower case, each once."""
    return list(dict.fromkeys(query.casefold().split()))[:MOST_WORDS]


def cluster_fits(cluster: ClusterRow, word: str) -> bool:
    """Whether a word is in a name or the description of a cluster, or begins its id (from `LEAST_OF_AN_ID` on)."""
    texts = [cluster["name"] or "", cluster["description"] or "", *cluster["former_names"]]
    ids = [cluster["id"], *cluster["merged"]] if len(word) >= LEAST_OF_AN_ID else []
    return any(word in text.casefold() for text in texts) or any(name.startswith(word) for name in ids)


def fits(cluster: ClusterRow, query: str) -> bool:
    """Whether a cluster fits every word."""
    return all(cluster_fits(cluster, word) for word in words_of(query))


def find_clusters(snapshot: Snapshot, query: str) -> list[ClusterRow]:
    """The clusters that fit every word, the largest first."""
    found = [cluster for cluster in snapshot.clusters.values() if words_of(query) and fits(cluster, query)]
    return sorted(found, key=lambda cluster: (-cluster["size"], cluster["id"]))


def fitting_words(snapshot: Snapshot, texts: Texts, query: str) -> np.ndarray:
    """Bool [rows of the frame]: the images that fit every word. All without a word."""
    keep = np.ones(snapshot.frame.height, dtype=bool)
    for word in words_of(query):
        has_word = texts.of(snapshot).str.contains(word, literal=True).to_numpy().copy()
        for cluster in snapshot.clusters.values():
            if cluster_fits(cluster, word):
                has_word[snapshot.rows_by_cluster[cluster["id"]]] = True
        if len(word) >= LEAST_OF_AN_ID:
            has_word |= snapshot.frame["image_id"].str.starts_with(word).to_numpy()
        for tag, rows in snapshot.rows_by_tag.items():
            if word in tag.casefold():
                has_word[rows] = True
        keep &= has_word
    return keep


def find_rows(snapshot: Snapshot, texts: Texts, query: str) -> list[int]:
    """The rows of the images that fit every word, sorted by key. All rows without a word."""
    found = np.flatnonzero(fitting_words(snapshot, texts, query))
    return found[np.argsort(snapshot.frame["key"].rank("ordinal").to_numpy()[found], kind="stable")].tolist()


@dataclass(frozen=True)
class Found:
    """What fits words in one category: clusters (cluster, name, size), the largest first, and images (key, image_id,
    cluster, name of the cluster), by key. `elsewhere` counts images that are in no cluster for a reason."""

    category: str
    clusters: list[dict[str, Any]]
    images: list[dict[str, Any]]
    elsewhere: int

    def shown(self, most: int) -> dict[str, Any]:
        """All of it with at most so many clusters and images, and how many there are."""
        return {"category": self.category, "clusters": self.clusters[:most], "images": self.images[:most],
                "total_clusters": len(self.clusters), "total_images": len(self.images),
                "elsewhere": self.elsewhere}  # fmt: skip


def find_words(snapshot: Snapshot, texts: Texts, query: str) -> Found:
    """Clusters and images of a category that fit every word."""
    fitting = find_rows(snapshot, texts, query)
    rows = clustered_or_not(snapshot, fitting)
    home = {row: name for name, members in snapshot.rows_by_cluster.items() for row in members}
    keys, ids = snapshot.frame["key"], snapshot.frame["image_id"]
    images: list[dict[str, Any]] = []
    for row in rows:
        cluster = home.get(row)
        name = snapshot.clusters[cluster]["name"] if cluster is not None else None
        images.append({"key": keys[row], "image_id": ids[row], "cluster": cluster, "name": name})
    clusters: list[dict[str, Any]] = [
        {"cluster": cluster["id"], "name": cluster["name"], "size": cluster["size"]}
        for cluster in find_clusters(snapshot, query)
    ]
    return Found(snapshot.slug, clusters, images, len(fitting) - len(rows))


def clustered_or_not(snapshot: Snapshot, rows: Sequence[int]) -> list[int]:
    """Those rows that are clustered or unclustered: neither set aside nor left out."""
    inside = {row for state in ("clustered", "unclustered") for row in snapshot.rows_by_state.get(state, [])}
    return [row for row in rows if row in inside]
