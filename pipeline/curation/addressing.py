"""Resolves an id or a name to a cluster, and a slug or a name to a category.

What belongs here: the order in which ids and names are compared, and refusing a name that fits several. Not here:
suggesting similar names for an unknown one (`checks.py`, `service/problems.py`).

A decision about the wrong cluster is worse than a refused one. So a cluster is found by its exact id, else by its exact
name, else by an id or name that differs only in case or blanks, and only if exactly one cluster matches. Categories are
found alike.
"""

import unicodedata
from collections.abc import Mapping

from pipeline.curation.decisions import Create, Decision, Rename, Split
from pipeline.errors import AmbiguousNameError

NO_REDIRECTS: Mapping[str, str] = {}


def cluster_ids(given: str, names: Mapping[str, str | None], redirects: Mapping[str, str] = NO_REDIRECTS) -> list[str]:
    """The ids of the clusters that `given` matches equally well, sorted.

    `names` maps the id of every cluster to its name; `redirects` maps ids that were merged away to present ones.
    """
    present = redirects.get(given, given)
    if present in names:
        return [present]
    wanted, loose = _composed(given), _loose(given)
    exact = [cluster for cluster, name in names.items() if name is not None and _composed(name) == wanted]
    similar = [
        cluster
        for cluster, name in names.items()
        if loose and (_loose(cluster) == loose or (name is not None and _loose(name) == loose))
    ]
    return sorted(exact or similar)


def namesakes(cluster: str, names: Mapping[str, str | None]) -> list[str]:
    """The ids of the other clusters with the name of `cluster`, but for case and blanks, sorted."""
    name = _loose(names.get(cluster) or "")
    same = (other for other, called in names.items() if other != cluster and called and _loose(called) == name)
    return sorted(same) if name else []


def named_cluster(decision: Decision) -> str | None:
    """The cluster that a decision gives a name; None if it gives none."""
    match decision:
        case Rename(cluster=cluster, name=str()) | Split(new_cluster=cluster, name=str()):
            return cluster
        case Create(new_cluster=cluster, name=str()):
            return cluster
        case _:
            return None


def choose_cluster(
    given: str, names: Mapping[str, str | None], redirects: Mapping[str, str] = NO_REDIRECTS
) -> str | None:
    """The id of the only cluster that `given` matches; None if there is none.

    Raises `AmbiguousNameError`, with the ids and names of all candidates, if it matches several.
    """
    candidates = cluster_ids(given, names, redirects)
    if len(candidates) > 1:
        shown = ", ".join(f"{cluster} (“{names[cluster] or 'unnamed'}”)" for cluster in candidates)
        raise AmbiguousNameError(
            f"{given!r} fits {len(candidates)} clusters: {shown}. Nothing was done. Use the id of the one you mean.",
            candidates=tuple(candidates),
        )
    return candidates[0] if candidates else None


def choose_category(given: str, names: Mapping[str, str]) -> str | None:
    """The slug of the only category that `given` matches by slug or name; None if there is none.

    `names` maps the slug of every category to its name. Folders "Posts" and "posts" are two categories, and the slug of
    one may be the name of the other. Raises `AmbiguousNameError`, with the slugs of all candidates.
    """
    wanted, loose = _composed(given), _loose(given)
    exact = [slug for slug, name in names.items() if given in (slug, name)]
    composed = [slug for slug, name in names.items() if _composed(name) == wanted]
    similar = [slug for slug, name in names.items() if loose and loose in (_loose(slug), _loose(name))]
    candidates = exact or composed or similar
    if len(candidates) > 1:
        ways = ", ".join(f"{names[slug] if slug == given else slug} for folder {names[slug]!r}" for slug in candidates)
        raise AmbiguousNameError(
            f"{given!r} fits {len(candidates)} categories. Nothing was done. Use {ways}.",
            candidates=tuple(candidates),
        )
    return candidates[0] if candidates else None


def unmistakable(slug: str, names: Mapping[str, str]) -> str:
    """A word that `choose_category` resolves to this category: its slug unless another category is called so."""
    taken = any(name == slug for other, name in names.items() if other != slug)
    return names[slug] if taken else slug


def _composed(text: str) -> str:
    """Accented letters as one character each, because keyboards, files and terminals write them in two ways."""
    return unicodedata.normalize("NFC", text)


def _loose(text: str) -> str:
    return " ".join(_composed(_composed(text).casefold()).split())
