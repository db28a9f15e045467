"""The nearest neighbours of a category's images, kept so that another granularity does not search for them again.

What belongs here: storing and finding one table of neighbours per category. Not here: the search
(`stages/neighbours/knn.py`), and when it may be spared (`steps/labels.py`). A cache: deleting it costs one search.
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
        """What was stored under this very key; None where it is another's, damaged or not there."""
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
        """Keep these in the place of what was kept before."""
        file = io.BytesIO()
        search = np.array(json.dumps(neighbours.search))
        np.savez(file, key=np.array(key), indices=neighbours.indices, distances=neighbours.distances, search=search)
        write_atomically(self.root / f"{slug}.npz", file.getvalue())
