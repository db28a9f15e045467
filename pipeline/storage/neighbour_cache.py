"""A cache of the nearest neighbours of a category's images, so that another granularity needs no new search.

What belongs here: storing and reading one table of neighbours per category. Not here: the search
(`stages/neighbours/knn.py`), when to use the cache (`steps/labels.py`). Deleting it costs one search.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np

from pipeline.stages.neighbours.knn import Neighbours
from pipeline.storage.files import write_atomically


class NeighbourCache:
    """One file per category below one folder, 8 bytes for each neighbour of each image."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, slug: str, key: str) -> Neighbours | None:
        """The neighbours stored under this key; None if there are none, or the file is damaged."""
        path = self.root / f"{slug}.npz"
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as stored:
                if str(stored["key"]) != key:
                    return None
                return Neighbours(stored["indices"], stored["distances"], json.loads(str(stored["search"])))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def write(self, slug: str, key: str, neighbours: Neighbours) -> None:
        """Store these neighbours instead of the previous ones."""
        file = io.BytesIO()
        search = np.array(json.dumps(neighbours.search))
        np.savez(file, key=np.array(key), indices=neighbours.indices, distances=neighbours.distances, search=search)
        write_atomically(self.root / f"{slug}.npz", file.getvalue())
