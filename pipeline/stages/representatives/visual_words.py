"""Which word describes a cluster better than it describes the others.

What belongs here: the score, from vectors of clusters and of words in one space. Not here: the words and their vectors
(`adapters/encoders/text.py`), showing them (`steps/library_view/visual_words.py`).

The cosine of a word with a picture says little by itself: some words are near to every picture, and whole models lie
higher than others. So a word is scored by its margin: its cosine with the cluster minus its mean cosine with the other
clusters, times the scale that the model learned with its cosines. That makes it a difference of logits: 1 says that
the word is e times as likely for this cluster as for the others, by the model's own measure (Radford et al., 2021, for
CLIP; Zhai et al., 2023, for SigLIP). So one threshold serves all models; in cosines each has its own, 1 / scale.
"""

import numpy as np

LEAST = 1.0  # score from which a word is worth showing


def margins(clusters: np.ndarray, words: np.ndarray, scale: float) -> np.ndarray:
    """The score of each word for each cluster, float32 [c, w].

    `clusters` float [c, d] and `words` float [w, d], L2-normalised. All 0 for a single cluster, which has no others.
    """
    cosines = clusters.astype(np.float32) @ words.astype(np.float32).T
    count = len(clusters)
    if count < 2:
        return np.zeros_like(cosines)
    others = (cosines.sum(axis=0) - cosines) / (count - 1)
    return np.asarray(scale * (cosines - others), dtype=np.float32)


def best_words(clusters: np.ndarray, words: np.ndarray, scale: float) -> list[tuple[int, float] | None]:
    """For each cluster the number of its best word and its score; None if no word has a score of `LEAST`."""
    scores = margins(clusters, words, scale)
    found = scores.argmax(axis=1) if scores.size else np.zeros(len(clusters), dtype=np.int64)
    best = [(int(word), float(scores[row, word])) for row, word in enumerate(found)] if scores.size else []
    return [pair if pair[1] >= LEAST else None for pair in best] or [None] * len(clusters)
