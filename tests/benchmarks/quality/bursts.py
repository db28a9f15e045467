"""What near copies do to clusters, and what `duplicates.collapse` changes: on real edits of real images.

    python -m tests.benchmarks.quality.bursts [--sets A,B]

What belongs here: libraries with bursts, made by editing images, clustered with and without collapsing. Not here: the
edits, which are those of `bench_duplicates.py`, and how many of them are found. Of every tenth image nine edited copies
are added. Of larger sets `MOST` images are drawn.

The AMI of all images praises clusters of copies, which are pure. That of the images without their copies says whether
the copies did harm to the rest.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.settings import ClusterParams
from pipeline.stages.duplicates.groups import counts_as
from pipeline.stages.labels.community.clusterer import group_communities
from tests.benchmarks.bench_duplicates import EDITS, ORIGINAL, features, searched
from tests.benchmarks.quality.image_sets import IMAGES, NO_KIND, UnavailableError
from tests.benchmarks.quality.scores import score

SETS = ("follow-cars", "bollards-160", "stamps", "google-emoji", "fluent-emoji", "textiles", "solar-cells")
MOST = 700
EACH = 10  # one image in so many has copies
SEED = 42
HEAD = ("set", "library", "images", "counted as one", "collapse", "AMI", "AMI without the copies", "clusters",
        "unclustered", "largest")  # fmt: skip


def main() -> int:
    """Edit, search, cluster, print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality.bursts", description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS), help="names, with commas")
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|", flush=True)
    for name in parser.parse_args().sets.split(","):
        try:
            for line in rows(name):
                print(line, flush=True)
        except UnavailableError as error:
            print(f"skipped {name}: {error}", file=sys.stderr, flush=True)
    return 0


def rows(name: str) -> Iterator[str]:
    """The four rows of one set: without and with copies, each without and with collapsing."""
    images = sorted(IMAGES[name]())
    drawn = np.sort(np.random.default_rng(0).permutation(len(images))[:MOST])
    paths: list[Path] = [images[row][0] for row in drawn]
    kinds = np.array([images[row][1] for row in drawn])
    jobs = [(number, ORIGINAL, path) for number, path in enumerate(paths)]
    jobs += [
        (number, edit, path) for number, path in enumerate(paths) if number % EACH == 0 for edit in list(EDITS)[1:]
    ]
    frame, vectors = features(jobs)
    for library, part in (("as it is", frame.filter(pl.col("edit") == ORIGINAL)), ("with copies", frame)):
        hashes = part["content_hash"].to_list()
        originals = (part["edit"] == ORIGINAL).to_numpy()
        truth = _numbered(kinds[part["picture"].to_numpy()])
        for collapse in (False, True):
            centres = counts_as(searched(part, vectors), hashes) if collapse else hashes
            groups = clustered(centres, vectors)
            found, alone = score(truth, groups), score(truth[originals], groups[originals])
            one = len(set(hashes)) - len(set(centres))
            shares = f"{found.unclustered:.1%}", f"{found.largest:.0%}"
            counted = len(hashes), one, "yes" if collapse else "no"
            cells = name, library, *counted, f"{found.ami:.3f}", f"{alone.ami:.3f}", found.clusters, *shares
            yield f"| {' | '.join(map(str, cells))} |"


def clustered(centres: list[str], vectors: dict[str, np.ndarray]) -> np.ndarray:
    """Cluster one point for each of the distinct `centres`; int [n], the group of each image's own."""
    points = list(dict.fromkeys(centres))
    stacked = np.stack([vectors[point] for point in points]).astype(np.float32)
    stacked /= np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12)
    groups = group_communities(stacked, ClusterParams(seed=SEED)).groups
    group_of = dict(zip(points, groups.tolist(), strict=True))
    return np.array([group_of[centre] for centre in centres])


def _numbered(kinds: np.ndarray) -> np.ndarray:
    truth = np.full(len(kinds), -1)
    named = kinds != NO_KIND
    truth[named] = np.unique(kinds[named], return_inverse=True)[1]
    return truth


if __name__ == "__main__":
    raise SystemExit(main())
