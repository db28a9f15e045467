"""Which pairs of contents may be the same picture: searched for, or remembered from the last time.

What belongs here: the two searches, by perceptual hash and by embedding, and what is kept of a search so that the next
one asks about new contents only. Not here: what makes two contents duplicates, and groups (`groups.py`).

Contents are rows, the best first; a row is compared with the worse ones, those after it. Whether a pair agrees follows
from the pair alone, so what agreed once need not be asked again. What is remembered of a row holds for the contents
that took part then: the next time only new ones are compared with it. A row that was not asked (it was covered by a
better one) knows of none, and is asked in full once it is.
"""

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipeline.stages.duplicates.contract import AGREED_SCHEMA, COMPARED_SCHEMA

TILE = 32_768  # contents that a block is compared with at once
BLOCK = 256  # contents whose neighbours are looked for at once: bounds memory when thousands are alike
PROJECTED = 128  # dimensions in which pairs are ruled out
SAMPLE = 20_000  # contents that decide the projection
WORTH = 3  # times as many contents as dimensions: below, comparing them as they are takes less than finding directions
SLACK = 5e-4  # of a distance: the embeddings are float16
FEW = 8  # parts: while less than one of them is new, it is compared by itself, and no projection is made
CONVERTED = 8192  # vectors turned into float32 at a time

Near = Callable[[np.ndarray, int, int], np.ndarray]  # rows, and from where to where they are compared → bool [n, m]
Search = Callable[[np.ndarray], list[np.ndarray]]  # rows → for each of them the rows that may agree with it
Candidates = Callable[[np.ndarray, Container[int]], Iterator[np.ndarray]]  # the same, but for rows that are covered


@dataclass(frozen=True)
class Compared:
    """What one search leaves for the next: who took part on each level and was asked, and the pairs that agreed."""

    contents: pl.DataFrame = field(default_factory=COMPARED_SCHEMA.to_frame)
    pairs: pl.DataFrame = field(default_factory=AGREED_SCHEMA.to_frame)


class Memory:
    """What is remembered of one level, by row, and what is noted for the next time.

    `searched` counts the pairs that were looked at.
    """

    def __init__(self, level: str, hashes: pl.Series, rows: np.ndarray, known: Compared) -> None:
        """`hashes` are the content hashes of all rows, `rows` those that take part now, ascending."""
        self.level, self.hashes, self.rows = level, hashes, rows
        self.took, self.asked = np.zeros(len(hashes), dtype=bool), np.zeros(len(hashes), dtype=bool)
        self._agreed: dict[int, list[tuple[int, float]]] = {}
        self.searched = 0
        self._asked_now: list[int] = []
        self._agreed_now: list[tuple[int, int, float]] = []
        contents = known.contents.filter(pl.col("level") == level)
        here = pl.DataFrame({"content_hash": hashes[rows], "row": rows}, schema_overrides={"row": pl.Int64()})
        found = here.join(contents, on="content_hash")
        if (len(rows) - found.height) * FEW > len(rows):
            return  # so much is new that nothing is gained
        self.took[found["row"].to_numpy()] = True
        self.asked[found.filter("asked")["row"].to_numpy()] = True
        other = here.rename({"content_hash": "other", "row": "other_row"})
        pairs = known.pairs.filter(pl.col("level") == level).join(here, on="content_hash").join(other, on="other")
        for row, worse, distance in pairs.select("row", "other_row", "distance").iter_rows():
            self._agreed.setdefault(row, []).append((worse, distance))

    @property
    def fresh(self) -> np.ndarray:
        """The rows that nothing is known of."""
        return self.rows[~self.took[self.rows]]

    @property
    def empty(self) -> bool:
        """Whether nothing is remembered."""
        return not self.took.any()

    def remembered(self, row: int) -> list[tuple[int, float]]:
        """The worse rows that `row` agreed with, and how far they are; none where it was not asked."""
        return self._agreed.get(row, []) if self.asked[row] else []

    def note(self, row: int, agreed: list[tuple[int, float]]) -> None:
        """Keep that `row` was compared with all worse ones, and with which it agreed."""
        self._asked_now.append(row)
        self._agreed_now.extend((row, other, distance) for other, distance in agreed)

    def left(self) -> Compared:
        """What the next search is to know of this one."""
        names = self.hashes
        asked: np.ndarray = np.zeros(len(names), dtype=bool)
        asked[self._asked_now] = True
        contents = pl.DataFrame(
            {"level": self.level, "content_hash": names[self.rows], "asked": asked[self.rows]}, schema=COMPARED_SCHEMA
        )
        better, other, distance = zip(*self._agreed_now, strict=True) if self._agreed_now else ((), (), ())
        pairs = pl.DataFrame(
            {"level": [self.level] * len(better), "content_hash": names.gather(list(better)),
             "other": names.gather(list(other)), "distance": list(distance)},
            schema=AGREED_SCHEMA,
        )  # fmt: skip
        return Compared(contents, pairs)


def candidates(memory: Memory, full: Search, fresh: Search) -> Candidates:
    """A search that asks as little as memory allows.

    `full` finds the worse rows near each of some rows. `fresh` finds the rows near each of some rows that are new,
    better ones too. A row that was asked the last time is compared with the new ones only. What comes for a row that is
    covered when its turn comes is empty, and costs nothing unless a row before it in the block had to be asked in full.
    """
    of_new: dict[int, np.ndarray] = {}
    of_old: dict[int, list[int]] = {}
    new = memory.rows[:0] if memory.empty else memory.fresh
    for start in range(0, len(new), BLOCK):
        part = new[start : start + BLOCK]
        for row, found in zip(part.tolist(), fresh(part), strict=True):
            of_new[row] = found
            for other in found[found < row].tolist():
                of_old.setdefault(other, []).append(row)

    def search(rows: np.ndarray, covered: Container[int]) -> Iterator[np.ndarray]:
        nobody = rows[:0]
        asked: dict[int, np.ndarray] = {}
        for place, row in enumerate(rows.tolist()):
            if row in covered:
                yield nobody
            elif row in of_new:
                yield of_new[row]
            elif memory.asked[row]:
                yield np.array(of_old[row], dtype=rows.dtype) if row in of_old else nobody
            else:
                if row not in asked:
                    open_rows = [one for one in rows[place:].tolist()
                                 if one not in covered and one not in of_new and not memory.asked[one]]  # fmt: skip
                    asked |= zip(open_rows, full(np.array(open_rows, dtype=rows.dtype)), strict=True)
                yield asked[row]

    return search


def by_hash(memory: Memory, phash: np.ndarray, most: int) -> Candidates:
    """Neighbours by Hamming distance, at most `most` of 64 bits; `phash` uint64 [n] are those of all rows."""
    codes = phash[memory.rows]

    def near(asked: np.ndarray, begin: int, end: int) -> np.ndarray:
        return np.bitwise_count(phash[asked][:, None] ^ codes[None, begin:end]) <= most

    return candidates(memory, searcher(memory, near), searcher(memory, near, better_too=True))


def by_vector(memory: Memory, vectors: np.ndarray, most: float) -> Candidates:
    """Neighbours whose cosine distance may be at most `most`: all that are, and some that are not.

    Many rows are searched in the principal directions only: dropping directions never makes a distance larger, so none
    is missed. A few are compared as they are, which saves finding the directions.
    """
    rows = memory.rows

    def near(asked: np.ndarray, begin: int, end: int) -> np.ndarray:
        queries = vectors[asked].astype(np.float32).T
        parts = [vectors[rows[start : min(start + CONVERTED, end)]].astype(np.float32) @ queries
                 for start in range(begin, end, CONVERTED)]  # fmt: skip
        return np.concatenate(parts).T + np.float32(most + SLACK) >= 1

    many = memory.empty and len(rows) > WORTH * vectors.shape[1]
    full = searcher(memory, _projected(vectors, rows, most) if many else near)
    return candidates(memory, full, searcher(memory, near, better_too=True))


def _projected(vectors: np.ndarray, rows: np.ndarray, most: float) -> Near:
    projection = _directions(vectors[rows])
    parts = [vectors[rows[start : start + CONVERTED]].astype(np.float32) @ projection
             for start in range(0, len(rows), CONVERTED)]  # fmt: skip
    projected = np.concatenate(parts) if parts else np.empty((0, projection.shape[1]), dtype=np.float32)
    half = (projected**2).sum(axis=1) / 2  # |a − b|² = 2 (|a|²/2 + |b|²/2 − a·b)

    def near(asked: np.ndarray, begin: int, end: int) -> np.ndarray:
        queries = np.searchsorted(rows, asked)
        product = projected[queries] @ projected[begin:end].T
        product -= half[None, begin:end]
        return product >= half[queries, None] - (most + SLACK)

    return near


def searcher(memory: Memory, near: Near, *, better_too: bool = False) -> Search:
    """Asks `near` about a block of rows against all worse ones, or all, tile by tile.

    Plain numpy: at 30,000 it takes a fifth of the time of faiss' range search, and as long as its Hamming search.
    """
    rows = memory.rows

    def search(asked: np.ndarray) -> list[np.ndarray]:
        found: list[list[np.ndarray]] = [[] for _ in asked]
        after = 0 if better_too else int(np.searchsorted(rows, asked[0], side="right")) if len(asked) else len(rows)
        for begin, end in _tiles(after, len(rows)):
            memory.searched += len(asked) * (end - begin)
            query, place = np.divmod(np.flatnonzero(near(asked, begin, end)), end - begin)
            for number, part in enumerate(np.split(place, np.searchsorted(query, np.arange(1, len(asked))))):
                found[number].append(rows[begin + part])
        return [np.concatenate(parts) if parts else rows[:0] for parts in found]

    return search


def _tiles(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for begin in range(start, stop, TILE):
        yield begin, min(begin + TILE, stop)


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Orthonormal float32 [d, at most `PROJECTED`]: the directions in which a sample of the vectors differs most."""
    dimension = vectors.shape[1]
    if dimension <= PROJECTED:
        return np.eye(dimension, dtype=np.float32)
    sample = vectors[:: max(1, len(vectors) // SAMPLE)].astype(np.float32)
    sample -= sample.mean(axis=0)
    _, directions = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    return np.ascontiguousarray(directions[:, -PROJECTED:], dtype=np.float32)
