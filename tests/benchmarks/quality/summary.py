"""Ours against k-means that is told the number of kinds, set by set and in the mean, as a Markdown table.

What belongs here: the one table that says whether the default is good. Not here: other recipes side by side
(`__main__.py`), what probabilities are worth (`reliability.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from time import process_time

import numpy as np

from tests.benchmarks.quality import recipes
from tests.benchmarks.quality.datasets import DataSet
from tests.benchmarks.quality.scores import Scores, score

TOLD = ("k-means, told k", "UMAP + k-means, told k")
FURTHER_SEEDS = (1, 2)
BAR = -0.02  # ours may lie so much below the better of `TOLD`
STEADY = 0.95  # AMI of two seeds

HEAD = (
    "set (images, kinds)", "ours", "k-means told k: raw", "reduced", "ours − better", "clusters", "unclustered",
    "two seeds", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One set: `scores` of ours, AMI of each of `TOLD`, and the worst agreement (AMI) of two seeds of ours."""

    name: str
    images: int
    kinds: int
    scores: Scores
    told: tuple[float, ...]
    seeds: float
    seconds: float

    @property
    def difference(self) -> float:
        """Ours minus the better of those told."""
        return self.scores.ami - max(self.told)

    def cells(self) -> list[str]:
        """The line as text; what misses a bar is bold."""
        difference, seeds = f"{self.difference:+.3f}", f"{self.seeds:.3f}"
        return [
            f"{self.name} ({self.images}, {self.kinds})", f"{self.scores.ami:.3f}",
            *(f"{one:.3f}" for one in self.told),
            difference if self.difference >= BAR else f"**{difference}**", str(self.scores.clusters),
            f"{self.scores.unclustered:.1%}", seeds if self.seeds >= STEADY else f"**{seeds}**", f"{self.seconds:.0f}",
        ]  # fmt: skip


def line(data: DataSet) -> Line:
    """Run everything on one set."""
    from sklearn.metrics import adjusted_mutual_info_score

    from pipeline.settings import ClusterParams
    from pipeline.stages.labels.community.clusterer import NEIGHBOURS, group_communities
    from pipeline.stages.neighbours.knn import nearest_neighbours

    started = process_time()
    known = nearest_neighbours(data.vectors, NEIGHBOURS - 1)

    def grouped(seed: int) -> np.ndarray:
        return group_communities(data.vectors, ClusterParams(min_cluster_size=5, seed=seed), neighbours=known).groups

    ours = grouped(recipes.SEED)
    seconds = process_time() - started
    others = [grouped(seed) for seed in FURTHER_SEEDS]
    seeds = min(float(adjusted_mutual_info_score(ours, other)) for other in others)
    told = [recipes.quietly(recipes.RECIPES[name], data.vectors, data.kinds) for name in TOLD]
    amis = tuple(score(data.truth, found).ami for found in told)
    return Line(data.name, len(data.truth), data.kinds, score(data.truth, ours), amis, seeds, seconds)


def print_table(sets: Iterable[DataSet]) -> None:
    """Each set as it is done, then the mean over them."""
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|", flush=True)
    lines: list[Line] = []
    for data in sets:
        lines.append(line(data))
        print(f"| {' | '.join(lines[-1].cells())} |", flush=True)
    if lines:
        better = float(np.mean([max(one.told) for one in lines]))
        ours = float(np.mean([one.scores.ami for one in lines]))
        left_out = np.mean([one.scores.unclustered for one in lines])
        cells = [
            f"**mean of {len(lines)}**", f"{ours:.3f}",
            *(f"{told:.3f}" for told in np.mean([one.told for one in lines], axis=0)),
            f"{ours - better:+.3f}", "", f"{left_out:.1%}", f"{np.mean([one.seeds for one in lines]):.3f}", "",
        ]  # fmt: skip
        print(f"| {' | '.join(cells)} |\n\nMean of the better of the two that are told k: {better:.3f}.")
