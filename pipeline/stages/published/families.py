"""Families in clusters.json: groups of similar clusters.

What belongs here: the fields `parent` and `families`, and what must hold of them. Not here: finding families and
their ids (`stages/identities/superclusters.py`).

A document without families has neither field. If merges leave a family with one cluster, it is dropped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any


def with_families(document: dict[str, Any], family: Mapping[str, str | None]) -> dict[str, Any]:
    """The document with each cluster's parent and the families, the largest first; `family` by cluster id."""
    counts = Counter(one for one in family.values() if one is not None)
    real = {one for one, count in counts.items() if count > 1}
    if not real:
        return document
    parents = {cluster: one if one in real else None for cluster, one in family.items()}
    clusters: list[dict[str, Any]] = [{**cluster, "parent": parents[cluster["id"]]} for cluster in document["clusters"]]
    sizes = {one: sum(cluster["size"] for cluster in clusters if cluster["parent"] == one) for one in real}
    families = [
        {"id": one, "clusters": [cluster["id"] for cluster in clusters if cluster["parent"] == one], "size": sizes[one]}
        for one in sorted(real, key=lambda one: (-sizes[one], one))
    ]
    return {**document, "clusters": clusters, "families": families}


def family_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Problems: parents and families that disagree, and families of fewer than two clusters."""
    said = {(cluster["id"], cluster["parent"]) for cluster in document["clusters"] if cluster.get("parent")}
    sizes = {cluster["id"]: cluster["size"] for cluster in document["clusters"]}
    listed = {(cluster, family["id"]) for family in document.get("families", []) for cluster in family["clusters"]}
    odd = sorted(said ^ listed)
    if odd:
        yield f"families and the clusters' parents differ in {len(odd)} entries, first {odd[0]}"
        return
    for family in document.get("families", []):
        members, size = family["clusters"], sum(sizes[cluster] for cluster in family["clusters"])
        if len(members) < 2 or family["size"] != size:
            found = f"its {len(members)} clusters have {size} images"
            yield f"family {family['id']} says size {family['size']}, but {found}"
