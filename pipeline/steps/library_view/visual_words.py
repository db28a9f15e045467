"""A word for each cluster, from what its pictures show, where the encoder reads words. Shown, never published.

What belongs here: the vectors of words (computed once per encoder, then read) and of clusters. Not here: the score
(`stages/representatives/visual_words.py`), names from file names and captions (`curation/suggest.py`).
"""

import io
from dataclasses import dataclass

import numpy as np

from pipeline.adapters.encoders.registry import parse_spec, spec_identity
from pipeline.adapters.encoders.text import TEXT_FAMILIES, open_text_encoder
from pipeline.adapters.encoders.words import word_list
from pipeline.errors import EncoderError
from pipeline.stages.embeddings.contract import Facts
from pipeline.stages.representatives.ranking import centroid
from pipeline.stages.representatives.visual_words import best_words
from pipeline.steps.library_view.snapshot import Snapshot
from pipeline.steps.project import Project
from pipeline.steps.stage import embedded_images
from pipeline.storage.artifacts import digest
from pipeline.storage.files import write_atomically

PROMPT = "a photo of {}"  # as CLIP was evaluated (Radford et al., 2021)
LOOKED_AT = 200  # images of a cluster that its centre is computed from
AT_ONCE = 256  # words per forward pass


@dataclass(frozen=True)
class VisualWord:
    """A word, and by how much it fits this cluster better than the others, in logits of the model."""

    word: str
    score: float


def visual_words(project: Project, snapshot: Snapshot) -> dict[str, VisualWord]:
    """Cluster id → the word that sets it apart; empty where the encoder sees pictures only.

    Gives a notice if the text tower cannot be loaded. Raises `SettingsError` for an unusable file of words.
    """
    spec = project.settings.encoder.spec
    stored = project.store.current(snapshot.slug, "embeddings")
    if parse_spec(spec).family not in TEXT_FAMILIES or stored is None or stored.facts(Facts).spec != spec:
        return {}
    words = word_list(project.settings.encoder.words_file)
    try:
        vectors, scale = _word_vectors(project, words)
    except EncoderError as error:
        project.tell_once(f"No words are suggested for clusters: {error}")
        return {}
    clusters = {name: rows for name, rows in snapshot.rows_by_cluster.items() if rows}
    found = best_words(_centres(project, snapshot, list(clusters.values())), vectors, scale)
    return {
        name: VisualWord(words[best[0]], round(best[1], 2))
        for name, best in zip(clusters, found, strict=True) if best is not None
    }  # fmt: skip


def _centres(project: Project, snapshot: Snapshot, clusters: list[list[int]]) -> np.ndarray:
    """Float32 [clusters, d]."""
    hashes = snapshot.frame["content_hash"]
    store = project.vectors(embedded_images(project, snapshot.slug)[1])
    centres = [centroid(store.read(hashes[rows[:LOOKED_AT]].to_list()).astype(np.float32)) for rows in clusters]
    return np.stack(centres) if centres else np.empty((0, 1), np.float32)


def _word_vectors(project: Project, words: list[str]) -> tuple[np.ndarray, float]:
    """The vectors of the words, float32 [w, d], and the scale of the model; from the cache where they are there."""
    spec = project.settings.encoder.spec
    path = project.layout.word_vectors(digest(spec_identity(spec), words, PROMPT))
    if path.exists():
        try:
            with np.load(path) as stored:
                return stored["vectors"], float(stored["scale"])
        except (OSError, ValueError, KeyError):
            pass  # a damaged cache is written again
    project.talk.notice(f"Reading {len(words):,} words with {spec}, once …")
    encoder = open_text_encoder(spec)
    texts = [PROMPT.format(word) for word in words]
    vectors = np.concatenate([encoder.encode(texts[at : at + AT_ONCE]) for at in range(0, len(texts), AT_ONCE)])
    file = io.BytesIO()
    np.savez(file, vectors=vectors, scale=encoder.scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, file.getvalue())
    return vectors, encoder.scale
