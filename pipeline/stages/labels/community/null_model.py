"""Whether a library has clear kinds at all: its modularity beside that of one blob with the same covariance.

What belongs here: the ratio, and from where on kinds are called clear. Not here: the clusters (`clusterer.py`), the
sentence that people read (`published/guard.py`).

Any graph of neighbours falls into communities, that of random points too. So the modularity says little by itself; it
is compared with what Leiden finds in a library that has no kinds: draws from one Gaussian with the mean and the
covariance of the library. The null model is that of SigClust (Liu, Hayes, Nobel, Marron, 2008, "Statistical
significance of clustering for high-dimension, low-sample size data"), the comparison that of the gap statistic
(Tibshirani, Walther, Hastie, 2001).
"""

import numpy as np
from scipy import sparse

from pipeline.stages.labels.community.clusterer import NEIGHBOURS, neighbours_of
from pipeline.stages.labels.community.resolution import STEP, USUAL, granularity_of, inside_share, resolution_of
from pipeline.stages.labels.community.structure import leiden
from pipeline.stages.neighbours.fuzzy_graph import fuzzy_graph
from pipeline.stages.neighbours.knn import nearest_neighbours

CLEAR = 1.03  # blobs came to at most 1.017, the labelled library with the least contrast to 1.048
FEWEST = 50  # images; the ratio of fewer varies by 0.2, and one look shows them all
SAMPLE = 1000  # images that are compared
LEVELS = (resolution_of(granularity_of(USUAL) - STEP), USUAL)
DRAWS = 4  # pairs of a sample and a blob; the ratio of a single pair varies by 0.01 to 0.02


def modularity_ratio(vectors: np.ndarray, seed: int) -> float | None:
    """The modularity of L2-normalised float32 [n, d] over that of one blob; None for fewer than `FEWEST` images.

    About 1 where there are no kinds, 1.2 to 2 where there are. The mean of `DRAWS` draws, at the level `auto` or
    `coarse`, whichever is higher: two kinds without finer ones stand out at the coarser level only.
    """
    if len(vectors) < FEWEST:
        return None
    ratios: list[np.ndarray] = []
    for draw in range(DRAWS):
        rng = np.random.default_rng((seed, draw))
        rows = np.sort(rng.permutation(len(vectors))[:SAMPLE])
        sample = vectors[rows]
        expected = _modularities(_blob(sample, rng), seed + draw)
        ratios.append(_modularities(sample, seed + draw) / np.maximum(expected, 1e-12))
    return float(np.mean(ratios, axis=0).max())


def _blob(vectors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many draws from one Gaussian with the mean and the covariance of `vectors`, on the sphere again."""
    n = len(vectors)
    mean = vectors.mean(axis=0)
    weights = rng.standard_normal((n, n), dtype=np.float32) / np.float32(np.sqrt(max(n - 1, 1)))
    drawn = mean + weights @ (vectors - mean)
    return drawn / np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-12)


def _modularities(vectors: np.ndarray, seed: int) -> np.ndarray:
    """The modularity that one run of Leiden finds in the graph of neighbours at each of `LEVELS`, float64 [levels]."""
    neighbours = nearest_neighbours(vectors, NEIGHBOURS - 1)
    graph: sparse.csr_matrix = fuzzy_graph(neighbours.nearest(neighbours_of(len(vectors))))
    degree = np.asarray(graph.sum(axis=1), dtype=np.float64).ravel()
    degree /= max(float(degree.sum()), 1e-12)
    modularities: list[float] = []
    for resolution in LEVELS:
        labels = leiden(graph, resolution, seed)
        shares = np.bincount(labels, weights=degree)
        modularities.append(inside_share(graph, labels) - resolution * float((shares**2).sum()))
    return np.array(modularities)
