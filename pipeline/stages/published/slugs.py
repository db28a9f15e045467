"""Slugs: the names of clusters in addresses.

What belongs here: making a slug from a name, and giving every cluster a unique one. Not here: slugs that people choose
(`curation/`), slugs of categories, which name folders and partitions (`stages/manifest/keys.py`).
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Protocol

# Latin letters that Unicode does not decompose into a plain letter and an accent; casefold already turned ß into ss.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


class Addressed(Protocol):
    """What decides the slug of a cluster; `slug` is the chosen one, `aliases` are earlier ones."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def slug(self) -> str | None: ...
    @property
    def aliases(self) -> Sequence[str]: ...


def slugify(text: str) -> str:
    """`text` as a slug: a-z, 0-9 and single hyphens. Empty if it has no such letter."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS)).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def assign_slugs(clusters: Sequence[Addressed]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """A slug and the aliases per cluster id, all unique. A slug is chosen, or made from the name or the id.

    Of clusters with the same slug, the one with the lowest id gets it, whatever their sizes: sizes change every night,
    and an address must not move from one type to another with them. An alias yields to a slug that people chose, and
    takes precedence over slugs that are made here.
    """
    by_id = sorted(clusters, key=lambda cluster: cluster.id)
    taken: set[str] = set()
    slugs: dict[str, str] = {}
    for cluster in by_id:
        if cluster.slug:
            slugs[cluster.id] = _unique_slug(cluster.slug, cluster.id, taken)
    wanted = {cluster.id: slugify(cluster.name or "") or cluster.id for cluster in by_id}
    aliases = {
        cluster.id: [
            alias for alias in dict.fromkeys(cluster.aliases) if alias != wanted[cluster.id] and _take(alias, taken)
        ]
        for cluster in by_id
    }
    for cluster in sorted(by_id, key=lambda cluster: cluster.name is None):
        if cluster.id not in slugs:
            slugs[cluster.id] = _unique_slug(wanted[cluster.id], cluster.id, taken)
    return slugs, aliases


def _take(word: str, taken: set[str]) -> bool:
    """Mark the word as taken; returns whether it was free."""
    free = word not in taken
    taken.add(word)
    return free


def _unique_slug(wanted: str, id_: str, taken: set[str]) -> str:
    """`wanted`, or a variant of it if it is taken."""
    slug, tries = wanted, 0
    while not _take(slug, taken):
        slug = f"{wanted}-{id_.removeprefix('c-')}" + (f"-{tries}" if tries else "")
        tries += 1
    return slug
