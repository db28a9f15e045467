"""Small libraries and what people decided about them, for the tests of this folder."""

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Computed
from pipeline.curation.events import Event


def images(text: str) -> frozenset[str]:
    return frozenset(text.split())


def library(**clusters: str) -> Computed:
    return Computed({name: images(members) for name, members in clusters.items() if name != "loose"},
                    images(clusters.get("loose", "")))  # fmt: skip


def events(*decisions: d.Decision) -> list[Event]:
    return [Event(number, "2026-11-21T00:00:00Z", "ann", one) for number, one in enumerate(decisions, 1)]


TWO = library(a="1 2 3 4", b="5 6 7", loose="8 9")
