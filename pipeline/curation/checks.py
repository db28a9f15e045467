"""Checks of a decision against the current clusters, so that nobody decides about an unknown id.

What belongs here: which clusters and images each kind of decision needs, and refusing impossible ones. Not here: what a
decision does (`replay.py`), how a name is compared (`addressing.py`), storing (`steps/curation.py`).
"""

import difflib
from collections.abc import Callable, Collection
from typing import assert_never

from pipeline.curation import decisions as d
from pipeline.curation.addressing import choose_cluster
from pipeline.curation.clusters import Curated, CuratedCluster
from pipeline.curation.decisions import Decision
from pipeline.errors import DecisionError, UnknownNameError


def checked(decision: Decision, curated: Curated) -> Decision:  # noqa: PLR0911  # one return for each kind
    """The decision with the present ids of its clusters.

    Raises `UnknownNameError` and `AmbiguousNameError` for clusters, `DecisionError` if the decision is impossible or
    changes nothing.
    """
    match decision:
        case d.Merge():
            return _merge(decision, curated)
        case d.Split():
            return _split(decision, curated)
        case d.Create():
            return _create(decision, curated)
        case d.Move(to=to, images=images):
            home = None if to is None else known_cluster(curated, to).id
            return decision.model_copy(update={"to": home, "clusters": _sources(images, curated)})
        case d.Exclude(images=images):
            return decision.model_copy(update={"clusters": _sources(images, curated)})
        case d.WrongBox(image=image):
            return decision.model_copy(update={"clusters": _sources([image], curated)})
        case d.ChooseRepresentative(cluster=cluster, image=image):
            home = known_cluster(curated, cluster)
            if image is not None and image not in home.members:
                raise DecisionError(f"{image} is not in cluster {home.id}, so it cannot represent it.")
            return decision.model_copy(update={"cluster": home.id})
        case d.Rename() | d.Describe() | d.SetStatus() | d.Review() | d.Note():
            return decision.model_copy(update={"cluster": known_cluster(curated, decision.cluster).id})
        case d.Include() | d.Tag() | d.Untag() | d.Pair() | d.KeepBoth() | d.Undo():
            return decision
        case d.AddBox() | d.Granularity() | d.Encoder() | d.SaveView():
            return decision
        case _:
            assert_never(decision)


def check_images(
    decision: Decision, category: str, images: Collection[str], left_out: Callable[[], Collection[str]]
) -> None:
    """Raises `UnknownNameError` for images not in `images`; those of Include and Untag may also be in `left_out`.

    `left_out` replays all events, so it is called only if needed.
    """
    source = decision.source if isinstance(decision, d.WrongBox | d.AddBox) else None  # no image of an object library
    touched = [image for image in decision.images_touched() if image != source]
    missing = [image for image in touched if image not in images]
    if missing and isinstance(decision, (d.Include, d.Untag)):  # excluded images are not computed
        others = left_out()
        missing = [image for image in missing if image not in others]
    if missing:
        near = difflib.get_close_matches(missing[0], images, n=1, cutoff=0.6)
        hint = f" The nearest is {near[0]}." if near else ""
        raise UnknownNameError(
            f"{len(missing)} of {len(touched)} images are not in {category}, for example {missing[0]}.{hint} "
            "Nothing was decided."
        )


def known_cluster(curated: Curated, cluster: str) -> CuratedCluster:
    """One cluster by its id, its name, or the id of a cluster that was merged into it.

    Raises `UnknownNameError` with the nearest ids, `AmbiguousNameError` with all matches.
    """
    cluster_id = choose_cluster(cluster, curated.names, curated.redirects)
    if cluster_id is not None:
        return curated.clusters[cluster_id]
    names = {named.name.casefold(): named.id for named in curated.clusters.values() if named.name}
    near = difflib.get_close_matches(cluster, curated.clusters, n=3, cutoff=0.4)
    near += [names[name] for name in difflib.get_close_matches(cluster.casefold(), names, n=2, cutoff=0.5)]
    shown = ", ".join(
        f"{cluster_id} ({curated.clusters[cluster_id].name or 'unnamed'})" for cluster_id in dict.fromkeys(near)
    )
    hint = f"The nearest: {shown}." if shown else "`image-cluster clusters list` shows them all."
    raise UnknownNameError(f"There is no cluster {cluster!r} among {len(curated.clusters)}. {hint}")


def _merge(decision: d.Merge, curated: Curated) -> d.Merge:
    clusters = list(dict.fromkeys(known_cluster(curated, cluster).id for cluster in decision.clusters))
    home = known_cluster(curated, decision.into).id
    if not set(clusters) - {home}:
        raise DecisionError(f"A merge joins at least two clusters; these are all {home} already.")
    return decision.model_copy(update={"clusters": tuple(clusters), "into": home})


def _create(decision: d.Create, curated: Curated) -> d.Create:
    images, sources = frozenset(decision.images), _sources(decision.images, curated)
    if len(sources) == 1 and curated.clusters[sources[0]].members == images:
        raise DecisionError(f"These {len(images)} images are the cluster {sources[0]} already. To name it, rename it.")
    return decision.model_copy(update={"clusters": sources})


def _sources(images: Collection[str], curated: Curated) -> tuple[str, ...]:
    """The ids of the clusters that some of these images are in now."""
    wanted = frozenset(images)
    return tuple(cluster.id for cluster in curated.clusters.values() if not wanted.isdisjoint(cluster.members))


def _split(decision: d.Split, curated: Curated) -> d.Split:
    home, images = known_cluster(curated, decision.cluster), decision.images
    if strangers := [image for image in images if image not in home.members]:
        raise DecisionError(
            f"{len(strangers)} of the {len(images)} images are not in {home.id}, for example {strangers[0]}. Move them "
            "there first."
        )
    if not home.members - set(images):
        raise DecisionError(f"These are all {len(images)} images of {home.id}; a split must leave at least one.")
    return decision.model_copy(update={"cluster": home.id})
