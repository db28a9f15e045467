"""What ratings are worth, and what the confidence of a suggestion is worth, on data sets with a known truth.

    python -m tests.benchmarks.quality.pairs [--sets A,B] [--draws 5] [--unguarded] [--suggestions]

What belongs here: drawing pairs from the truth as a person would rate them, and the two tables. Not here: data sets
(`datasets.py`), learning (`pipeline/stages/features/metric_learning.py`), suggesting
(`pipeline/stages/labels/suggestions.py`).

Half of the pairs are of one kind, drawn at random; the other half are an image and one of the ten most similar of
another kind, which is what a person who looks at clusters gets to rate.
"""

import argparse
import warnings
from collections.abc import Iterator
from itertools import pairwise
from unittest import mock

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from pipeline.settings import ClusterParams
from pipeline.stages.features import metric_learning as metric
from pipeline.stages.labels import clusterers as labels
from pipeline.stages.labels.community.clusterer import group_communities
from pipeline.stages.labels.suggestions import suggest
from tests.benchmarks.quality import datasets

DEFAULT = ("follow-cars", "bollards-50", "bollards-160", "stamps", "textiles")
COUNTS = (20, 50, 200)
LOOK_ALIKE = 10
QUADRATIC = 1000  # images, up to which HDBSCAN's left-overs are suggested for too
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0001)


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality.pairs")
    parser.add_argument("--sets", default=",".join(DEFAULT), help="names, with commas")
    parser.add_argument("--draws", type=int, default=5, help="draws of pairs per set and count")
    parser.add_argument("--unguarded", action="store_true", help="apply every map, whatever held-out pairs say")
    parser.add_argument("--suggestions", action="store_true", help="the confidence of suggestions instead")
    options = parser.parse_args()
    found = datasets.available(options.sets.split(","), lambda text: print(text, flush=True))
    if options.suggestions:
        _suggestions(found)
    else:
        _ratings(found, options.draws, unguarded=options.unguarded)
    return 0


def draw(data: datasets.DataSet, count: int, seed: int) -> list[metric.RatedPair]:
    """`count` different pairs, half of one kind and half of two, fewer where there are not as many."""
    rng, pairs = np.random.default_rng(seed), dict[tuple[int, int], bool]()
    wanted = {True: count // 2, False: count - count // 2}
    for _ in range(200 * count):
        if len(pairs) == count:
            break
        same = bool(rng.random() < 0.5)
        one = int(rng.integers(len(data.truth)))
        alike = (data.truth == data.truth[one]) & (data.truth >= 0)
        others = np.flatnonzero(alike if same else ~alike)
        others = others[others != one]
        if not same:
            others = others[np.argsort(-(data.vectors[others] @ data.vectors[one]), kind="stable")[:LOOK_ALIKE]]
        if wanted[same] == 0 or not len(others):
            continue
        other = int(rng.choice(others))
        key = (min(one, other), max(one, other))
        if key not in pairs:
            pairs[key] = same
            wanted[same] -= 1
    return [metric.RatedPair(one, other, same) for (one, other), same in pairs.items()]


def _ratings(sets: Iterator[datasets.DataSet], draws: int, *, unguarded: bool) -> None:
    params = ClusterParams()
    print("| set (images, kinds) | without | pairs | maps used | mean gain | worst | best |\n" + "|---" * 7 + "|")
    for data in sets:
        before = _quality(data, data.vectors)
        for count in COUNTS:
            gains: list[float] = []
            used = 0
            for seed in range(draws):
                with mock.patch.object(metric, "GAIN", -9.0 if unguarded else metric.GAIN), mock.patch.object(
                    metric, "SURE", -99.0 if unguarded else metric.SURE
                ):  # fmt: skip
                    learned = metric.learn_metric(data.vectors, draw(data, count, seed), params)
                used += not learned.identity
                gains.append(0.0 if learned.identity else _quality(data, learned.apply(data.vectors)) - before)
            print(
                f"| {data.name} ({len(data.truth)}, {data.kinds}) | {before:.3f} | {count} | {used} of {draws} "
                f"| {np.mean(gains):+.3f} | {min(gains):+.3f} | {max(gains):+.3f} |",
                flush=True,
            )


def _quality(data: datasets.DataSet, vectors: np.ndarray) -> float:
    return float(adjusted_mutual_info_score(data.truth, _groups(vectors)))


def _groups(vectors: np.ndarray) -> np.ndarray:
    return labels.group(vectors, ClusterParams()).groups


def _suggestions(sets: Iterator[datasets.DataSet]) -> None:
    """Per band of confidence: how many left-over images, the mean of what was said, the share that was right. Left over
    by the default clusterer, by the same with a stricter limit of noise, and by HDBSCAN. Each of these weighs the same
    in the second share, however many images it has."""
    said: list[np.ndarray] = []
    right: list[np.ndarray] = []
    weight: list[np.ndarray] = []
    for data in sets:
        for name, groups in _groupings(data):
            found = suggest(data.vectors, groups)
            if not len(found.rows):
                continue
            hits = _hits(data, groups, found.rows, found.groups)
            print(f"{data.name}, {name}: {len(hits)} left over, said {found.confidence.mean():.2f}, "
                  f"right {hits.mean():.2f}", flush=True)  # fmt: skip
            said.append(found.confidence)
            right.append(hits)
            weight.append(np.full(len(hits), 1 / len(hits)))
    confidence, hit, share = (np.concatenate(parts) for parts in (said, right, weight))
    print("\n| confidence | images | said | right | right, each grouping the same |\n" + "|---" * 5 + "|")
    for low, high in pairwise(BINS):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            print(f"| {low:.1f}–{min(high, 1):.1f} | {inside.sum()} | {confidence[inside].mean():.2f} "
                  f"| {hit[inside].mean():.2f} | {np.average(hit[inside], weights=share[inside]):.2f} |")  # fmt: skip


def _groupings(data: datasets.DataSet) -> list[tuple[str, np.ndarray]]:
    found = [("default", group_communities(data.vectors, ClusterParams()).groups),
             ("strict", group_communities(data.vectors, ClusterParams(), noise_ratio=0.55).groups)]  # fmt: skip
    if len(data.vectors) <= QUADRATIC:
        import hdbscan

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labelled = hdbscan.HDBSCAN(min_cluster_size=3, core_dist_n_jobs=1).fit_predict(data.vectors.astype(float))
        found.append(("HDBSCAN", np.asarray(labelled, dtype=np.int32)))
    return found


def _hits(data: datasets.DataSet, groups: np.ndarray, rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Bool [m]: whether each image is of the commonest kind of the group that is suggested for it."""
    hits = np.zeros(len(rows), dtype=bool)
    for number, (row, group) in enumerate(zip(rows, chosen, strict=True)):
        kinds, counts = np.unique(data.truth[groups == group], return_counts=True)
        hits[number] = data.truth[row] >= 0 and kinds[int(counts.argmax())] == data.truth[row]
    return hits


if __name__ == "__main__":
    raise SystemExit(main())
