"""changes.json: the differences between two published documents, as data.

What belongs here: comparing them. Not here: the identity and fate of clusters (`stages/identities/matching.py`), the
documents (`document.py`), the changes in words (`news.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.stages.published.document import FateName, Json, LibraryView
from pipeline.stages.published.entries import image_name
from pipeline.stages.published.same_objects import at_new_boxes

CHANGES_VERSION = 1
FATES: tuple[FateName, ...] = ("kept", "grown", "shrunk", "split", "merged", "born", "died", "revived")
Naming = Literal["carried", "given", "renamed", "waiting", "unnamed", "retired"]

_SAMPLE = 20
_PART = 0.25  # share of a cluster's images from which another cluster counts as a source or target of it
_HALF = 0.5  # share of a cluster's images from which another cluster counts as its heir
_NOWHERE = {"new", "gone", "unclustered", "rejected"}


@dataclass(frozen=True)
class Fate:
    """The fate of a cluster. `name` and `size` are for dead clusters, which are in no new document."""

    fate: FateName
    parents: Sequence[str] = ()
    review_reason: str | None = None
    name: str | None = None
    size: int = 0


def fates_of(view: LibraryView) -> dict[str, Fate]:
    """The fate of every cluster of a view by id, including dead clusters."""
    fates = {
        cluster.id: Fate(
            cluster.fate, tuple(cluster.parents), _review_reason(cluster), cluster.name, len(cluster.members)
        )
        for cluster in view.clusters
    }
    return fates | {cluster.id: Fate("died", name=cluster.name, size=cluster.size) for cluster in view.died}


def build_changes(previous: Mapping[str, Any] | None, document: Mapping[str, Any], fates: Mapping[str, Fate]) -> Json:
    """changes.json as a value: `document` compared with the `previous` one, None on the first publication.

    A cluster without an entry in `fates` gets its fate from where its images went. A cluster in neither document
    appears if `fates` says that it died.
    """
    previous = at_new_boxes(previous, document) if previous else None
    before = {cluster["id"]: cluster for cluster in previous["clusters"]} if previous else {}
    after = {cluster["id"]: cluster for cluster in document["clusters"]}
    gone = [id_ for id_ in before if id_ not in after]
    gone += sorted(id_ for id_, fate in fates.items() if fate.fate == "died" and id_ not in before and id_ not in after)
    flows = _Flows(_places(previous) if previous else {}, _places(document))
    entries = [_entry(id_, before.get(id_), after.get(id_), fates.get(id_), flows) for id_ in [*after, *gone]]
    _fill_naming(entries, before, after)
    counts = {fate: sum(entry["fate"] == fate for entry in entries) for fate in FATES}
    return {
        "schemaVersion": CHANGES_VERSION,
        "category": document["category"],
        "generatedAt": document["generatedAt"],
        "previousGeneratedAt": previous["generatedAt"] if previous else None,
        "summary": counts | flows.image_counts(),
        "clusters": entries,
    }


class _Flows:
    """Where every image was and is now: a cluster id, `unclustered`, `rejected`, `new` or `gone`."""

    def __init__(self, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        self.before, self.after = before, after
        self.places_before, self.places_after = set(before.values()), set(after.values())
        self._sources: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._targets: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for key in before.keys() | after.keys():
            was, is_ = before.get(key, "new"), after.get(key, "gone")
            self._sources[is_][was] += 1
            self._targets[was][is_] += 1

    def came_from(self, place: str) -> Counter[str]:
        """Where the images of `place` came from, without `place` itself."""
        return _without(self._sources[place], place)

    def went_to(self, place: str) -> Counter[str]:
        """Where the former images of `place` are now, without `place` itself."""
        return _without(self._targets[place], place)

    def share(self, old: str, new: str) -> float:
        """The share in `new` of the images that were in `old` and still exist."""
        there = self._targets[old]
        still = there.total() - there["gone"]
        return there[new] / still if still else 0.0

    def image_counts(self) -> dict[str, int]:
        both = self.before.keys() & self.after.keys()
        return {
            "imagesAdded": len(self.after) - len(both),
            "imagesRemoved": len(self.before) - len(both),
            "imagesMoved": sum(self.before[key] != self.after[key] for key in both),
        }


def _review_reason(cluster: Any) -> str | None:
    return (cluster.review_reason or "It changed a lot.") if cluster.needs_review else None


def _entry(id_: str, before: Json | None, after: Json | None, fate: Fate | None, flows: _Flows) -> Json:
    old = set(map(image_name, before["images"])) if before else set[str]()
    new = set(map(image_name, after["images"])) if after else set[str]()
    added, removed = sorted(new - old), sorted(old - new)
    derived = _derive_fate(id_, before, after, flows)
    final = _reconcile(fate, derived, before, flows) if fate else derived
    gained, lost = _countries(after) - _countries(before), _countries(before) - _countries(after)
    return {
        "id": id_,
        "name": (after or before or {}).get("name", fate.name if fate else None),
        "nameBefore": before["name"] if before else None,
        "naming": "unnamed",
        "fate": "died" if after is None else final.fate,
        "sizeBefore": len(old) or (fate.size if fate is not None and after is None else 0),
        "sizeAfter": len(new),
        "added": added[:_SAMPLE],
        "addedCount": len(added),
        "removed": removed[:_SAMPLE],
        "removedCount": len(removed),
        "cameFrom": _as_entries(flows.came_from(id_)) if after else [],
        "wentTo": _as_entries(flows.went_to(id_)) if before else [],
        "parents": list(final.parents),
        "into": _large_parts(id_, flows) if before else [],
        "countriesGained": sorted(gained)[:_SAMPLE],
        "countriesGainedCount": len(gained),
        "countriesLost": sorted(lost)[:_SAMPLE],
        "countriesLostCount": len(lost),
        "reviewReason": final.review_reason,
    }


def _reconcile(fate: Fate, derived: Fate, before: Json | None, flows: _Flows) -> Fate:
    """The given fate, unless the two documents contradict it.

    A fate compares a run with the one before. The documents may be more than one run apart, because a result can be
    held back or rolled back; and they include the clusters that people merged.
    """
    if not flows.before:
        return fate
    strange = fate.fate in ("born", "revived") if before is not None else fate.fate not in ("born", "revived")
    if strange or fate.fate in ("kept", "grown", "shrunk"):
        return Fate(derived.fate, derived.parents, fate.review_reason, fate.name, fate.size)
    return fate


def _derive_fate(id_: str, before: Json | None, after: Json | None, flows: _Flows) -> Fate:
    """The fate of a cluster, derived from the two documents alone."""
    if after is None:
        return Fate("died")
    reason = "It changed a lot." if after["needsReview"] else None
    others = sorted(place for place in flows.came_from(id_) if place not in _NOWHERE)
    if before is None:
        return Fate("born", [place for place in others if flows.share(place, id_) >= _PART], reason)
    swallowed = [place for place in others if flows.share(place, id_) > _HALF and place not in flows.places_after]
    if swallowed:
        return Fate("merged", [id_, *swallowed], reason)
    if any(part not in flows.places_before for part in _large_parts(id_, flows)):
        return Fate("split", [id_], reason)
    sizes = after["size"], before["size"]
    return Fate("grown" if sizes[0] > sizes[1] else "shrunk" if sizes[0] < sizes[1] else "kept", (), reason)


def _large_parts(id_: str, flows: _Flows) -> list[str]:
    """The other clusters that each received a large part of this one, the largest part first."""
    return [place for place, _ in _by_count(flows.went_to(id_)) if place not in _NOWHERE
            and flows.share(id_, place) >= _PART][:_SAMPLE]  # fmt: skip


def _fill_naming(entries: Iterable[Json], before: Mapping[str, Json], after: Mapping[str, Json]) -> None:
    """Set `naming` of each entry: what happened to the cluster's name."""
    named = {id_ for clusters in (before, after) for id_, cluster in clusters.items() if cluster["name"]}
    for entry in entries:
        old, new = entry["nameBefore"], after[entry["id"]]["name"] if entry["id"] in after else None
        naming: Naming
        if entry["id"] not in after:
            naming = "retired" if old or entry["name"] else "unnamed"
        elif new:
            naming = "given" if old is None else "carried" if old == new else "renamed"
        else:
            naming = "waiting" if old or any(parent in named for parent in entry["parents"]) else "unnamed"
        entry["naming"] = naming


def _places(document: Mapping[str, Any]) -> dict[str, str]:
    """Where each image (`image_name`) of a document is: a cluster's id, or one of the two lists."""
    places = {image_name(image): cluster["id"] for cluster in document["clusters"] for image in cluster["images"]}
    for name in ("unclustered", "rejected"):
        places |= {image_name(image): name for image in document[name]}
    return places


def _countries(cluster: Json | None) -> set[str]:
    return {country["code"] for country in cluster["countries"]} if cluster else set()


def _without(counts: Counter[str], place: str) -> Counter[str]:
    return Counter({name: count for name, count in counts.items() if name != place})


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _as_entries(counts: Mapping[str, int]) -> list[Json]:
    return [{"place": place, "images": images} for place, images in _by_count(counts)[:_SAMPLE]]
