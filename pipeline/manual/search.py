"""Words in the documentation.

What belongs here: finding and ranking sections, and a few words around what was found. Not here: showing them.
"""

from dataclasses import dataclass

from pipeline.manual.pages import names, titles
from pipeline.manual.render import Section, address, render

MOST = 40
BEFORE, AFTER = 60, 160  # characters of an excerpt around the first word


@dataclass(frozen=True)
class Found:
    """A section that has all the words."""

    page: str
    title: str
    url: str
    excerpt: str


def find(words: str) -> list[Found]:
    """Sections that have every word (ignoring case), those with words in their heading first; at most `MOST`."""
    wanted = words.lower().split()
    if not wanted:
        return []
    hits = [
        (_rank(section, wanted), name, section)
        for name in names()
        for section in render(name).sections
        if all(word in f"{section.title}\n{section.text}".lower() for word in wanted)
    ]
    hits.sort(key=lambda hit: -hit[0])
    title_of = titles()
    return [
        Found(
            title_of.get(name, render(name).sections[0].title),
            section.title,
            f"{address(name)}#{section.anchor}",
            _excerpt(section.text, wanted),
        )
        for _, name, section in hits[:MOST]
    ]


def _rank(section: Section, wanted: list[str]) -> float:
    title, text = section.title.lower(), section.text.lower()
    in_title = sum(word in title for word in wanted)
    often = sum(min(text.count(word), 5) for word in wanted)
    return 10 * in_title + often + (4 - section.level) / 10


def _excerpt(text: str, wanted: list[str]) -> str:
    flat = " ".join(text.split())
    lower, longest = flat.lower(), max(wanted, key=len)
    phrase = lower.find(" ".join(wanted))
    at = max(0, phrase if phrase >= 0 else lower.find(longest))
    start, end = max(0, at - BEFORE), at + AFTER
    return ("… " if start else "") + flat[start:end].strip() + (" …" if end < len(flat) else "")
