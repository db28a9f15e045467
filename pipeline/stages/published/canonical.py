"""The canonical bytes of a published document, and the digest of what it says.

What belongs here: writing and reading the JSON of clusters.json, changes.json and duplicates.json. Not here: what they
hold (`document.py`, `changes.py`, `duplicates.py`), what is valid (`schema.py`), where the bytes go (`storage/`).

The bytes are those of `json.dumps(document, indent=2, ensure_ascii=False)`, which readers, stored versions and their
names rely on. With an indent, Python's encoder is not the compiled one and takes twice as long: 0.7 s of CPU time for
100,000 images. So the innermost lists and objects, nearly all of a document, go through the compiled one, with line
breaks as its separators. orjson is quicker, but writes other bytes (0.00001 for 1e-05), writes NaN as null instead of
refusing it, and refuses the lone surrogates of a key that is not UTF-8.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

MADE_AT = "generatedAt"  # the one member that says nothing of the library
INDENT = "  "
_PLAIN = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True)
class Encoded:
    """The bytes of a document, and the SHA-256 (hex) of those of everything but `MADE_AT`: equal if nothing worth
    publishing has changed."""

    data: bytes
    digest: str


def encoded(document: Mapping[str, Any]) -> Encoded:
    """The canonical bytes of a document: UTF-8, two spaces of indent, a newline at the end; and their digest.

    Equal documents give equal bytes. Raises ValueError for a number that is not finite, TypeError for what JSON cannot
    represent and for names that are not text.
    """
    members = {name: _member(name, value, 1).encode("utf-8", "backslashreplace") for name, value in document.items()}
    # A key that is not valid UTF-8 has lone surrogates; JSON can hold them only as \udcXX escapes, which is what
    # backslashreplace writes.
    digest = hashlib.sha256()
    for piece in _pieces(member for name, member in members.items() if name != MADE_AT):
        digest.update(piece)
    return Encoded(b"".join(_pieces(members.values())), digest.hexdigest())


def encode(document: Mapping[str, Any]) -> bytes:
    """The canonical bytes alone."""
    return encoded(document).data


def content_digest(document: Mapping[str, Any]) -> str:
    """The digest alone."""
    return encoded(document).digest


def decode(data: bytes) -> dict[str, Any]:
    """A document from its bytes."""
    return json.loads(data)


def _pieces(members: Iterable[bytes]) -> Iterable[bytes]:
    """The bytes of a document, piece by piece, from those of its members."""
    before = b"{\n" + INDENT.encode()
    for member in members:
        yield before
        yield member
        before = b",\n" + INDENT.encode()
    yield b"\n}\n" if before.startswith(b",") else b"{}\n"


def _member(name: str, value: Any, depth: int) -> str:
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"A name in a document is {name!r}, which is not text.")
    return f"{_encoder(0).encode(name)}: {_text(value, depth)}"


def _text(value: Any, depth: int) -> str:
    """The text of a value whose own line is indented `depth` times."""
    if not value or not isinstance(value, dict | list | tuple):
        return _encoder(0).encode(value)
    parts = cast("dict[Any, Any] | list[Any] | tuple[Any, ...]", value)
    outer, inner = _line(depth), _line(depth + 1)
    if isinstance(parts, dict):
        if _all_plain(parts):
            return "{" + inner + _encoder(depth + 1).encode(parts)[1:-1] + outer + "}"
        return (
            "{" + inner + f",{inner}".join(_member(name, part, depth + 1) for name, part in parts.items()) + outer + "}"
        )
    if all(type(part) in _PLAIN for part in parts):
        return "[" + inner + _encoder(depth + 1).encode(parts)[1:-1] + outer + "]"
    if all(type(part) is dict and part and _all_plain(part) for part in parts):
        return "[" + inner + _rows(parts, depth + 1) + outer + "]"
    return "[" + inner + f",{inner}".join(_text(part, depth + 1) for part in parts) + outer + "]"


def _rows(rows: "list[Any] | tuple[Any, ...]", depth: int) -> str:
    """The text of objects of nothing but plain values, without the brackets around them."""
    outer, inner = _line(depth), _line(depth + 1)
    text = _encoder(depth + 1).encode(rows)[2:-2]
    # The separator holds a line break, which no text in JSON does, so this is the end of an object and nothing else.
    return "{" + inner + text.replace(f"}},{inner}{{", f"{outer}}},{outer}{{{inner}") + outer + "}"


def _all_plain(parts: dict[Any, Any]) -> bool:
    return all(type(name) is str and type(part) in _PLAIN for name, part in parts.items())


def _line(depth: int) -> str:
    return "\n" + INDENT * depth


@cache
def _encoder(depth: int) -> json.JSONEncoder:
    """Writes every value on a line of its own, indented `depth` times."""
    return json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(f",{_line(depth)}", ": "))
