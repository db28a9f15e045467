"""The decisions that stages need: excluded images, named clusters, rated pairs, pairs that are not duplicates, how
fine a category is clustered, and with which encoder it is embedded.

What belongs here: reading these from a project's decisions. Not here: deciding (`curation.py`), the effect of decisions
on computed clusters (`curation/replay.py`).
"""

from collections.abc import Collection
from itertools import combinations

from pipeline.curation import decisions as d
from pipeline.curation.events import Event, active_events
from pipeline.settings import ClusterParams
from pipeline.steps.project import Project

HOW_FINE = ("granularity", "n_clusters")  # the settings of `labels` that a decision about granularity overrides


def excluded_images(project: Project, slug: str) -> frozenset[str]:
    """Content hashes that people excluded."""
    return frozenset(project.curation.checked(slug).excluded(slug))


def named_clusters(project: Project, slug: str) -> frozenset[str]:
    """Ids of clusters that people named."""
    return project.curation.named(slug)


def rated_pairs(project: Project, slug: str) -> list[tuple[str, str, bool]]:
    """Two content hashes and whether they belong together, for each active rating, oldest first."""
    active = active_events(project.curation.checked(slug).events(slug))
    pairs = [event.decision for event in active if isinstance(event.decision, d.Pair)]
    return [(pair.a, pair.b, pair.same) for pair in pairs]


def kept_pairs(project: Project, slug: str) -> frozenset[frozenset[str]]:
    """Pairs of content hashes that people marked as not duplicates."""
    active = active_events(project.curation.checked(slug).events(slug))
    kept = [event.decision.images for event in active if isinstance(event.decision, d.KeepBoth)]
    return frozenset(frozenset(pair) for images in kept for pair in combinations(sorted(set(images)), 2))


def granularity_event(project: Project, slug: str) -> Event | None:
    """The decision about granularity that is in force; None if there is none, or it went back to the settings."""
    for event in reversed(active_events(project.curation.checked(slug).events(slug))):
        if isinstance(event.decision, d.Granularity):
            return event if event.decision.value is not None else None
    return None


def encoder_event(project: Project, slug: str) -> Event | None:
    """The decision about the encoder that is in force; None if there is none, or it went back to the settings."""
    for event in reversed(active_events(project.curation.checked(slug).events(slug))):
        if isinstance(event.decision, d.Encoder):
            return event if event.decision.spec is not None else None
    return None


def encoder_spec(project: Project, slug: str) -> str:
    """The spec of the encoder in force for a category.

    What a single run was told (`--encoder`) wins over the decision, the decision over the settings.
    """
    event = None if project.encoder_given else encoder_event(project, slug)
    decided = event.decision.spec if event is not None and isinstance(event.decision, d.Encoder) else None
    return decided or project.settings.encoder.spec


def sets_granularity(label_settings: Collection[str]) -> bool:
    """Whether these settings of `labels` say how fine to cluster. In such a run no decision about it counts."""
    return not set(HOW_FINE).isdisjoint(label_settings)


def cluster_params(project: Project, slug: str) -> ClusterParams:
    """The settings of the clusterer, with the granularity that people decided for this category.

    What a single run was told (`--granularity`, `--clusters`) wins over the decision, the decision over the settings,
    `labels.n_clusters` included.
    """
    params = project.settings.labels
    event = None if project.granularity_given else granularity_event(project, slug)
    if event is None or not isinstance(event.decision, d.Granularity):
        return params
    return params.model_copy(update={"granularity": event.decision.value, "n_clusters": None})
