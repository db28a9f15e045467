"""All perceptual hashes within a Hamming distance of some, without comparing every pair: multi-index hashing.

What belongs here: the index over the hashes of a library, and its exact search. Not here: computing hashes
(`signatures.py`), which contents are searched (`candidate_pairs.py`).

Norouzi, Punjani, Fleet (2012), "Fast Search in Hamming Space with Multi-Index Hashing". A hash is cut into four bands
of 16 bits. If two hashes differ in few bits, they differ in very few of at least one band (pigeonhole principle), so
only the hashes of these buckets are compared. In numpy: at 100,000 random hashes a tenth of the CPU time of faiss'
`IndexBinaryMultiHash`, which keeps its buckets in maps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

BANDS, BITS = 4, 16
BUCKETS = 1 << BITS
LOOKUP = 8  # looking into a bucket takes as long as comparing so many hashes in a row
FETCH = 4  # and comparing a hash from a bucket as long as so many
AT_ONCE = 1 << 20  # hashes from buckets that are compared at a time: 40 MB


@dataclass(frozen=True)
class _Band:
    """`masks` int64: the differences that are looked for. `order` int32 [n]: the places of the hashes by bucket;
    bucket b has those from `begins[b]` to `begins[b + 1]`, int64 [`BUCKETS` + 1]."""

    number: int
    masks: np.ndarray
    order: np.ndarray
    begins: np.ndarray

    def buckets(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Begins and sizes, int64 [m, masks], of the buckets to look into for each query."""
        keys = _keys(queries, self.number)[:, None] ^ self.masks
        begins = self.begins[keys]
        return begins, self.begins[keys + 1] - begins


class HashIndex:
    """An index over `codes`, uint64 [n], for distances of at most `most` of 64 bits. Memory: 16 bytes for each hash."""

    def __init__(self, codes: np.ndarray, most: int) -> None:
        self._codes, self._most = codes, most
        # a distance above `most` is the least that is above the radius in every band
        radii = [(most + 1 + band) // BANDS - 1 for band in range(BANDS)]
        masks = sum(comb(BITS, bits) for radius in radii for bits in range(radius + 1))
        worth_it = masks * LOOKUP < len(codes)
        self._bands = [_band(codes, *band) for band in enumerate(radii) if worth_it and band[1] >= 0]

    def near(self, queries: np.ndarray, after: int = 0) -> tuple[list[np.ndarray], int]:
        """For each of `queries`, uint64 [m], the ascending places int64 from `after` on of all hashes that are near;
        and how many pairs were compared.

        A query whose buckets hold much of the library, as where thousands share a hash, is compared with all instead.
        """
        n = len(self._codes)
        if not len(queries) or not n:
            return [np.empty(0, dtype=np.int64) for _ in queries], 0
        buckets = [band.buckets(queries) for band in self._bands]
        fetched = sum((sizes.sum(axis=1) for _, sizes in buckets), np.zeros(len(queries), dtype=np.int64))
        among_all = (fetched * FETCH > n) if self._bands else np.ones(len(queries), dtype=bool)
        rest = np.flatnonzero(~among_all)
        in_buckets = [np.empty(0, dtype=np.int64)]
        for band, (begins, sizes) in zip(self._bands, buckets, strict=True):
            in_buckets.extend(self._in_buckets(queries, rest, band, begins[rest], sizes[rest], after))
        # a pair that is near in several bands was found several times
        query, place = np.divmod(np.unique(np.concatenate(in_buckets)), n)
        neighbours = np.split(place, np.searchsorted(query, np.arange(1, len(queries))))
        for row in np.flatnonzero(among_all).tolist():
            neighbours[row] = self._among_all(queries[row], after)
        compared = int(fetched[rest].sum()) + int(among_all.sum()) * (n - after)
        return neighbours, compared

    def _in_buckets(
        self, queries: np.ndarray, rows: np.ndarray, band: _Band, begins: np.ndarray, sizes: np.ndarray, after: int
    ) -> Iterator[np.ndarray]:
        """The near pairs of the queries `rows` and the hashes in their buckets, as query * n + place."""
        totals = sizes.sum(axis=1)
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(totals.cumsum() // AT_ONCE)) + 1):
            filled = sizes[part] > 0
            size, begin = sizes[part][filled], begins[part][filled]
            place = band.order[np.arange(size.sum()) + np.repeat(begin - (size.cumsum() - size), size)]
            query = np.repeat(rows[part], totals[part])
            near = np.bitwise_count(queries[query] ^ self._codes[place]) <= self._most
            near &= place >= after
            yield query[near] * len(self._codes) + place[near]

    def _among_all(self, query: np.uint64, after: int) -> np.ndarray:
        """The places, ascending, from `after` on of all hashes that are near one query."""
        return after + np.flatnonzero(np.bitwise_count(self._codes[after:] ^ query) <= self._most)


def _band(codes: np.ndarray, number: int, radius: int) -> _Band:
    masks = [sum(1 << bit for bit in bits) for count in range(radius + 1) for bits in combinations(range(BITS), count)]
    keys = _keys(codes, number)
    begins = np.concatenate([[0], np.bincount(keys, minlength=BUCKETS).cumsum()])
    return _Band(number, np.array(masks, dtype=np.int64), np.argsort(keys, kind="stable").astype(np.int32), begins)


def _keys(codes: np.ndarray, band: int) -> np.ndarray:
    """The bits of one band of each hash, int64 [n], 0 to `BUCKETS` − 1."""
    return (codes >> np.uint64(band * BITS)).astype(np.int64) & (BUCKETS - 1)
