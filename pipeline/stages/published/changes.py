"""changes.json: what is different since the last publication, as data, as one sentence and as a Markdown table.

What belongs here: comparing two published documents. Not here: deciding which cluster is which (`stages/identities.py`
does, and hands over each one's fate) and the documents themselves (`document.py`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.stages.published.document import FateName, Json, LibraryView

CHANGES_VERSION = 1
FATES: tuple[FateName, ...] = ("kept", "grown", "shrunk", "split", "merged", "born", "died", "revived")

_SAMPLE = 20
_MAX_ROWS = 50


@dataclass(frozen=True)
class Fate:
    """How a cluster came to be what it is. `name` and `size` matter for those that died: no new document has them."""

    fate: FateName
    parents: Sequence[str] = ()
    review_reason: str | None = None
    name: str | None = None
    size: int = 0


def fates_of(view: LibraryView) -> dict[str, Fate]:
    """The fate of every cluster of a view by id, those that died included."""
    fates = {
        one.id: Fate(one.fate, tuple(one.parents), _reason(one), one.name, len(one.members)) for one in view.clusters
    }
    return fates | {one.id: Fate("died", name=one.name, size=one.size) for one in view.died}


def build_changes(previous: Mapping[str, Any] | None, document: Mapping[str, Any], fates: Mapping[str, Fate]) -> Json:
    """changes.json as a value: `document` compared with the `previous` one, None on the first publication.

    A cluster that `fates` does not know gets its fate from the two documents. One that neither document has appears if
    `fates` says that it died.
    """
    before = {cluster["id"]: cluster for cluster in previous["clusters"]} if previous else {}
    after = {cluster["id"]: cluster for cluster in document["clusters"]}
    gone = [id_ for id_ in before if id_ not in after]
    gone += sorted(id_ for id_, fate in fates.items() if fate.fate == "died" and id_ not in before and id_ not in after)
    entries = [_entry(id_, before.get(id_), after.get(id_), fates.get(id_)) for id_ in [*after, *gone]]
    counts = {fate: sum(entry["fate"] == fate for entry in entries) for fate in FATES}
    return {
        "schemaVersion": CHANGES_VERSION,
        "category": document["category"],
        "generatedAt": document["generatedAt"],
        "previousGeneratedAt": previous["generatedAt"] if previous else None,
        "summary": counts | _image_counts(_places(previous) if previous else {}, _places(document)),
        "clusters": entries,
    }


def headline(changes: Mapping[str, Any]) -> str:
    """The changes as one sentence that can be read aloud."""
    summary, category = changes["summary"], changes["category"]
    moves = {"imagesAdded": "came", "imagesRemoved": "left", "imagesMoved": "moved"}
    images = _join([f"{_many(summary[name], 'image')} {word}" for name, word in moves.items() if summary[name]])
    if changes["previousGeneratedAt"] is None:
        sizes = [cluster["sizeAfter"] for cluster in changes["clusters"] if cluster["sizeAfter"]]
        grouped = f"{sum(sizes)} of {_many(summary['imagesAdded'], 'image')} are in {_many(len(sizes), 'cluster')}"
        return f"{category} is published for the first time: {grouped}{_review(changes)}."
    words = {
        "grown": "grew",
        "shrunk": "shrank",
        "born": f"{_was(summary['born'])} born",
        "merged": "merged",
        "split": "came from a split",
    }
    words |= {"died": "died", "revived": "came back"}
    happened = [(summary[fate], word) for fate, word in words.items() if summary[fate]]
    fates = _join(
        [f"{count if index else _many(count, 'cluster')} {word}" for index, (count, word) in enumerate(happened)]
    )
    if not images and not fates:
        return f"Nothing changed in {category}: {_many(summary['kept'], 'cluster')} as before{_review(changes)}."
    kept = f"{summary['kept']} {_was(summary['kept'])} kept" if summary["kept"] else ""
    return f"In {category}, {'; '.join(part for part in (images, fates, kept) if part)}{_review(changes)}."


def markdown(changes: Mapping[str, Any]) -> str:
    """The changes as Markdown: the sentence, a table of at most 50 clusters that changed, and the rest in numbers."""
    changed = [one for one in changes["clusters"] if one["fate"] != "kept" or one["reviewReason"] or _turnover(one)]
    lines = [_escape(headline(changes))]
    if changed:
        lines += ["", "| Cluster | What became of it | Images | Came | Left | Review |", "|---|---|---:|---:|---:|---|"]
        lines += [_row(entry) for entry in changed[:_MAX_ROWS]]
    rest = [f"{len(changed) - _MAX_ROWS} more changed"] if len(changed) > _MAX_ROWS else []
    if unchanged := len(changes["clusters"]) - len(changed):
        rest.append(f"{_many(unchanged, 'cluster')} unchanged")
    return "\n".join([*lines, *(["", f"{', '.join(rest)}."] if rest else [])]) + "\n"


def _reason(cluster: Any) -> str | None:
    return (cluster.review_reason or "It changed a lot.") if cluster.needs_review else None


def _entry(id_: str, before: Json | None, after: Json | None, fate: Fate | None) -> Json:
    old = {image["key"] for image in before["images"]} if before else set[str]()
    new = {image["key"] for image in after["images"]} if after else set[str]()
    added, removed = sorted(new - old), sorted(old - new)
    size_before = len(old) or (fate.size if fate is not None and after is None else 0)
    return {
        "id": id_,
        "name": (after or before or {}).get("name", fate.name if fate else None),
        "fate": "died" if after is None else fate.fate if fate else _compared(before, len(new), len(old)),
        "sizeBefore": size_before,
        "sizeAfter": len(new),
        "added": added[:_SAMPLE],
        "addedCount": len(added),
        "removed": removed[:_SAMPLE],
        "removedCount": len(removed),
        "parents": list(fate.parents) if fate else [],
        "reviewReason": fate.review_reason if fate else None,
    }


def _compared(before: Json | None, size_after: int, size_before: int) -> FateName:
    if before is None:
        return "born"
    return "grown" if size_after > size_before else "shrunk" if size_after < size_before else "kept"


def _places(document: Mapping[str, Any]) -> dict[str, str]:
    """Where each key of a document is: a cluster's id, or one of the two lists."""
    places = {image["key"]: cluster["id"] for cluster in document["clusters"] for image in cluster["images"]}
    for name in ("unclustered", "rejected"):
        places |= {image["key"]: name for image in document[name]}
    return places


def _image_counts(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, int]:
    both = before.keys() & after.keys()
    return {
        "imagesAdded": len(after) - len(both),
        "imagesRemoved": len(before) - len(both),
        "imagesMoved": sum(before[key] != after[key] for key in both),
    }


def _review(changes: Mapping[str, Any]) -> str:
    waiting = sum(entry["reviewReason"] is not None for entry in changes["clusters"])
    return f"; {waiting} {'asks' if waiting == 1 else 'ask'} to be reviewed" if waiting else ""


def _turnover(entry: Json) -> int:
    return entry["addedCount"] + entry["removedCount"]


def _row(entry: Json) -> str:
    name = _escape(entry["name"]) if entry["name"] else "Unnamed"
    parents = ", ".join(f"`{_code(parent)}`" for parent in entry["parents"])
    cells = [
        f"{name} `{_code(entry['id'])}`",
        f"{entry['fate']} from {parents}" if parents else entry["fate"],
        f"{entry['sizeBefore']} → {entry['sizeAfter']}",
        str(entry["addedCount"]),
        str(entry["removedCount"]),
        _escape(entry["reviewReason"] or ""),
    ]
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Text for Markdown: one line, and nothing in it is markup."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~!#$])", r"\\\1", line)


def _code(text: str) -> str:
    """Text for a Markdown code span inside a table."""
    return re.sub(r"[`|\s]", " ", text)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _join(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
