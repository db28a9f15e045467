"""Families in clusters.json: groups of similar clusters.

What belongs here: the fields `parent` and `families`, and their checks. Not here: finding families and their ids
(`stages/identities/superclusters.py`).

A document without families has neither field. A family that merges leave with one cluster is dropped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any


def with_families(document: dict[str, Any], family_of: Mapping[str, str | None]) -> dict[str, Any]:
    """The document with each cluster's parent and the families, largest first; `family_of` maps cluster ids."""
    counts = Counter(family_id for family_id in family_of.values() if family_id is not None)
    real = {family_id for family_id, count in counts.items() if count > 1}
    if not real:
        return document
    parents = {cluster: family_id if family_id in real else None for cluster, family_id in family_of.items()}
    clusters: list[dict[str, Any]] = [{**cluster, "parent": parents[cluster["id"]]} for cluster in document["clusters"]]
    sizes = {
        family_id: sum(cluster["size"] for cluster in clusters if cluster["parent"] == family_id) for family_id in real
    }
    families = [
        {
            "id": family_id,
            "clusters": [cluster["id"] for cluster in clusters if cluster["parent"] == family_id],
            "size": sizes[family_id],
        }
        for family_id in sorted(real, key=lambda family_id: (-sizes[family_id], family_id))
    ]
    return {**document, "clusters": clusters, "families": families}


def family_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Problems: parents and families that disagree, and families of fewer than two clusters."""
    parents = {(cluster["id"], cluster["parent"]) for cluster in document["clusters"] if cluster.get("parent")}
    sizes = {cluster["id"]: cluster["size"] for cluster in document["clusters"]}
    listed = {(cluster, family["id"]) for family in document.get("families", []) for cluster in family["clusters"]}
    odd = sorted(parents ^ listed)
    if odd:
        yield f"families and the clusters' parents differ in {len(odd)} entries, first {odd[0]}"
        return
    for family in document.get("families", []):
        members, size = family["clusters"], sum(sizes[cluster] for cluster in family["clusters"])
        if len(members) < 2 or family["size"] != size:
            actual = f"its {len(members)} clusters have {size} images"
            yield f"family {family['id']} says size {family['size']}, but {actual}"
