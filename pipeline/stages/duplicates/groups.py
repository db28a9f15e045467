"""Images → groups of duplicates on three separate levels, each group with the one image to keep.

What belongs here: which images show the same picture, and which of them is the best. Not here: perceptual hashes
(`signatures.py`), which pairs are compared (`candidate_pairs.py`), visual types (`labels/clusterers.py`). Nothing in
this product deletes an image.

exact: the same bytes or pixels. near: perceptual hash and embedding agree, and no part of the two pictures differs
when they are overlaid. similar: only the embedding agrees. Similar images are no duplicates: they are searched for
among the images that are neither exact nor near, and none of them is proposed to go.

A group is never a chain. Contents are taken from best to worst; each one either agrees with a better one that is kept,
or is kept itself. So every image of a group agrees with its centre (the medoid), which is the image that would stay.
Two images that only share a neighbour are never joined.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from pipeline.settings import DuplicateParams
from pipeline.stages.duplicates.candidate_pairs import BLOCK, Candidates, Compared, SearchCache, by_hash, by_vector
from pipeline.stages.duplicates.contract import DUPLICATES_SCHEMA
from pipeline.stages.duplicates.image_difference import largest_difference
from pipeline.stages.duplicates.tiny_image import SIDE

LEVELS = ("exact", "near", "similar")
QUALITY = ["pixels", "size", "sharpness", "content_hash"]
_LENGTH_OF_NAME = pl.col("key").str.split("/").list.last().str.len_chars()
AT_ONCE = 8192  # neighbours of one content that are compared at once
# Two pictures with a shorter side below this many pixels must agree better: what tells a 1-cent coin of 63 pixels from
# a 2-cent coin of 73 is three pixels wide, and the 16 x 16 places of a comparison average it away.
TINY_SIDE, OF_TINY = 96, 0.9

Covered = dict[int, tuple[int, float]]  # row → the row of its centre, and the distance to it


@dataclass(frozen=True)
class DuplicateGroups:
    """`table` (`DUPLICATES_SCHEMA`) is ordered by level and group, the kept image first; `facts` are counts per level.

    `compared` is to be stored for the next search; `searched` counts the pairs that this search compared.
    """

    table: pl.DataFrame
    facts: dict[str, int] = field(default_factory=dict[str, int])
    compared: Compared = field(default_factory=Compared)
    searched: int = 0


def by_quality(images: pl.DataFrame, signatures: pl.DataFrame) -> pl.DataFrame:
    """The distinct contents, best first: more pixels, then more bytes, then sharper, then by hash.

    `images` has image_id, key, content_hash, size (bytes), width, height of every usable image; `signatures` has
    `SIGNATURES_SCHEMA`. Of the copies of one content, the one with the shortest file name stands for all, then the
    first by key: a copy is called `IMG_1 (1).jpg` or `IMG_1 - Copy.jpg`, which the alphabet may put first.
    """
    contents = images.sort(_LENGTH_OF_NAME, "key", "image_id").unique("content_hash", keep="first", maintain_order=True)
    return (
        contents.join(signatures, on="content_hash", how="left", maintain_order="left")
        .with_columns(
            (pl.col("width").cast(pl.Int64) * pl.col("height")).alias("pixels"), pl.col("sharpness").fill_null(0.0)
        )
        .sort(QUALITY, descending=[True, True, True, False])
    )


def find_duplicates(
    images: pl.DataFrame,
    contents: pl.DataFrame,
    vectors: np.ndarray,
    params: DuplicateParams,
    not_duplicates: Iterable[tuple[str, str]] = (),
    previous: Compared | None = None,
) -> DuplicateGroups:
    """The groups of all three levels.

    `contents` is the result of `by_quality` for `images`; row i of `vectors`, L2-normalised float [n, d], belongs to
    its row i. `not_duplicates` are pairs of content hashes that people want to keep: no group has both of a pair.
    `previous` is the stored result of a search with the same `params` and vectors: it saves comparisons and does not
    change the result.

    Memory grows with n * d. Time: hashes are looked up in an index. Embeddings take one pass of distances in
    `PROJECTED` dimensions, n * n at worst. Contents already found to be duplicates are not queried.
    """
    row_of = {name: row for row, name in enumerate(contents["content_hash"].to_list())}
    apart: dict[int, set[int]] = {}
    for first, second in not_duplicates:
        if first in row_of and second in row_of and first != second:
            apart.setdefault(row_of[first], set()).add(row_of[second])
            apart.setdefault(row_of[second], set()).add(row_of[first])
    data = _Data(contents, vectors)
    hashes, before = contents["content_hash"], previous or Compared()
    hashed = SearchCache("near", hashes, data.hashed(params.min_contrast), before)
    near = data.cover(
        hashed, by_hash(hashed, data.phash, params.max_hamming), params.max_distance, apart,
        overlay=params.max_difference,
    )  # fmt: skip
    left = np.array([row for row in range(contents.height) if row not in near], dtype=np.int64)
    others = SearchCache("similar", hashes, left, before)
    alike = data.cover(others, by_vector(others, vectors, params.similar_distance), params.similar_distance, apart)
    rows = [*_exact_rows(images), *data.rows("near", near), *data.rows("similar", alike)]
    table = pl.DataFrame(rows, schema=DUPLICATES_SCHEMA, orient="row")
    levels = [hashed.compared(), others.compared()]
    compared = Compared(pl.concat([level.contents for level in levels]), pl.concat([level.pairs for level in levels]))
    return DuplicateGroups(table, _facts(table, images), compared, hashed.searched + others.searched)


class _Data:
    """The contents as arrays, best first."""

    def __init__(self, contents: pl.DataFrame, vectors: np.ndarray) -> None:
        self.contents = contents
        self.vectors = vectors
        self.has_hash = contents["phash"].is_not_null().to_numpy()
        self.phash = contents["phash"].fill_null(0).to_numpy()
        shorter = contents.select(pl.min_horizontal("width", "height").fill_null(TINY_SIDE)).to_series()
        self.is_tiny = (shorter < TINY_SIDE).to_numpy()

    def hashed(self, min_contrast: float) -> np.ndarray:
        """Rows with a meaningful hash. The hash of a plain wall or sky is the noise of its compression."""
        return np.flatnonzero(self.has_hash & (self.contents["contrast"].fill_null(0.0) >= min_contrast).to_numpy())

    def distance(self, row: int, others: np.ndarray) -> np.ndarray:
        """Cosine distances, float32, 0 to 2. Each depends on its pair alone, to the last bit."""
        own = self.vectors[row].astype(np.float32)
        product = np.einsum("nd,d->n", self.vectors[others].astype(np.float32), own)
        return np.clip(1.0 - product, 0.0, 2.0)

    def cover(
        self,
        cache: SearchCache,
        search: Candidates,
        limit: float,
        apart: dict[int, set[int]],
        overlay: float | None = None,
    ) -> Covered:
        """Each covered row with its centre, a better row within the distance `limit`, and that distance.

        A row that several centres could cover goes to the nearest, and to the better one at equal distances. With
        `overlay`, no part of the two overlaid pictures may differ by more than that.
        """
        covered: Covered = {}
        rows = cache.rows
        for start in range(0, len(rows), BLOCK):
            query_rows = np.array([row for row in rows[start : start + BLOCK] if row not in covered], dtype=np.int64)
            for row, neighbours in zip(query_rows.tolist(), search(query_rows, covered), strict=True):
                if row in covered:  # by an earlier row of this block
                    continue
                agreeing = [
                    *cache.remembered(row),
                    *self._filter_agreeing(row, np.sort(neighbours[neighbours > row]), limit, overlay),
                ]
                cache.note(row, agreeing)
                for other, far in agreeing:
                    if far < covered.get(other, (0, np.inf))[1] and other not in apart.get(row, ()):
                        covered[other] = (row, far)
        return _keep_apart(covered, apart)

    def _filter_agreeing(
        self, row: int, others: np.ndarray, limit: float, overlay: float | None
    ) -> Iterator[tuple[int, float]]:
        """The rows among `others` that agree with `row`, and their distances."""
        for start in range(0, len(others), AT_ONCE):
            part = others[start : start + AT_ONCE]
            distance = self.distance(row, part)
            part, distance = part[distance <= limit], distance[distance <= limit]
            if overlay is not None and len(part):
                alike = self._overlay(row, part, overlay)
                part, distance = part[alike], distance[alike]
            yield from zip(part.tolist(), distance.tolist(), strict=True)

    def _overlay(self, row: int, others: np.ndarray, limit: float) -> np.ndarray:
        """Bool [n]: whether no part of `row` and of each other picture differs by more than the limit."""
        alike = np.zeros(len(others), dtype=bool)
        both_tiny = self.is_tiny[others] & self.is_tiny[row]
        for which, bound in ((~both_tiny, limit), (both_tiny, OF_TINY * limit)):
            if which.any():
                pictures = self._tiny_pictures(others[which].tolist())
                alike[which] = largest_difference(self._tiny_pictures([row])[0], pictures, bound) <= bound
        return alike

    def _tiny_pictures(self, rows: list[int]) -> np.ndarray:
        """The tiny pictures of these rows, uint8 [n, 16, 16, 3]."""
        data = b"".join(self.contents["tiny"][rows].to_list())
        return np.frombuffer(data, dtype=np.uint8).reshape(len(rows), SIDE, SIDE, 3)

    def rows(self, level: str, covered: Covered) -> Iterator[tuple[Any, ...]]:
        """The rows of the table: groups ordered by the quality of their centre, members by their own quality."""
        groups: dict[int, list[int]] = {}
        for row, (centre, _) in sorted(covered.items()):
            groups.setdefault(centre, []).append(row)
        for centre, members in sorted(groups.items()):
            best = self.contents.row(centre, named=True)
            group = f"{level}-{best['content_hash'][:16]}"
            others = [self.contents.row(member, named=True) for member in members]
            why = _reason_kept(best, others[0]) if level == "near" else "similar only, no duplicate"
            yield group, level, best["image_id"], best["content_hash"], True, why, 0.0, self._hamming(centre, centre)
            for row, other in zip(members, others, strict=True):
                hamming, far = self._hamming(row, centre), covered[row][1]
                why = f"near copy of {best['key']}" if level == "near" else f"similar to {best['key']}, no duplicate"
                kept = level == "similar"
                yield group, level, other["image_id"], other["content_hash"], kept, why, far, hamming

    def _hamming(self, row: int, other: int) -> int | None:
        if not (self.has_hash[row] and self.has_hash[other]):
            return None
        return int(self.phash[row] ^ self.phash[other]).bit_count()


def _keep_apart(covered: Covered, apart: dict[int, set[int]]) -> Covered:
    """Where people want to keep both of two images of a group, remove the worse one from the group."""
    for row in sorted(apart):
        if row not in covered:
            continue
        centre = covered[row][0]
        if any(other < row and other in covered and covered[other][0] == centre for other in apart[row]):
            del covered[row]
    return covered


def _exact_rows(images: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    copies = images.filter(pl.len().over("content_hash") > 1).sort("content_hash", _LENGTH_OF_NAME, "key", "image_id")
    for (name,), part in copies.group_by("content_hash", maintain_order=True):
        rows = part.rows(named=True)
        for number, row in enumerate(rows):
            what = "bytes" if all(other["size"] == rows[0]["size"] for other in rows) else "picture"
            why = f"same {what} as {rows[0]['key']}" if number else f"{_first_of(rows[:2])} of the same {what}"
            yield f"exact-{str(name)[:16]}", "exact", row["image_id"], name, not number, why, 0.0, 0


def _first_of(rows: list[dict[str, Any]]) -> str:
    """Why the first of the copies of one content stays, and not the next."""
    first, second = (len(row["key"].rsplit("/", 1)[-1]) for row in rows)
    return "shortest file name" if first < second else "first by key"


def _reason_kept(best: dict[str, Any], second: dict[str, Any]) -> str:
    """In what the best image of a group is better than the next."""
    if best["pixels"] != second["pixels"]:
        return "larger: {} × {} pixels, the next has {} × {}".format(
            best["width"], best["height"], second["width"], second["height"]
        )
    if best["size"] != second["size"] and min(best["size"], second["size"]) >= 0:  # below 0: unknown
        return f"more bytes: {best['size']:,}, the next has {second['size']:,}"
    if best["sharpness"] != second["sharpness"]:
        return f"sharper: {best['sharpness']:.0f}, the next has {second['sharpness']:.0f}"
    return "equally good; first by content"


def _facts(table: pl.DataFrame, images: pl.DataFrame) -> dict[str, int]:
    """Groups and images per level, and the count and bytes of the images proposed to go."""
    facts: dict[str, int] = {}
    for level in LEVELS:
        part = table.filter(pl.col("level") == level)
        facts[f"{level}_groups"] = part["group_id"].n_unique()
        facts[f"{level}_images"] = part.height
    gone = table.filter(~pl.col("kept")).select("image_id").join(images, on="image_id")
    return facts | {"proposed_to_go": gone.height, "bytes_saved": int(gone["size"].clip(0).sum())}


def of_copies_only(table: pl.DataFrame, grouped: pl.DataFrame) -> int:
    """How many groups hold nothing but near copies of one picture.

    `grouped` has content_hash and raw_group, null for none, of every image; `table` has `DUPLICATES_SCHEMA`.
    """
    near = table.filter(pl.col("level") == "near").select("content_hash", pl.col("group_id").alias("picture"))
    members = grouped.drop_nulls("raw_group").join(near.unique("content_hash"), on="content_hash", how="left")
    pictures = members.group_by("raw_group").agg(
        pl.col("picture").n_unique().alias("pictures"), pl.col("picture").is_null().any().alias("others")
    )
    return pictures.filter((pl.col("pictures") == 1) & ~pl.col("others")).height


def counts_as(table: pl.DataFrame, hashes: Sequence[str]) -> list[str]:
    """For each content hash, that of the kept image of its near group, or itself outside of such a group."""
    near = table.filter(pl.col("level") == "near")
    kept = near.filter(pl.col("kept")).select("group_id", pl.col("content_hash").alias("centre"))
    centre = dict(near.join(kept, on="group_id").select("content_hash", "centre").iter_rows())
    return [centre.get(name, name) for name in hashes]
