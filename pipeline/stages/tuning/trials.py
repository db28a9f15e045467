"""One category at many granularities: the result of each, in figures that need no true labels.

What belongs here: the sweep, its figures, the setting that they favour. Not here: clustering (`labels/clusterers.py`),
the silhouette (`validity.py`), pictures (`chart.py`, `sheets.py`).

Validity is the mean silhouette (Rousseeuw, 1987) in the space of the embeddings. Unclustered images count 0, so that
leaving images out never looks like an improvement. Stability is the mean agreement (adjusted mutual information; Vinh,
Epps, Bailey, 2010) of clusterings of random subsamples with the clustering of all. Why these and not DBCV:
docs/appendix/granularity.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pipeline.settings import ClusterParams
from pipeline.stages.identities.matching import Identity
from pipeline.stages.labels import clusterers as labelling
from pipeline.stages.labels import suggestions as suggesting
from pipeline.stages.labels.community.clusterer import NEIGHBOURS
from pipeline.stages.labels.contract import NONE
from pipeline.stages.labels.grouping import Grouping
from pipeline.stages.neighbours.knn import Neighbours, nearest_neighbours
from pipeline.stages.tuning.validity import silhouette

STEPS = tuple(round(0.1 * step, 1) for step in range(1, 10))
RUNS = 5
SHARE = 0.8  # of the images in each subsample
SAMPLE = 1000  # images that stability is measured on at most, because it clusters `RUNS` times per setting
CLEARLY = 1.05  # ratio of validity by which `best` must exceed the setting in force; less is chance
STEADY = 0.1  # how far `best` may lie below the most stable setting, in stability
GIANT = 0.8  # share of the images in the largest cluster above which a setting is never `best`

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Survival:
    """What a setting would do to the current clusters.

    `kept` of `ids` clusters keep their id, `names_kept` of `names` named ones their name; `lost` are the names that
    would vanish; `identities[g]` is the identity that group g would get; `clusters` would be there after all decisions.
    """

    ids: int
    kept: int
    names: int
    names_kept: int
    lost: Sequence[str] = ()
    identities: Sequence[Identity] = ()
    clusters: int = 0


@dataclass(frozen=True)
class Trial:
    """The result of one setting.

    `setting` as in the settings file; `granularity` 0 to 1 as used. `groups` int32 [n] per point, −1 for none.
    `unclustered` and `largest` are shares of the images. `validity` −1 to 1, None with fewer than two clusters;
    `stability` up to 1, None likewise or if it was not measured.
    """

    setting: str
    granularity: float
    clusters: int
    unclustered: float
    largest: float
    validity: float | None
    stability: float | None
    groups: np.ndarray
    current: bool = False
    effective: Mapping[str, Any] = field(default_factory=dict[str, Any])
    survival: Survival | None = None

    @property
    def seen(self) -> int:
        """The number of clusters that people would see: after their decisions, if these are known."""
        return self.clusters if self.survival is None else self.survival.clusters


@dataclass(frozen=True)
class Cloud:
    """The points of a category: `vectors` float32 [n, k] are clustered, L2-normalised `embeddings` float32 [n, d] serve
    to judge the result, `copies` int [n] is the number of images of each point."""

    vectors: np.ndarray
    embeddings: np.ndarray
    copies: np.ndarray
    neighbours: Neighbours | None = None


def settings_to_try(steps: Sequence[float], current: str) -> list[str]:
    """The settings of a sweep: each step, auto, and the current one."""
    numbers = [f"{step:g}" for step in sorted(set(steps))]
    listed = current in numbers or any(current not in WORDS and float(current) == step for step in steps)
    return list(dict.fromkeys(["auto", *numbers, *([] if listed else [current])]))


WORDS = ("auto", "coarse", "fine")


def sweep(
    cloud: Cloud,
    params: ClusterParams,
    settings: Sequence[str],
    *,
    runs: int = RUNS,
    sample: int = SAMPLE,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> list[Trial]:
    """One trial per setting, from coarse to fine. `params` sets everything but the granularity; its `n_clusters` is
    ignored. `on_progress` gets the number of images clustered so far and in all."""
    samples = _samples(cloud, params, runs, sample, seed)
    each = len(cloud.vectors) + sum(len(part.cloud.vectors) for part in samples)
    trials: list[Trial] = []
    for number, setting in enumerate(settings):
        chosen = params.model_copy(update={"granularity": setting, "n_clusters": None})
        done = number * each
        grouping = _cluster(cloud, chosen)
        done += len(cloud.vectors)
        whole, agreements = grouping.groups, list[float]()
        for part in samples:
            if on_progress:
                on_progress(done, each * len(settings))
            groups = _cluster(part.cloud, chosen).groups
            done += len(part.cloud.vectors)
            if part.compared:
                agreements.append(agreement(whole[part.rows], groups))
            else:  # the subsamples are drawn from this sample, which replaces the whole
                whole = np.full(len(cloud.vectors), NONE, dtype=np.int32)
                whole[part.rows] = groups
        in_force = same_setting(setting, params.granularity) and params.n_clusters is None
        trials.append(_trial(cloud, setting, grouping, agreements, current=in_force))
    if on_progress:
        on_progress(each * len(settings), each * len(settings))
    return sorted(trials, key=lambda trial: (trial.granularity, trial.setting not in WORDS))


def validity(embeddings: np.ndarray, groups: np.ndarray) -> float | None:
    """The mean silhouette, −1 to 1, in which unclustered images count 0; None with fewer than two clusters.

    Time grows with images times clusters.
    """
    inside = groups >= 0
    if not inside.any() or groups.max() < 1:
        return None
    return silhouette(embeddings[inside], groups[inside]) * float(inside.mean())


def agreement(groups: np.ndarray, other: np.ndarray) -> float:
    """Adjusted mutual information of two clusterings int [n], 1 = the same, 0 = chance; unclustered is one group."""
    from sklearn.metrics import adjusted_mutual_info_score

    return float(adjusted_mutual_info_score(groups, other))


def best(trials: Sequence[Trial]) -> Trial | None:
    """The setting with the best validity among those that are about as stable as the most stable one.

    The setting in force stays unless another is clearly better, because every change costs names. None if no setting
    gives two clusters.
    """
    fit = [trial for trial in trials if trial.validity is not None and trial.largest <= GIANT]
    if not fit:
        return None
    steadiest = max((trial.stability or 0.0 for trial in fit), default=0.0)
    fit = [trial for trial in fit if (trial.stability or 0.0) >= steadiest - STEADY]
    winner = max(fit, key=lambda trial: (round(trial.validity or 0.0, 4), trial.setting == "auto"))
    stays = [trial for trial in fit if trial.current]
    if stays and (winner.validity or 0.0) < CLEARLY * (stays[0].validity or 0.0):
        return stays[0]
    return winner


@dataclass(frozen=True)
class _Subsample:
    """A part of the points: `rows` int [m]; either `compared` with the whole, or replacing it."""

    rows: np.ndarray
    cloud: Cloud
    compared: bool = True


def _cluster(cloud: Cloud, params: ClusterParams) -> Grouping:
    """The clustering as in `labels`, with accepted suggestions if the settings enable them."""
    grouping = labelling.group(cloud.vectors, params, neighbours=cloud.neighbours)
    if params.accept_suggestions is None:
        return grouping
    suggestions = suggesting.suggest(cloud.vectors, grouping.groups)
    groups, probability, _ = suggesting.accept(
        grouping.groups, grouping.probability, suggestions, params.accept_suggestions
    )
    return replace(grouping, groups=groups, probability=probability)


def _samples(cloud: Cloud, params: ClusterParams, runs: int, sample: int, seed: int) -> list[_Subsample]:
    rng = np.random.default_rng(seed)
    n = len(cloud.vectors)
    if not runs or n < 2:
        return []
    rows = np.arange(n)
    parts: list[_Subsample] = []
    if n > sample:
        rows = np.sort(rng.choice(n, sample, replace=False))
        parts.append(_subsample(cloud, params, rows, compared=False))
    for _ in range(runs):
        drawn = np.sort(rng.choice(rows, max(2, round(SHARE * len(rows))), replace=False))
        parts.append(_subsample(cloud, params, drawn, compared=True))
    return parts


def _subsample(cloud: Cloud, params: ClusterParams, rows: np.ndarray, *, compared: bool) -> _Subsample:
    vectors = cloud.vectors[rows]
    neighbours = nearest_neighbours(vectors, NEIGHBOURS - 1) if params.method == "community" else None
    return _Subsample(rows, Cloud(vectors, cloud.embeddings[:0], cloud.copies[rows], neighbours), compared)


def _trial(cloud: Cloud, setting: str, grouping: Grouping, agreements: Sequence[float], *, current: bool) -> Trial:
    groups = grouping.groups
    images = max(int(cloud.copies.sum()), 1)
    sizes = np.bincount(groups[groups >= 0], weights=cloud.copies[groups >= 0])
    return Trial(
        setting=setting,
        granularity=float(grouping.effective.get("granularity", 0.5)),
        clusters=len(sizes),
        unclustered=float(cloud.copies[groups < 0].sum()) / images,
        largest=float(sizes.max()) / images if len(sizes) else 0.0,
        validity=validity(cloud.embeddings, groups),
        stability=float(np.mean(agreements)) if agreements and len(sizes) > 1 else None,
        groups=groups,
        current=current,
        effective=grouping.effective,
    )


def same_setting(setting: str, other: str) -> bool:
    """Whether two values of `labels.granularity` are the same one: `0.5` and `.50` are."""
    return setting == other or (setting not in WORDS and other not in WORDS and float(setting) == float(other))
