"""XMP sidecars: cluster names and tags as keywords that photo managers read.

What belongs here: the text of one sidecar, and the keywords in one. Not here: which images get one, and where it is
written (`steps/export.py`), what keywords become (`steps/adopt.py`).

Sources: Adobe XMP specification part 1 (2012) for the packet and `dc:subject`; `lr:hierarchicalSubject` is Lightroom's,
`digiKam:TagsList` digiKam's. darktable reads the first two.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
}
# where each program looks, the RDF container that it wants, and what separates the levels of a keyword there
HIERARCHIES = (("lr:hierarchicalSubject", "Bag", "|"), ("digiKam:TagsList", "Seq", "/"))


_NO_TEXT = re.compile(
    "[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # characters that XML cannot hold, or that break a line
TOOLKIT = "image-cluster"  # the mark by which a sidecar of ours is known


def is_ours(document: bytes) -> bool:
    """Whether a sidecar was written here, so that it may be replaced: others hold ratings, edits and keywords."""
    return f'xmptk="{TOOLKIT}"'.encode() in document


def sidecar(keywords: Sequence[Sequence[str]]) -> bytes:
    """The XMP document with these keywords, each a path from the general to the special: `("bollards", "White")`.

    The flat list (`dc:subject`) has the last part of each path.
    """
    for prefix, address in NAMESPACES.items():
        ET.register_namespace(prefix, address)
    root = ET.Element(_name("x:xmpmeta"), {_name("x:xmptk"): TOOLKIT})
    described = ET.SubElement(ET.SubElement(root, _name("rdf:RDF")), _name("rdf:Description"), {_name("rdf:about"): ""})
    _list(described, "dc:subject", "Bag", list(dict.fromkeys(path[-1] for path in keywords)))
    for field, container, separator in HIERARCHIES:
        paths = [separator.join(as_level(part, separator) for part in path) for path in keywords]
        _list(described, field, container, paths)
    ET.indent(root)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="utf-8") + b"\n"


def as_level(text: str, separator: str = HIERARCHIES[0][2]) -> str:
    """A name as one level of a keyword, where `separator` stands between levels."""
    return _NO_TEXT.sub(" ", text).replace(separator, "/" if separator == "|" else "|")


def keywords(document: bytes) -> list[tuple[str, ...]]:
    """The keywords of a sidecar of any program, each a path from the general to the special.

    Those of Lightroom's tree, else digiKam's; then flat ones that stand in no path. Raises `ValueError` for what is no
    XMP document, or declares entities, which no sidecar needs and which could fill the memory.
    """
    if b"\0" in document or b"<!" in document.replace(b"<!--", b""):  # UTF-16 could hide a declaration
        raise ValueError("it declares a document type, or is not UTF-8")
    try:
        root = ET.fromstring(document)  # noqa: S314  # without declarations there is nothing to expand or to fetch
    except ET.ParseError as error:
        raise ValueError(str(error)) from error
    subjects = _texts(root, "dc:subject")
    paths: list[tuple[str, ...]] = []
    for field, _, separator in HIERARCHIES:
        spelled = {as_level(text, separator).strip(): text for text in subjects}  # a path cannot hold its separator
        texts = _texts(root, field)
        levels = [[part.strip() for part in text.split(separator) if part.strip()] for text in texts]
        paths = [tuple(spelled.get(part, part) for part in parts) for parts in levels]
        if paths:
            break
    known = {part for path in paths for part in path}
    flat = [(text,) for text in subjects if text not in known]
    return list(dict.fromkeys(path for path in [*paths, *flat] if path))


def _texts(root: ET.Element, field: str) -> list[str]:
    items = (item for place in root.iter(_name(field)) for item in place.iter(_name("rdf:li")))
    return [text for item in items if (text := (item.text or "").strip())]


def _list(parent: ET.Element, field: str, container: str, texts: Sequence[str]) -> None:
    items = ET.SubElement(ET.SubElement(parent, _name(field)), _name(f"rdf:{container}"))
    for text in texts:
        ET.SubElement(items, _name("rdf:li")).text = _NO_TEXT.sub(" ", text)


def _name(qualified: str) -> str:
    prefix, _, local = qualified.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
