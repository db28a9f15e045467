"""Sentences that the rest of the product says in English, and the page shows in its language.

What belongs here: the sentences of the history, of reviews, of decisions that wait and of runs, with `{places}`, and
recognising them. Not here: saying them (`steps/library_view/history.py`, `curation/review.py`, `curation/waiting.py`,
the steps), the catalogues (`language.py`). The scripts recognise the same ones: `static/words.js`.

Reviews are stored as text, and the API and the event stream speak English. So a sentence is recognised by its words,
and what no sentence here has made stays English. The name of a place says what may stand in it: `PLACES`.
"""

import re
from collections.abc import Callable
from functools import cache

from pipeline.service.page.language import counted, t

WORD, NUMBER, ANYTHING = r"\S+", r"\d[\d,.]*%?", r".+"
# what may stand in a place; in any other place: anything, which is shown as it is
PLACES = {
    "cluster": WORD, "into": WORD, "new": WORD, "to": WORD, "status": r"active|hidden|unusable", "event": r"\d+",
    "images": r"\d[\d,]* (?:image|object)s?", "came": NUMBER, "went": NUMBER, "share": NUMBER, "count": NUMBER,
}  # fmt: skip
HISTORY = (
    "named {cluster} “{name}”", "removed the name of {cluster}", "described {cluster}",
    "removed the description of {cluster}", "set {cluster} to {status}", "reviewed {cluster}",
    "merged {clusters} into {into}", "split {images} off {cluster} as “{name}” {new}",
    "split {images} off {cluster} as {new}", "made {images} a cluster of their own, “{name}” {new}",
    "made {images} a cluster of their own, {new}", "moved {images} from {clusters} to {to}", "moved {images} to {to}",
    "moved {images} from {clusters} to unclustered", "moved {images} to unclustered",
    "chose a representative of {cluster}", "cleared the chosen representative of {cluster}", "tagged {images} “{tag}”",
    "removed the tag “{tag}” from {images}", "excluded {images} of {clusters}", "excluded {images}",
    "took back {images}", "noted on {cluster}: {note}", "rated that two images belong together",
    "rated that two images do not belong together", "undid event {event}",
    "set the granularity back to that of the settings", "set the granularity to {value}", "removed the view “{name}”",
    "saved the view “{name}”", "said that the box at {place} is wrong, of {clusters}",
    "said that the box at {place} is wrong", "drew a box “{label}” at {place}", "drew a box at {place}",
    "marked {images} as not duplicates",
)  # fmt: skip
WAITS = (
    "{what}: cluster {cluster} is not there; of its images {places} now", "{what}: cluster {cluster} is not there",
    "the name “{name}”", "the description", "the status {status}", "the chosen representative",
    "the chosen representative {image} is not in {cluster} now",
    "none of the {count} images that were split off is there", "none of the {count} images of the new cluster is there",
    "the merge into {into}: nothing else is not there", "the merge into {into}: {clusters} is not there",
    "none of the {count} moved images is there", "{count} images were moved to cluster {to}, which is not there",
)  # fmt: skip
REVIEWS = (
    "{name} took in what had names of its own: {names}",
    "{name} was split: a part of it became a cluster of its own", "was split off {names}", "is new, with {images}",
    "a decision waits: {reason}", "was not found any more by the clustering",
    "{came} images came and {went} went since it was reviewed ({share})",
)  # fmt: skip
RUNS = (
    "categories", "clustering", "comparing", "cluster", "compare", "boxes", "detect", "embed", "read", "export",
    "embed {category}", "read {category}", "download {category}", "tune {category}", "Reducing with UMAP …",
    "Loading detector {name} …", "Another run holds category {category}; waiting for it …", "Publishing to {place} …",
    "Loading encoder {name} (longest the first time on a machine: it is converted once) …",
)  # fmt: skip
SAID = (*HISTORY, *WAITS, *REVIEWS, *RUNS)


def said(text: str) -> str:
    """An English sentence in the language of the request; itself if it is none of `SAID`."""
    for sentence, pattern in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return t(sentence, **{name: _in_place(name, value) for name, value in found.groupdict().items()})
    return text


def _in_place(name: str, value: str) -> str:
    if name == "images":
        count, word = value.split()
        return counted(int(count.replace(",", "")), word.removesuffix("s"))
    shown: Callable[[str], str] = {"status": t, "what": said, "reason": said}.get(name, str)
    return shown(value)


def for_scripts() -> list[tuple[str, str]]:
    """Each sentence with its expression, as scripts write it, in the order in which they are tried."""
    return [(text, pattern.pattern.replace("(?P<", "(?<")) for text, pattern in _patterns()]


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Each sentence with what recognises it: those with more fixed words first, since a place may hold anything."""
    ordered = sorted(SAID, key=lambda text: -len(re.sub(r"\{\w+\}", "", text)))
    return [(text, re.compile(_pattern_of(text), re.DOTALL)) for text in ordered]


def _pattern_of(sentence: str) -> str:
    parts = re.split(r"\{(\w+)\}", sentence)
    fixed = [re.sub(r"([().])", r"\\\1", part) for part in parts[::2]]
    places = [f"(?P<{name}>{PLACES.get(name, ANYTHING)})" for name in parts[1::2]]
    return "".join(one for pair in zip(fixed, [*places, ""], strict=True) for one in pair)
