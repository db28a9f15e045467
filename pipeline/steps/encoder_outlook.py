"""What a change of encoder would do to the clusters of a sample: today's beside those that come instead, with faces.

What belongs here: the changed clusters with their faces. Not here: which encoder agrees better
(`encoder_comparison.py`), finding what becomes of each cluster (`curation/outlook.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.curation.clusters import Curated
from pipeline.curation.outlook import Change, Outlook
from pipeline.steps.granularity import faces
from pipeline.steps.project import Project

FACES = 5
MOST_ROWS = 40  # rows that are kept; the others are counted


@dataclass(frozen=True)
class SampledCluster:
    """A cluster, as far as it is in the sample: content hashes `shown` of typical images, the most typical first."""

    id: str
    name: str | None
    images: int
    shown: list[str]


@dataclass(frozen=True)
class ClusterChange:
    """Clusters of today (`before`), and the ones that their images would be in (`after`)."""

    change: Change
    before: list[SampledCluster]
    after: list[SampledCluster]


@dataclass(frozen=True)
class ClusterChanges:
    """What would change, the largest first; `more` rows were left out, and `same` clusters would stay as they are.

    All figures are those of the sample.
    """

    same: int = 0
    more: int = 0
    rows: list[ClusterChange] = field(default_factory=list[ClusterChange])


def cluster_changes(project: Project, slug: str, outlook: Outlook, here: frozenset[str]) -> ClusterChanges:
    """What an outlook would change in a sample; `here` are the content hashes of the sample."""
    seen = Outlook(_within(outlook.today, here), _within(outlook.then, here))
    changed = [step for step in seen.steps if step.change != "same"]
    shown = changed[:MOST_ROWS]
    today, then = seen.today.clusters, seen.then.clusters
    clusters = [today[name] for step in shown for name in step.before]
    clusters += [then[name] for step in shown for name in step.after]
    faces_of = faces(project, slug, (cluster.members for cluster in clusters), FACES)

    def sampled(curated: Curated, ids: Sequence[str]) -> list[SampledCluster]:
        chosen = [curated.clusters[cluster] for cluster in ids]
        return [SampledCluster(one.id, one.name, len(one.members), faces_of[one.members]) for one in chosen]

    rows = [
        ClusterChange(step.change, sampled(seen.today, step.before), sampled(seen.then, step.after)) for step in shown
    ]
    return ClusterChanges(len(seen.steps) - len(changed), len(changed) - len(shown), rows)


def _within(curated: Curated, here: frozenset[str]) -> Curated:
    """The clusters with the members that are here; those without any are left out."""
    clusters = {
        name: replace(cluster, members=cluster.members & here)
        for name, cluster in curated.clusters.items() if cluster.members & here
    }  # fmt: skip
    return replace(curated, clusters=clusters, unclustered=curated.unclustered & here)
