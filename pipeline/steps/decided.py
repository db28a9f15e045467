"""What people decided that computing has to know: exclusions, names, rated pairs, pairs that are no duplicates.

What belongs here: reading each out of a project's decisions. Not here: making decisions (`curation.py`), what they do
to computed clusters (`curation/replay.py`).
"""

from itertools import combinations

from pipeline.curation import decisions as d
from pipeline.steps.project import Project


def excluded_images(project: Project, slug: str) -> frozenset[str]:
    """Content hashes that people left out."""
    return frozenset(project.curation.checked(slug).excluded(slug))


def named_clusters(project: Project, slug: str) -> frozenset[str]:
    """Ids of clusters that people named."""
    return project.curation.named(slug)


def rated_pairs(project: Project, slug: str) -> list[tuple[str, str, bool]]:
    """Two content hashes and whether they belong together, for each rating that holds, in the order of the ratings."""
    active = d.active_events(project.curation.checked(slug).events(slug))
    return [(one.decision.a, one.decision.b, one.decision.same) for one in active if isinstance(one.decision, d.Pair)]


def kept_pairs(project: Project, slug: str) -> frozenset[frozenset[str]]:
    """Pairs of content hashes that people said are no duplicates of each other."""
    active = d.active_events(project.curation.checked(slug).events(slug))
    kept = [one.decision.images for one in active if isinstance(one.decision, d.KeepBoth)]
    return frozenset(frozenset(pair) for images in kept for pair in combinations(sorted(set(images)), 2))
