"""Resolves an id or a name to a cluster.

What belongs here: the order in which ids and names are compared, and refusing a name that fits several. Not here:
suggesting similar names for an unknown one (`checks.py`, `service/problems.py`).

A decision that reaches the wrong cluster is worse than a refused one. So a cluster is found by its exact id, else by
its exact name, else by an id or name that differs in case or blanks only, and each time only if one cluster fits.
"""

import unicodedata
from collections.abc import Mapping

from pipeline.errors import AmbiguousNameError

NO_REDIRECTS: Mapping[str, str] = {}


def cluster_ids(given: str, names: Mapping[str, str | None], redirects: Mapping[str, str] = NO_REDIRECTS) -> list[str]:
    """The ids of the clusters that `given` fits equally well, sorted.

    `names` are the clusters that exist, by id; `redirects` leads from ids that were merged away to present ones.
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


def choose_cluster(
    given: str, names: Mapping[str, str | None], redirects: Mapping[str, str] = NO_REDIRECTS
) -> str | None:
    """The id of the one cluster that `given` fits; None when it fits none.

    Raises `AmbiguousNameError`, with the ids and names of all candidates, when it fits several.
    """
    found = cluster_ids(given, names, redirects)
    if len(found) > 1:
        shown = ", ".join(f"{cluster} (“{names[cluster] or 'unnamed'}”)" for cluster in found)
        raise AmbiguousNameError(
            f"{given!r} fits {len(found)} clusters: {shown}. Nothing was done. Use the id of the one you mean.",
            candidates=tuple(found),
        )
    return found[0] if found else None


def _composed(text: str) -> str:
    """An accented letter as one character: keyboards, files and terminals write it in two ways."""
    return unicodedata.normalize("NFC", text)


def _loose(text: str) -> str:
    return " ".join(_composed(_composed(text).casefold()).split())
