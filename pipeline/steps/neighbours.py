"""The nearest neighbours of a category's images, searched once and shared by the links that need them.

What belongs here: when the stored neighbours are used. Not here: the search (`stages/neighbours/knn.py`), the file
(`storage/neighbour_cache.py`).
"""

from collections.abc import Sequence

import numpy as np

from pipeline.stages.neighbours.knn import Neighbours, nearest_neighbours
from pipeline.steps.project import Project
from pipeline.storage.artifacts import digest
from pipeline.storage.neighbour_cache import NeighbourCache

CODE = 1  # increase when the search finds others in the same vectors
SEARCHED = 1000  # up to this many images, a search takes no longer than storing and reading its result


def shared_neighbours(
    project: Project, slug: str, space: str, hashes: Sequence[str], vectors: np.ndarray, count: int
) -> Neighbours:
    """The `count` nearest neighbours of each row of `vectors` float32 [n, d], from the cache if they were searched.

    `space` identifies what the vectors of `hashes` are: encoder, weights, reduction.
    """
    if len(hashes) <= SEARCHED:
        return nearest_neighbours(vectors, count)
    cache = NeighbourCache(project.layout.neighbours)
    key = digest(space, vectors.shape[1], list(hashes), count, CODE)
    neighbours = cache.read(slug, key)
    if neighbours is None:
        neighbours = nearest_neighbours(vectors, count)
        cache.write(slug, key, neighbours)
    return neighbours
