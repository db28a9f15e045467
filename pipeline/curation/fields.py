"""The checked values that decisions are made of: names, texts, ids, content hashes, regions.

What belongs here: the type of each field with its bounds, and cleaning the text that people type. Not here: the
decisions (`decisions.py`), whether an id exists (`checks.py`).
"""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.settings import GRANULARITY
from pipeline.stages.objects.boxes import Box, fault, rounded

NAME_LENGTH = 120
TEXT_LENGTH = 4000
TAG_LENGTH = 60
IMAGES_AT_ONCE = 100_000
_DIRECTION_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def one_line(text: str) -> str:
    """`text` without control characters and extra blanks. Raises ValueError if nothing is left."""
    clean = " ".join(_visible(text).split())
    if not clean:
        raise ValueError("is empty")
    return clean


def several_lines(text: str) -> str:
    """`text` with plain line ends and without control characters. Raises ValueError if nothing is left."""
    lines = text.replace("\r\n", "\n").split("\n")
    clean = "\n".join(_visible(line).rstrip() for line in lines).strip()
    if not clean:
        raise ValueError("is empty")
    return clean


def _visible(text: str) -> str:
    """`text` with a blank for each character that must not be in it."""
    return "".join(" " if _is_invisible(character) else character for character in text)


def _is_invisible(character: str) -> bool:
    """Whether a character must not be in a name: control characters, lone surrogates, changes of writing direction."""
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTION_MARKS


Name = Annotated[str, AfterValidator(one_line), Field(max_length=NAME_LENGTH)]
Text = Annotated[str, AfterValidator(several_lines), Field(max_length=TEXT_LENGTH)]
TagName = Annotated[str, AfterValidator(one_line), Field(max_length=TAG_LENGTH)]
ClusterId = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
ContentHash = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9A-Za-z_-]+$")]
# of a whole image, also in a library of objects, which does not hold the image itself
SourceHash = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[0-9a-f]+$")]
Images = Annotated[tuple[ContentHash, ...], Field(min_length=1, max_length=IMAGES_AT_ONCE)]
Status = Literal["active", "unusable", "hidden"]
ViewName = Annotated[str, AfterValidator(one_line), Field(max_length=TAG_LENGTH)]
# never another site: only what follows a category
ViewAddress = Annotated[
    str, Field(max_length=2000, pattern=r"^([a-z]+(/[A-Za-z0-9._-]+)?)?(\?[A-Za-z0-9._~!$'()*+,;:@/?%&=-]*)?$")
]


def _region(values: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The four shares, rounded. Raises ValueError if they are no box inside the image."""
    box = Box(*values)
    if problem := fault(box):
        raise ValueError(f"is no region of an image: {problem}")
    x, y, w, h = rounded(box)
    return x, y, w, h


# left, top, width and height as shares of the upright image
Region = Annotated[tuple[float, float, float, float], AfterValidator(_region)]
# a family and a model, as `packaged:efficientnet_lite0`
EncoderSpec = Annotated[str, Field(pattern=r"^[a-z_]+:\S+$", max_length=300)]
GranularityValue = Annotated[str, Field(pattern=GRANULARITY, max_length=20)]
