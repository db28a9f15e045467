"""The changes in words: one sentence, and a Markdown table.

What belongs here: changes.json as text for people. Not here: computing what changed (`changes.py`).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.stages.manifest.keys import SINGLE_CATEGORY
from pipeline.stages.published.document import Json
from pipeline.stages.published.group_words import plural

_MAX_ROWS = 50
_MAX_PLACES = 4


def called(category: str) -> str:
    """A category as a sentence names it: one that is called `all` would read as a word of the sentence."""
    return f"“{category}”" if category == SINGLE_CATEGORY else category


def headline(changes: Mapping[str, Any]) -> str:
    """The changes as one sentence."""
    summary, category = changes["summary"], called(changes["category"])
    moves = {"imagesAdded": "came", "imagesRemoved": "left", "imagesMoved": "moved"}
    images = _join([f"{_counted(summary[name], 'image')} {word}" for name, word in moves.items() if summary[name]])
    if changes["previousGeneratedAt"] is None:
        sizes = [cluster["sizeAfter"] for cluster in changes["clusters"] if cluster["sizeAfter"]]
        grouped = (
            f"{sum(sizes)} of {_counted(summary['imagesAdded'], 'image')} are in {_counted(len(sizes), 'cluster')}"
        )
        return f"{category} is published for the first time: {grouped}{_review(changes)}."
    words = {
        "grown": "grew",
        "shrunk": "shrank",
        "born": f"{_was_or_were(summary['born'])} born",
        "merged": "merged",
        "split": "came from a split",
    }
    words |= {"died": "died", "revived": "came back"}
    happened = [(summary[fate], word) for fate, word in words.items() if summary[fate]]
    fates = _join(
        [f"{count if index else _counted(count, 'cluster')} {word}" for index, (count, word) in enumerate(happened)]
    )
    names = _named(changes["clusters"])
    if not images and not fates and not names:
        return f"Nothing changed in {category}: {_counted(summary['kept'], 'cluster')} as before{_review(changes)}."
    kept = f"{summary['kept']} {_was_or_were(summary['kept'])} kept" if summary["kept"] else ""
    return f"In {category}, {'; '.join(part for part in (images, fates, names, kept) if part)}{_review(changes)}."


def _named(clusters: Sequence[Json]) -> str:
    """How many clusters got their first name, and how many another one."""
    words = {"given": "got a name", "renamed": "got another name"}
    counts = Counter(entry.get("naming") for entry in clusters)
    return _join([f"{_counted(counts[naming], 'cluster')} {word}" for naming, word in words.items() if counts[naming]])


def other_levels(document: Mapping[str, Any], compare: str) -> str:
    """How many clusters the coarser level has, and the command `compare`, which shows it beside a finer one; for who
    sees a library first."""
    clusters = document["clusters"]
    if len(clusters) < 2:
        return ""
    coarser = len(document.get("families", [])) + sum(cluster.get("parent") is None for cluster in clusters)
    fewer = f"One level coarser: {coarser}. " if coarser < len(clusters) else ""
    return f"{fewer}Coarser and finer side by side: {compare}"


def markdown(changes: Mapping[str, Any], group_label: str = "country") -> str:
    """The changes as Markdown: the headline, a table of at most 50 changed clusters, and the number of the rest.

    `group_label` is the word for a group of images, as country or folder.
    """
    changed = [
        entry for entry in changes["clusters"] if entry["fate"] != "kept" or entry["reviewReason"] or _turnover(entry)
    ]
    lines = [_escape(headline(changes))]
    if changed:
        names = {entry["id"]: entry["name"] for entry in changes["clusters"]}
        groups = plural(group_label).capitalize()
        lines += ["", f"| Cluster | What became of it | Images | Came | Left | {groups} | Review |"]
        lines += ["|---|---|---:|---:|---:|---|---|", *(_row(entry, names) for entry in changed[:_MAX_ROWS])]
    rest = [f"{len(changed) - _MAX_ROWS} more changed"] if len(changed) > _MAX_ROWS else []
    if unchanged := len(changes["clusters"]) - len(changed):
        rest.append(f"{_counted(unchanged, 'cluster')} unchanged")
    return "\n".join([*lines, *(["", f"{', '.join(rest)}."] if rest else [])]) + "\n"


def _review(changes: Mapping[str, Any]) -> str:
    waiting = sum(entry["reviewReason"] is not None for entry in changes["clusters"])
    return f"; {waiting} {'asks' if waiting == 1 else 'ask'} to be reviewed" if waiting else ""


def _turnover(entry: Json) -> int:
    return entry["addedCount"] + entry["removedCount"]


def _row(entry: Json, names: Mapping[str, str | None]) -> str:
    cells = [
        _cluster(entry),
        _fate(entry, names),
        f"{entry['sizeBefore']} → {entry['sizeAfter']}",
        _moved(entry["addedCount"], entry["cameFrom"], "from", names),
        _moved(entry["removedCount"], entry["wentTo"], "to", names),
        _country_changes(entry),
        _escape(entry["reviewReason"] or ""),
    ]
    return f"| {' | '.join(cells)} |"


def _cluster(entry: Json) -> str:
    labels = {"waiting": "Unnamed, waits for a name", "unnamed": "Unnamed"}
    name = labels.get(entry["naming"], "") if not entry["name"] else _escape(entry["name"])
    was = f" (was {_escape(entry['nameBefore'])})" if entry["naming"] == "renamed" else ""
    return f"{name or 'Unnamed'}{was} `{_code(entry['id'])}`"


def _fate(entry: Json, names: Mapping[str, str | None]) -> str:
    word = "with" if entry["fate"] == "merged" else "from"
    parents = _join_places([id_ for id_ in entry["parents"] if id_ != entry["id"]], names)
    into = _join_places(entry["into"], names)
    return f"{entry['fate']}{f' {word} {parents}' if parents else ''}{f', into {into}' if into else ''}"


def _moved(count: int, places: Sequence[Json], word: str, names: Mapping[str, str | None]) -> str:
    """`12 (9 from `c-1`, 2 from unclustered, ...)`: the count, and its sources or targets except new and gone."""
    existing = [move for move in places if move["place"] not in ("new", "gone")]
    phrases = [f"{move['images']} {word} {_place_name(move['place'], names)}" for move in existing[:_MAX_PLACES]]
    more = ["…"] if len(existing) > _MAX_PLACES else []
    return f"{count}{' (' + ', '.join([*phrases, *more]) + ')' if phrases else ''}"


def _country_changes(entry: Json) -> str:
    parts: list[str] = []
    for sign, name in (("+", "countriesGained"), ("\N{MINUS SIGN}", "countriesLost")):
        codes, more = entry[name][:_MAX_PLACES], entry[f"{name}Count"] - _MAX_PLACES
        parts += [f"{sign}{_escape(code)}" for code in codes] + ([f"{sign}{more} more"] if more > 0 else [])
    # a cluster that was born or died gained or lost all of its countries, which is not worth listing
    return " ".join(parts) if entry["sizeBefore"] and entry["sizeAfter"] else ""


def _join_places(ids: Sequence[str], names: Mapping[str, str | None]) -> str:
    more = [f"{len(ids) - _MAX_PLACES} more"] if len(ids) > _MAX_PLACES else []
    return ", ".join([*(_place_name(id_, names) for id_ in ids[:_MAX_PLACES]), *more])


def _place_name(place: str, names: Mapping[str, str | None]) -> str:
    if place in ("unclustered", "rejected"):
        return "set aside" if place == "rejected" else place
    name = names.get(place)
    return _escape(name) if name else f"`{_code(place)}`"


def _escape(text: str) -> str:
    """Text escaped for Markdown, on one line."""
    line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~!#$])", r"\\\1", line)


def _code(text: str) -> str:
    """Text for a Markdown code span inside a table."""
    return re.sub(r"[`|\s]", " ", text)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _was_or_were(count: int) -> str:
    return "was" if count == 1 else "were"


def _join(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
