"""Choosing how fine a category is clustered: the choice in force, what another would change, deciding and clustering.

What belongs here: the decision `granularity`, and the clusters of a stored sweep beside those of today. Not here: the
sweep (`tune.py`), comparing two clusterings (`curation/outlook.py`), the settings of the clusterer (`decided.py`).

The settings file is never changed: the choice is a decision about one category, so that it has an author, a place in
the history and an undo, and holds for every program that clusters this data directory.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Computed, Curated
from pipeline.curation.events import Event
from pipeline.curation.outlook import Outlook
from pipeline.curation.replay import replay
from pipeline.errors import DecisionError, MissingArtifactError, UnknownNameError
from pipeline.stages.identities.matching import Identity
from pipeline.stages.labels.contract import Facts as LabelFacts
from pipeline.stages.tuning.contract import GROUPS_SCHEMA, PLACES_SCHEMA, Facts
from pipeline.stages.tuning.sheets import typical_points
from pipeline.stages.tuning.trials import WORDS, Survival, same_setting
from pipeline.steps import labels as labels_step
from pipeline.steps.decided import HOW_FINE, cluster_params, granularity_event
from pipeline.steps.duplicates import collapsed
from pipeline.steps.identities import match_groups
from pipeline.steps.incremental import clustering, made_of
from pipeline.steps.project import Project
from pipeline.steps.stage import embedded_images
from pipeline.storage.artifacts import digest

LOOKED_AT = 200  # members of a cluster that its faces are chosen from


@dataclass(frozen=True)
class Choice:
    """The granularity in force for a category.

    `event` is the decision behind it, None if it is that of the settings, which say `settings`. `pending`: the stored
    clusters were computed with other settings, so the next run clusters all images again. `n_clusters` is that of the
    settings; without an event it decides, and no granularity is in force.
    """

    value: str
    settings: str
    event: Event | None
    pending: bool
    n_clusters: int | None = None


def choice(project: Project, slug: str) -> Choice:
    """The granularity in force for a category."""
    params, event = cluster_params(project, slug), granularity_event(project, slug)
    labels, source = project.store.current(slug, "labels"), project.store.current(slug, "reduced")
    pending = False
    if labels is not None and source is not None and (full := labels.facts(LabelFacts).full) is not None:
        pending = full.made_of != made_of(project, source, params, labels_step.CODE)
    configured = project.settings.labels
    return Choice(params.granularity, configured.granularity, event, pending, configured.n_clusters)


def choose(project: Project, slug: str, value: str | None, *, actor: str, why: str | None = None) -> Event | None:
    """Decide the granularity of a category, from the next clustering on; None goes back to the settings.

    Returns None if that is in force already. Raises `DecisionError` for a value that is none.
    """
    if value is not None:
        value = normal(value)
    event = granularity_event(project, slug)
    now = event.decision.value if event is not None and isinstance(event.decision, d.Granularity) else None
    if value == now:
        return None
    return project.curation.decide(slug, d.Granularity(value=value), actor=actor, why=why)


def normal(value: str) -> str:
    """A granularity as it is stored: `0.60` is `0.6`. Raises `DecisionError`."""
    text = value.strip()
    if text in WORDS:
        return text
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise DecisionError(
            f"{value!r} is not a granularity: it is auto, coarse, fine, or a number from 0 (coarse) to 1 (fine)."
        )
    return f"{round(number, 4):g}"


@dataclass(frozen=True)
class Preview:
    """What a setting of the stored sweep would change. `images`: content hash → number of images with it."""

    setting: str
    outlook: Outlook
    images: dict[str, int] = field(default_factory=dict[str, int])

    def size(self, members: frozenset[str]) -> int:
        """The number of images with these content hashes."""
        return sum(self.images.get(content, 0) for content in members)


def preview(project: Project, slug: str, setting: str) -> Preview:
    """The clusters that a setting of the stored sweep would give, beside those of today, all decisions applied.

    Raises `MissingArtifactError` without a sweep of the present images, `UnknownNameError` for a setting that was not
    tried.
    """
    stored = project.store.current(slug, "tuning")
    if stored is None or not sweep_is_current(project, slug):
        raise MissingArtifactError(
            f"There is no comparison of the present images of {project.category_of(slug)}. Make one first: "
            f"image-cluster tune {shlex.quote(project.category_of(slug))}{project.where}"
        )
    rows = stored.table("groups", GROUPS_SCHEMA)
    tried = rows["setting"].to_list()
    if setting not in tried:
        raise UnknownNameError(f"The comparison has no setting {setting!r}. It has: {', '.join(tried)}.")
    places = stored.table("places", PLACES_SCHEMA)
    images = dict(places.iter_rows())
    today = project.curation.curated(slug)
    if shows_today(project, slug, setting):
        return Preview(setting, Outlook(today, today), images)
    groups = rows.filter(pl.col("setting") == setting)["groups"].item()
    members = group_members(places["content_hash"].to_list(), groups.to_numpy())
    then, _ = curated_then(project, slug, members, frozenset(images))
    return Preview(setting, Outlook(today, then), images)


def shows_today(project: Project, slug: str, setting: str) -> bool:
    """Whether a setting is in force and the stored clusters are of it: then they are what it gives."""
    now = choice(project, slug)
    chosen = now.event is not None or now.n_clusters is None
    return chosen and not now.pending and same_setting(setting, now.value)


def faces(
    project: Project, slug: str, clusters: Iterable[frozenset[str]], count: int
) -> dict[frozenset[str], list[str]]:
    """Members → content hashes of up to `count` of them, the most typical first. Looks at `LOOKED_AT` of each."""
    _, encoder = embedded_images(project, slug)
    vectors = project.vectors(encoder)
    shown: dict[frozenset[str], list[str]] = {}
    for members in clusters:
        if members not in shown:
            hashes = sorted(members)[:LOOKED_AT]
            chosen = typical_points(
                vectors.read(hashes).astype(np.float32), np.ones(len(hashes), dtype=bool), hashes, count
            )
            shown[members] = [hashes[row] for row in chosen]
    return shown


def sweep_is_current(project: Project, slug: str) -> bool:
    """Whether the stored sweep is of the present vectors and settings; decisions do not make it old."""
    stored = project.store.current(slug, "tuning")
    return stored is not None and stored.facts(Facts).swept == swept(project, slug)


def swept(project: Project, slug: str) -> str:
    """A digest of what the groups of a sweep depend on."""
    source = project.store.require(slug, "reduced")
    params = clustering(cluster_params(project, slug))
    further = {name: value for name, value in params.items() if name not in (*HOW_FINE, "memory")}
    return digest(source.provenance.fingerprint, further, labels_step.CODE, *collapsed(project, slug))


def group_members(hashes: Sequence[str], groups: np.ndarray) -> list[frozenset[str]]:
    """The content hashes of each group; `groups` int [n] per hash, −1 for none."""
    count = int(groups.max()) + 1 if len(groups) else 0
    members: list[set[str]] = [set() for _ in range(count)]
    for content, group in zip(hashes, groups.tolist(), strict=True):
        if group >= 0:
            members[group].add(content)
    return [frozenset(images) for images in members]


def curated_then(
    project: Project, slug: str, members: list[frozenset[str]], images: frozenset[str], encoder: str | None = None
) -> tuple[Curated, list[Identity]]:
    """The clusters after all decisions if these groups of content hashes replaced those of today, and the identity of
    each group. `images` are all clustered and unclustered content hashes. `encoder`: the fingerprint of the vectors
    behind the groups, by default that of today's. Stores nothing."""
    encoder = encoder or embedded_images(project, slug)[1]
    matched, _ = match_groups(project, slug, members, project.store.current(slug, "identities"), encoder)
    computed = Computed(
        clusters={one.cluster_id: group for one, group in zip(matched.identities, members, strict=True)},
        unclustered=images.difference(*members),
        former=dict(matched.ledger.dead),
    )
    return replay(computed, project.curation.log.events(slug)), matched.identities


def survival(outlook: Outlook, identities: Sequence[Identity] = ()) -> Survival:
    """The figures of an outlook, for a table of settings."""
    lost = list(outlook.lost)
    return Survival(
        ids=len(outlook.today.clusters), kept=len(outlook.kept), names=len(outlook.names),
        names_kept=len(outlook.names) - len(lost), lost=lost, identities=identities,
        clusters=len(outlook.then.clusters),
    )  # fmt: skip


def decided_digest(project: Project, slug: str) -> str:
    """A digest of the clusters of today and of what people decided about them; tags do not count."""
    identities = project.store.current(slug, "identities")
    if identities is None:
        return ""
    curated = project.curation.curated(slug)
    placed = sorted((image, cluster or "") for image, cluster in curated.placed.items())
    return digest(identities.provenance.fingerprint, sorted(curated.names.items(), key=lambda named: named[0]),
                  sorted(curated.redirects.items()), placed, sorted(curated.excluded))  # fmt: skip
