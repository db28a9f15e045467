"""Which pairs of contents may be the same picture: from a search, or from the stored result of the last search.

What belongs here: the two searches, by perceptual hash and by embedding, and the stored result that lets the next
search look at new contents only. Not here: what makes two contents duplicates, and groups (`groups.py`).

Contents are rows, best first. A row is compared with the worse rows, which come after it. Whether a pair agrees depends
on the pair alone, so a stored result stays valid for the contents that took part in that search; only new contents are
compared with them. A row is covered when it is already assigned to a better row. A covered row is not queried: it has
no stored pairs and gets a full search when it is queried for the first time.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl

from pipeline.stages.duplicates.contract import AGREED_SCHEMA, COMPARED_SCHEMA
from pipeline.stages.duplicates.hash_index import HashIndex
from pipeline.stages.principal_axes import principal_axes

TILE = 32_768  # contents that a block is compared with at once
BLOCK = 256  # contents queried at once: bounds memory when thousands are alike
PROJECTED = 128  # dimensions in which pairs are ruled out
SAMPLE = 20_000  # contents that the projection is computed from
WORTH = 3  # contents per dimension from which a projection saves more time than computing it takes
SLACK = 5e-4  # added to distances, because the embeddings are float16
FEW = 8  # stored results are used if at most one content in 8 is new
CONVERTED = 8192  # vectors turned into float32 at a time
NEW_AT_ONCE = 1024  # new contents that these are compared with: turning them takes as long as comparing 256

Agrees = Callable[[np.ndarray, int, int], np.ndarray]  # query rows, begin and end of the others → bool [n, m]
Search = Callable[[np.ndarray], list[np.ndarray]]  # query rows → the rows that may agree with each
Candidates = Callable[[np.ndarray, Container[int]], Iterator[np.ndarray]]  # the same; empty for covered rows


@dataclass(frozen=True)
class Compared:
    """What one search stores for the next: per level the contents that took part, which were queried, and the pairs
    that agreed."""

    contents: pl.DataFrame = field(default_factory=COMPARED_SCHEMA.to_frame)
    pairs: pl.DataFrame = field(default_factory=AGREED_SCHEMA.to_frame)


class SearchCache:
    """The stored result of one level, by row, and the result of this search as it grows.

    `searched` counts the pairs that were compared.
    """

    def __init__(self, level: str, hashes: pl.Series, rows: np.ndarray, previous: Compared) -> None:
        """`hashes` are the content hashes of all rows, `rows` those that take part now, ascending."""
        self.level, self.hashes, self.rows = level, hashes, rows
        self.took_part, self.queried = np.zeros(len(hashes), dtype=bool), np.zeros(len(hashes), dtype=bool)
        self._agreed: dict[int, list[tuple[int, float]]] = {}
        self.searched = 0
        self._queried_now: list[int] = []
        self._agreed_now: list[tuple[int, int, float]] = []
        contents = previous.contents.filter(pl.col("level") == level)
        here = pl.DataFrame({"content_hash": hashes[rows], "row": rows}, schema_overrides={"row": pl.Int64()})
        seen_before = here.join(contents, on="content_hash")
        if (len(rows) - seen_before.height) * FEW > len(rows):
            return  # with so many new contents, a full search is as quick
        self.took_part[seen_before["row"].to_numpy()] = True
        self.queried[seen_before.filter("asked")["row"].to_numpy()] = True
        other = here.rename({"content_hash": "other", "row": "other_row"})
        pairs = previous.pairs.filter(pl.col("level") == level).join(here, on="content_hash").join(other, on="other")
        for row, worse, distance in pairs.select("row", "other_row", "distance").iter_rows():
            self._agreed.setdefault(row, []).append((worse, distance))

    @property
    def fresh(self) -> np.ndarray:
        """The rows that took no part in the last search."""
        return self.rows[~self.took_part[self.rows]]

    @property
    def empty(self) -> bool:
        """Whether there is no stored result to use."""
        return not self.took_part.any()

    def remembered(self, row: int) -> list[tuple[int, float]]:
        """The worse rows that `row` agreed with, and their distances; empty if it was not queried."""
        return self._agreed.get(row, []) if self.queried[row] else []

    def note(self, row: int, agreed: list[tuple[int, float]]) -> None:
        """Record that `row` was compared with all worse rows, and the pairs that agreed."""
        self._queried_now.append(row)
        self._agreed_now.extend((row, other, distance) for other, distance in agreed)

    def compared(self) -> Compared:
        """The result of this search, to be stored for the next one."""
        hashes = self.hashes
        queried: np.ndarray = np.zeros(len(hashes), dtype=bool)
        queried[self._queried_now] = True
        contents = pl.DataFrame(
            {"level": self.level, "content_hash": hashes[self.rows], "asked": queried[self.rows]},
            schema=COMPARED_SCHEMA,
        )
        better, other, distance = zip(*self._agreed_now, strict=True) if self._agreed_now else ((), (), ())
        pairs = pl.DataFrame(
            {"level": [self.level] * len(better), "content_hash": hashes.gather(list(better)),
             "other": hashes.gather(list(other)), "distance": list(distance)},
            schema=AGREED_SCHEMA,
        )  # fmt: skip
        return Compared(contents, pairs)


def candidates(cache: SearchCache, full: Search, fresh: Search, at_once: int = BLOCK) -> Candidates:
    """A search that compares no pair whose result is stored.

    `full` finds the worse rows near each query row. `fresh` does so for new rows, `at_once` of them, and finds better
    rows too. A row that
    was queried last time is compared with the new rows only. A row that is covered by the time its turn comes gets an
    empty result; it costs nothing unless an earlier row of its block needed a full search. Pairs
    that agreed last time are not in the result: the caller adds `cache.remembered(row)`.
    """
    near_new: dict[int, np.ndarray] = {}
    new_near_old: dict[int, list[int]] = {}
    new = cache.rows[:0] if cache.empty else cache.fresh
    for start in range(0, len(new), at_once):
        part = new[start : start + at_once]
        for row, neighbours in zip(part.tolist(), fresh(part), strict=True):
            near_new[row] = neighbours
            for other in neighbours[neighbours < row].tolist():
                new_near_old.setdefault(other, []).append(row)

    def search(rows: np.ndarray, covered: Container[int]) -> Iterator[np.ndarray]:
        nothing = rows[:0]
        neighbours_of: dict[int, np.ndarray] = {}
        for place, row in enumerate(rows.tolist()):
            if row in covered:
                yield nothing
            elif row in near_new:
                yield near_new[row]
            elif cache.queried[row]:
                yield np.array(new_near_old[row], dtype=rows.dtype) if row in new_near_old else nothing
            else:
                if row not in neighbours_of:
                    open_rows = [
                        other
                        for other in rows[place:].tolist()
                        if other not in covered and other not in near_new and not cache.queried[other]
                    ]
                    neighbours_of |= zip(open_rows, full(np.array(open_rows, dtype=rows.dtype)), strict=True)
                yield neighbours_of[row]

    return search


def by_hash(cache: SearchCache, phash: np.ndarray, most: int) -> Candidates:
    """Neighbours within a Hamming distance of `most` of 64 bits; `phash` uint64 [n] are the hashes of all rows."""
    index = HashIndex(phash[cache.rows], most)

    def search(query_rows: np.ndarray, *, better_too: bool) -> list[np.ndarray]:
        after = 0 if better_too else _first_worse(cache.rows, query_rows)
        neighbours, compared = index.near(phash[query_rows], after)
        cache.searched += compared
        return [cache.rows[places] for places in neighbours]

    return candidates(cache, partial(search, better_too=False), partial(search, better_too=True))


def by_vector(cache: SearchCache, vectors: np.ndarray, most: float) -> Candidates:
    """Neighbours whose cosine distance may be at most `most`: all that are within it, and a few that are not.

    Many rows are compared in the principal directions only. Dropping directions never makes a distance larger, so none
    is missed. Few rows are compared in all dimensions, which saves computing the directions.
    """
    rows = cache.rows

    def agrees(query_rows: np.ndarray, begin: int, end: int) -> np.ndarray:
        queries = vectors[query_rows].astype(np.float32).T
        parts = [vectors[rows[start : min(start + CONVERTED, end)]].astype(np.float32) @ queries
                 + np.float32(most + SLACK) >= 1 for start in range(begin, end, CONVERTED)]  # fmt: skip
        return np.concatenate(parts).T

    many = cache.empty and len(rows) > WORTH * vectors.shape[1]
    full = searcher(cache, _by_projection(vectors, rows, most) if many else agrees)
    return candidates(cache, full, searcher(cache, agrees, better_too=True), NEW_AT_ONCE)


def _by_projection(vectors: np.ndarray, rows: np.ndarray, most: float) -> Agrees:
    projection = _principal_directions(vectors[rows])
    parts = [vectors[rows[start : start + CONVERTED]].astype(np.float32) @ projection
             for start in range(0, len(rows), CONVERTED)]  # fmt: skip
    projected = np.concatenate(parts) if parts else np.empty((0, projection.shape[1]), dtype=np.float32)
    half = (projected**2).sum(axis=1) / 2  # |a − b|² = 2 (|a|²/2 + |b|²/2 − a·b)

    def agrees(query_rows: np.ndarray, begin: int, end: int) -> np.ndarray:
        queries = np.searchsorted(rows, query_rows)
        product = projected[queries] @ projected[begin:end].T
        product -= half[None, begin:end]
        return product >= half[queries, None] - (most + SLACK)

    return agrees


def searcher(cache: SearchCache, agrees: Agrees, *, better_too: bool = False) -> Search:
    """A search that applies `agrees` to a block of rows against all worse rows (or all rows), tile by tile.

    In plain numpy: at 30,000 contents it takes a fifth of the time of faiss' range search.
    """
    rows = cache.rows

    def search(query_rows: np.ndarray) -> list[np.ndarray]:
        neighbours: list[list[np.ndarray]] = [[] for _ in query_rows]
        after = 0 if better_too else _first_worse(rows, query_rows)
        for begin, end in _tiles(after, len(rows)):
            cache.searched += len(query_rows) * (end - begin)
            query, place = np.divmod(np.flatnonzero(agrees(query_rows, begin, end)), end - begin)
            for number, part in enumerate(np.split(place, np.searchsorted(query, np.arange(1, len(query_rows))))):
                neighbours[number].append(rows[begin + part])
        return [np.concatenate(parts) if parts else rows[:0] for parts in neighbours]

    return search


def _first_worse(rows: np.ndarray, query_rows: np.ndarray) -> int:
    """The place in `rows` from which on all are worse than the first, best, row of the query."""
    return int(np.searchsorted(rows, query_rows[0], side="right")) if len(query_rows) else len(rows)


def _tiles(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, stop, TILE):
        yield begin, min(begin + TILE, stop)


def _principal_directions(vectors: np.ndarray) -> np.ndarray:
    """The principal directions of a sample of the vectors, orthonormal float32 [d, at most `PROJECTED`]."""
    dimension = vectors.shape[1]
    if dimension <= PROJECTED:
        return np.eye(dimension, dtype=np.float32)
    sample = vectors[:: max(1, len(vectors) // SAMPLE)].astype(np.float32)
    return np.ascontiguousarray(principal_axes(sample, PROJECTED)[0])
