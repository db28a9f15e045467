"""Neighbours that were found are found again, and never those of other images."""

from pathlib import Path

import numpy as np

from pipeline.stages.neighbours.knn import Neighbours
from pipeline.storage.neighbour_cache import NeighbourCache

FOUND = Neighbours(
    np.array([[1], [0]], dtype=np.int32), np.array([[0.5], [0.5]], dtype=np.float32), {"search": "cells"}
)


def test_what_was_kept_is_read_under_its_own_key_only(tmp_path: Path) -> None:
    cache = NeighbourCache(tmp_path)
    assert cache.read("bollards", "k1") is None
    cache.write("bollards", "k1", FOUND)
    read = cache.read("bollards", "k1")
    assert read is not None
    assert (read.indices == FOUND.indices).all()
    assert read.indices.dtype == np.int32
    assert (read.distances == FOUND.distances).all()
    assert read.search == {"search": "cells"}, "what was really done is told again"
    assert cache.read("bollards", "k2") is None
    assert cache.read("cars", "k1") is None


def test_a_category_keeps_one_file_and_a_damaged_one_is_no_trouble(tmp_path: Path) -> None:
    cache = NeighbourCache(tmp_path)
    cache.write("bollards", "k1", FOUND)
    cache.write("bollards", "k2", FOUND)
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:60])
    assert cache.read("bollards", "k2") is None
    file.write_bytes(b"")
    assert cache.read("bollards", "k2") is None
