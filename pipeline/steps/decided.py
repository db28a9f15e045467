"""The decisions that stages need: excluded images, named clusters, rated pairs, pairs that are not duplicates.

What belongs here: reading these from a project's decisions. Not here: deciding (`curation.py`), the effect of decisions
on computed clusters (`curation/replay.py`).
"""

from itertools import combinations

from pipeline.curation import decisions as d
from pipeline.steps.project import Project


def excluded_images(project: Project, slug: str) -> frozenset[str]:
    """Content hashes that people excluded."""
    return frozenset(project.curation.checked(slug).excluded(slug))


def named_clusters(project: Project, slug: str) -> frozenset[str]:
    """Ids of clusters that people named."""
    return project.curation.named(slug)


def rated_pairs(project: Project, slug: str) -> list[tuple[str, str, bool]]:
    """Two content hashes and whether they belong together, for each active rating, oldest first."""
    active = d.active_events(project.curation.checked(slug).events(slug))
    pairs = [event.decision for event in active if isinstance(event.decision, d.Pair)]
    return [(pair.a, pair.b, pair.same) for pair in pairs]


def kept_pairs(project: Project, slug: str) -> frozenset[frozenset[str]]:
    """Pairs of content hashes that people marked as not duplicates."""
    active = d.active_events(project.curation.checked(slug).events(slug))
    kept = [event.decision.images for event in active if isinstance(event.decision, d.KeepBoth)]
    return frozenset(frozenset(pair) for images in kept for pair in combinations(sorted(set(images)), 2))
