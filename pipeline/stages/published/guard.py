"""The guard: does a new document differ so much from the published one that a person should look first?

What belongs here: the comparison, as a pure function with its figures. Not here: what a valid document is
(`schema.py`), what changed in detail (`changes.py`), handling a result that is held back (`steps/publish.py`).

A website should not lose half of its types overnight because an encoder was swapped or a bucket was half empty. No rule
can tell a mistake from an intended change, so a result that breaks a rule waits for a person. The first publication is
never held back.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.settings import GuardParams
from pipeline.stages.published.entries import usable_entries

MIN_UNCLUSTERED_IMAGES = 5  # a smaller increase means nothing, whatever its share of a small library
MIN_MORE_CLUSTERS = 5
_MAX_NAMES = 5
_NONE_LEFT = "none of the {:,} images is left (look whether their disk or share is connected)"
SEEN_AT_ONCE = 20  # images that a person takes in at one look

Figure = int | float | str


@dataclass(frozen=True)
class Concern:
    """One rule that a new document breaks: the setting with its threshold, the text, and the figures."""

    rule: str
    text: str
    figures: Mapping[str, Figure]


def examine(
    previous: Mapping[str, Any] | None,
    document: Mapping[str, Any],
    params: GuardParams,
    *,
    ended_by_people: Collection[str] = (),
    shaped_by_people: Collection[str] = (),
    decided_names: Mapping[str, str | None] | None = None,
) -> list[Concern]:
    """The rules that `document` breaks compared with `previous` (both clusters.json); empty if it may be published.

    `ended_by_people`: ids of clusters that people merged into others; their names may vanish. `shaped_by_people`: ids
    of clusters whose members people chose; they may have any size. `decided_names`: id → the name that people gave a
    cluster, or None if they took it away, also since the last publication. Shares are of the usable images.
    """
    if previous is None or not params.enabled:
        return []
    return [
        *_fewer_clusters(previous, document, params, ended_by_people),
        *_more_clusters(previous, document, params, shaped_by_people),
        *_more_unclustered(previous, document, params),
        *_one_large_cluster(previous, document, params, shaped_by_people),
        *_names_lost(previous, document, params, ended_by_people, decided_names or {}),
    ]


def _fewer_clusters(
    previous: Mapping[str, Any], document: Mapping[str, Any], params: GuardParams, ended_by_people: Collection[str]
) -> Iterator[Concern]:
    before = sum(cluster["id"] not in ended_by_people for cluster in previous["clusters"])
    after = document["summary"]["clusters"]
    figures: dict[str, Figure] = {"clusters_before": before, "clusters_after": after, "limit": params.max_cluster_drop}
    if previous["summary"]["images"] and not document["summary"]["images"]:
        yield Concern("max_cluster_drop", _NONE_LEFT.format(previous["summary"]["images"]), figures)
    elif before - after > params.max_cluster_drop * before:
        yield Concern(
            "max_cluster_drop",
            f"the clusters would fall from {before:,} to {after:,}, by more than {params.max_cluster_drop:.0%}",
            figures,
        )


def _more_clusters(
    previous: Mapping[str, Any], document: Mapping[str, Any], params: GuardParams, shaped_by_people: Collection[str]
) -> Iterator[Concern]:
    """A library that grows may have as many more clusters; clusters that people made never count."""
    there = {cluster["id"] for cluster in previous["clusters"]}
    made = sum(cluster["id"] in shaped_by_people and cluster["id"] not in there for cluster in document["clusters"])
    before, after = len(there), len(document["clusters"]) - made
    larger = max(1.0, usable_entries(document) / max(1, usable_entries(previous)))
    if after > params.max_cluster_growth * larger * before and after - before >= MIN_MORE_CLUSTERS:
        yield Concern(
            "max_cluster_growth",
            f"the clusters would grow from {before:,} to {after:,}, "
            f"to more than {params.max_cluster_growth:g} times as many for as many images",
            {"clusters_before": before, "clusters_after": after, "limit": params.max_cluster_growth},
        )


def _more_unclustered(
    previous: Mapping[str, Any], document: Mapping[str, Any], params: GuardParams
) -> Iterator[Concern]:
    before, after = (len(either["unclustered"]) / max(1, usable_entries(either)) for either in (previous, document))
    more = len(document["unclustered"]) - len(previous["unclustered"])
    if (
        after > params.max_unclustered_growth * before
        and after - before > params.min_unclustered_rise
        and more >= MIN_UNCLUSTERED_IMAGES
    ):
        yield Concern(
            "max_unclustered_growth",
            f"the unclustered share would grow from {before:.1%} to {after:.1%}, "
            f"to more than {params.max_unclustered_growth:g} times as much",
            {"unclustered_before": round(before, 4), "unclustered_after": round(after, 4),
             "limit": params.max_unclustered_growth},
        )  # fmt: skip


def holds_most(largest: int, images: int, limit: float, compare: str) -> str:
    """A warning if the largest cluster, of `largest` images, holds more than the share `limit` of `images`; else empty.

    `compare` is the command that compares settings. Also empty below `SEEN_AT_ONCE` images. Unlike the guard, it
    applies to the first publication too.
    """
    if largest <= limit * images or images < SEEN_AT_ONCE:
        return ""
    return (f"One cluster holds {largest:,} of {images:,} images ({largest / images:.0%}). "
            f"See finer levels side by side: {compare}")  # fmt: skip


def copies_only(groups: int, clusters: int) -> str:
    """A warning if `groups` of the `clusters` hold nothing but near copies of one picture; else empty."""
    if not groups:
        return ""
    hold = f"{groups:,} of {clusters:,} clusters {'holds' if groups == 1 else 'hold'} only near copies of one picture"
    return f"{hold}. To count copies as one image, set duplicates.collapse to true."


def no_clear_kinds(images: int, unclustered: int, median_probability: float | None) -> str:
    """The notice for a library whose images form one blob, so that its clusters divide what has no borders."""
    sure = "" if median_probability is None else f"membership probability: median {median_probability:.2f}; "
    return (f"No clear kinds: these {images:,} images fall into clusters hardly better than images without kinds do "
            f"({sure}{unclustered / max(images, 1):.0%} unclustered).")  # fmt: skip


def _one_large_cluster(
    previous: Mapping[str, Any], document: Mapping[str, Any], params: GuardParams, shaped_by_people: Collection[str]
) -> Iterator[Concern]:
    before, after = _largest_share(previous), _largest_share(document, shaped_by_people)
    if before <= params.max_cluster_share < after:
        yield Concern(
            "max_cluster_share",
            f"the largest cluster would pass {params.max_cluster_share:.0%} of the images: "
            f"from {before:.1%} to {after:.1%}",
            {"largest_before": round(before, 4), "largest_after": round(after, 4), "limit": params.max_cluster_share},
        )


def _names_lost(
    previous: Mapping[str, Any],
    document: Mapping[str, Any],
    params: GuardParams,
    ended_by_people: Collection[str],
    decided_names: Mapping[str, str | None],
) -> Iterator[Concern]:
    if not params.forbid_losing_named:
        return
    there = {cluster["id"] for cluster in document["clusters"]} | set(ended_by_people)
    before = {cluster["id"]: cluster["name"] for cluster in previous["clusters"]}
    before |= {cluster: name for cluster, name in decided_names.items() if cluster in before}
    lost = [(cluster, name) for cluster, name in before.items() if name is not None and cluster not in there]
    if lost:
        names = ", ".join(f"{name!r} ({cluster})" for cluster, name in lost[:_MAX_NAMES])
        rest = f" and {len(lost) - _MAX_NAMES} more" if len(lost) > _MAX_NAMES else ""
        named = "1 named cluster" if len(lost) == 1 else f"{len(lost)} named clusters"
        yield Concern("forbid_losing_named", f"{named} would vanish: {names}{rest}", {"named_lost": len(lost)})


def _largest_share(document: Mapping[str, Any], but: Collection[str] = ()) -> float:
    sizes = (cluster["size"] for cluster in document["clusters"] if cluster["id"] not in but)
    return max(sizes, default=0) / max(1, usable_entries(document))
