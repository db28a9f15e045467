"""The review page: one self-contained HTML file that shows every cluster as a contact sheet.

What belongs here: what the page shows and how many thumbnails it has. How it looks is in page.html.j2, page.css and
page.js; the part about types and countries is in places.html.j2, places.css and places.js. Not here: data URIs and the
content policy (`html.py`), making thumbnails (`stages/images/decode.py`), the page on which people decide
(`service/page/`). This page can be mailed, opens from a disk, and changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from pipeline.stages.published import html
from pipeline.stages.published.document import Json
from pipeline.stages.published.entries import image_name, usable_entries
from pipeline.stages.published.group_words import plural
from pipeline.stages.published.news import headline

PACKAGE = "pipeline.stages.published"
_MAX_REJECTED_ROWS = 1000
_MAX_TWINS = 24
_MAX_TWIN_IMAGES = 4
_PIECES_PER_CHUNK = 64  # of the template's pieces; with a thumbnail of 6 KB in every tenth, about 40 KB


@dataclass(frozen=True)
class Tile:
    """One image on the page. `mark` is main for the representative, also for the others, empty for the rest."""

    image: Json
    mark: str = ""


@dataclass(frozen=True)
class Section:
    """One cluster on the page: the tiles that fit, and how many more images it has."""

    cluster: Json
    tiles: Sequence[Tile]
    hidden: int
    change: Json | None

    @property
    def badge(self) -> str:
        """What happened to the cluster since the last publication, in a few words; empty if nothing."""
        if self.change is None:
            return ""
        added, removed = self.change["addedCount"], self.change["removedCount"]
        moves = [f"+{added}" if added else "", f"\N{MINUS SIGN}{removed}" if removed else ""]
        numbers = [] if self.change["fate"] in ("born", "revived") else moves
        return " ".join(part for part in [self.change["fate"].capitalize(), *numbers] if part)

    @property
    def changed(self) -> bool:
        """Whether its images changed since the last publication."""
        change = self.change
        return change is not None and bool(change["fate"] != "kept" or change["addedCount"] or change["removedCount"])


def render_page(
    document: Json,
    thumbnails: Callable[[str], bytes | None],
    *,
    page_images: int,
    full_image_url: Callable[[str], str | None] | None = None,
    changes: Mapping[str, Any] | None = None,
    duplicates: Mapping[str, Any] | None = None,
    warning: str = "",
    group_label: str = "country",
) -> Iterator[str]:
    """The page of a valid document, in chunks to be written one after the other.

    `thumbnails` returns the bytes (WebP, JPEG, PNG or GIF) of an `image_name`, or None; for an object, of its crop. It
    is called once per image shown, and once per image around objects, as the chunks are read, so memory does not grow
    with the library. `page_images` bounds how many images are shown; the rest are counted. If `full_image_url` returns
    an http, https, file or relative address, the enlarged view links to it.
    `duplicates` is duplicates.json; a few of its groups are shown. `warning` appears under the figures.
    `group_label` is the word for a group of images, as country or folder.
    """

    def source(key: str) -> str | None:
        return html.data_uri(thumbnails(key))

    def full(key: str) -> str | None:
        return _safe_url(full_image_url(key)) if full_image_url else None

    style, script = _files("page.css", "places.css"), _files("page.js", "places.js")
    stream = html.template(PACKAGE).stream(
        **_content(document, changes, page_images, duplicates),
        source=source,
        name_of=image_name,
        full=full,
        style=style,
        script=script,
        policy=html.content_policy(style, script),
        warning=warning,
        group_label=group_label,
        group_labels=plural(group_label),
    )
    stream.enable_buffering(_PIECES_PER_CHUNK)
    return iter(stream)


def _content(
    document: Json, changes: Mapping[str, Any] | None, page_images: int, duplicates: Mapping[str, Any] | None
) -> Json:
    """Everything on the page but the thumbnails, by the names that the template uses."""
    clusters = document["clusters"]
    sizes = [*(len(cluster["images"]) for cluster in clusters), len(document["unclustered"])]
    shown = share_out(page_images, [*(len(cluster["representatives"]) for cluster in clusters), 0], sizes)
    entries = {entry["id"]: entry for entry in changes["clusters"]} if changes else {}
    named = [*entries.values(), *clusters]  # the changes also have the names of dead clusters
    sections = [
        _section(cluster, count, entries.get(cluster["id"]))
        for cluster, count in zip(clusters, shown[:-1], strict=True)
    ]
    unclustered = document["unclustered"][: shown[-1]]
    tiles = [*(tile.image for section in sections for tile in section.tiles), *unclustered]
    return {
        "document": document,
        "entry_word": document.get("unit", "image"),
        "sections": sections,
        "unclustered": unclustered,
        # the images around the objects that are shown, each once
        "scenes": list(dict.fromkeys(image["key"] for image in tiles if "box" in image)),
        "rejected": document["rejected"][:_MAX_REJECTED_ROWS],
        "twins": _duplicate_groups(duplicates, page_images - sum(shown)) if duplicates else None,
        "countries": _countries(document),
        "names": {cluster["id"]: cluster["name"] or cluster["id"] for cluster in named},
        "numbers": _numbers(document),
        "made": html.readable_time(document["generatedAt"]),
        "news": headline(changes) if changes else "",
        "died": [entry for entry in entries.values() if entry["fate"] == "died"],
        "settings": [*_flatten(document["model"], "model"), *_flatten(document["settings"])],
    }


def share_out(budget: int, representatives: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """How many images each group may show if all groups together may show `budget`.

    First the main representative of every group, then the other representatives, then the rest, evenly: small groups
    are shown whole and only the largest are cut. `representatives[i] <= sizes[i]`.
    """
    firsts = [min(1, count) for count in representatives]
    shown = [0] * len(sizes)
    for wanted in (firsts, representatives, sizes):
        shown = _fill(budget, shown, wanted)
    return shown


def _fill(budget: int, shown: Sequence[int], wanted: Sequence[int]) -> list[int]:
    """Raise `shown` towards `wanted` to the highest common level that the budget allows."""

    def at(level: int) -> list[int]:
        return [max(have, min(want, level)) for have, want in zip(shown, wanted, strict=True)]

    low, high = 0, max(wanted, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sum(at(middle)) <= budget else (low, middle - 1)
    result = at(low)
    left = budget - sum(result)
    for index, want in enumerate(wanted):  # the remainder is less than one for each
        if left > 0 and result[index] < want and result[index] == low:
            result[index] += 1
            left -= 1
    return result


def _section(cluster: Json, count: int, change: Json | None) -> Section:
    marks = dict.fromkeys(map(image_name, cluster["representatives"]), "also")
    marks[image_name(cluster["representativeImage"])] = "main"
    rank = {name: index for index, name in enumerate(marks)}
    ordered = sorted(cluster["images"], key=lambda image: rank.get(image_name(image), len(rank)))
    tiles = [Tile(image, marks.get(image_name(image), "")) for image in ordered[:count]]
    return Section(cluster, tiles, len(ordered) - len(tiles), change)


def _duplicate_groups(duplicates: Mapping[str, Any], budget: int) -> Json:
    """The first groups of near and exact duplicates, with at most `budget` thumbnails; further images are text."""
    groups = [group for level in ("near", "exact") for group in duplicates["groups"] if group["level"] == level]
    shown: list[Json] = []
    for group in groups[:_MAX_TWINS]:
        images = group["images"][:_MAX_TWIN_IMAGES]
        drawn = max(0, min(budget, len(images)))
        budget -= drawn
        shown.append(
            {"level": group["level"], "hidden": len(group["images"]) - len(images), "reason": images[0]["reason"],
             "images": [image | {"drawn": number < drawn} for number, image in enumerate(images)]}
        )  # fmt: skip
    megabytes = f"{duplicates['summary']['bytesSaved'] / 1e6:,.1f} MB"
    return {
        "summary": duplicates["summary"],
        "megabytes": megabytes,
        "groups": shown,
        "hidden": len(groups) - len(shown),
    }


def _countries(document: Json) -> list[Json]:
    """Every country with how many clusters and images it has, by code."""
    clusters: defaultdict[str, int] = defaultdict(int)
    images: defaultdict[str, int] = defaultdict(int)
    for cluster in document["clusters"]:
        for country in cluster["countries"]:
            clusters[country["code"]] += 1
            images[country["code"]] += len(country["images"])
    for image in document["unclustered"]:
        if image["country"] is not None:
            images[image["country"]] += 1
    return [{"code": code, "clusters": clusters[code], "images": images[code]} for code in sorted(images)]


def _numbers(document: Json) -> Json:
    """The summary with shares; `largest` is the largest cluster's share of all images."""
    summary = document["summary"]
    images = summary["images"]
    largest = max((cluster["size"] for cluster in document["clusters"]), default=0)
    share = {"unclustered": summary["unclustered"], "rejected": summary["rejected"]}
    shares = {f"{name}Share": f"{100 * count / images if images else 0:.1f} %" for name, count in share.items()}
    entries = usable_entries(document) if "objects" in summary else images
    shares["largestShare"] = f"{100 * largest / entries if entries else 0:.1f} %"
    return summary | shares | {"entries": summary.get("objects", summary)}


def _flatten(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows of (dotted name, value)."""
    if isinstance(value, dict):
        rows = (_flatten(inner, f"{name}.{key}".removeprefix(".")) for key, inner in cast("Json", value).items())
        return [row for part in rows for row in part]
    if isinstance(value, list):
        return [(name, ", ".join(str(inner) for inner in cast("list[Any]", value)) or "none")]
    if isinstance(value, bool):
        return [(name, "yes" if value else "no")]
    return [(name, "none" if value is None else str(value))]


def _safe_url(url: str | None) -> str | None:
    """`url` if it is safe to follow; None for javascript:, data: and the like."""
    return url if url and urlsplit(url.strip()).scheme.lower() in ("", "http", "https", "file") else None


def _files(*names: str) -> str:
    return "".join(html.asset(PACKAGE, name) for name in names)
