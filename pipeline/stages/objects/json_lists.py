"""The lists in a large JSON document, an element at a time.

What belongs here: walking through the document. Not here: what its elements mean (`annotations.py`).

`json.loads` builds all of a document before the first element can be used: for COCO's boxes this takes several times
the memory of the file.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_BLANKS = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder().raw_decode


def elements(text: str) -> Iterator[tuple[str, Any]]:
    """(name, element) of each list of the outermost object, in order; before its elements each list has (name, None).

    Yields nothing if the document is no object. Raises `json.JSONDecodeError` and `RecursionError`.
    """
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        return
    at = _skip(text, at + 1)
    while text[at : at + 1] != "}":
        name, at = _decode(text, at)
        at = _separator(text, at, ":")
        if text[at : at + 1] == "[":
            yield name, None
            at = _skip(text, at + 1)
            while text[at : at + 1] != "]":
                element, at = _decode(text, at)
                yield name, element
                at = _separator(text, at, ",", "]")
            at += 1
        else:
            _, at = _decode(text, at)
        at = _separator(text, at, ",", "}")
    if _skip(text, at + 1) != len(text):
        raise json.JSONDecodeError("Extra data", text, at + 1)


def _skip(text: str, at: int) -> int:
    """The place of the next sign that is no blank."""
    return _BLANKS.match(text, at).end()  # pyright: ignore[reportOptionalMemberAccess]  # matches anything


def _separator(text: str, at: int, sign: str, end: str = "") -> int:
    """The place after `sign`, or that of `end`, if it is the next sign."""
    at = _skip(text, at)
    if text[at : at + 1] == sign:
        return _skip(text, at + 1)
    if not end or text[at : at + 1] != end:
        raise json.JSONDecodeError(f"Expecting {sign!r}", text, at)
    return at
