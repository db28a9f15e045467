"""The names of a detector's classes, and the fingerprint that they are a part of.

What belongs here: reading and looking up names. Not here: which classes count (`stages/objects/boxes.py`).
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from pipeline.errors import DetectorError

CODE = 1  # increase when the same model gives other boxes


def fingerprint(weights: str, names: Sequence[str], *rest: object) -> str:
    """A digest of what the boxes depend on: weights, names of classes or words, and the rest, which JSON can hold."""
    text = json.dumps([CODE, weights, list(names), *rest], sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def lines(path: Path) -> tuple[str, ...]:
    """The lines of a text file that are not empty; none if there is no such file. Raises `DetectorError`."""
    if not path.is_file():
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DetectorError(f"The names of classes in {path} cannot be read as UTF-8 text: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def class_name(names: Sequence[str], number: int) -> str:
    """The name of a class; its number if it has none."""
    return names[number] if 0 <= number < len(names) else str(number)


def nearest_word(phrase: str, words: Sequence[str]) -> str:
    """The word asked for that a phrase of the model stands for: it may give back a part of one ("post" of "road post").

    The phrase itself if it shares no word with any.
    """
    if phrase in words:
        return phrase
    parts = set(phrase.casefold().split())
    shared = {word: len(parts & set(word.casefold().split())) for word in words}
    best = max(shared, key=lambda word: shared[word], default="")
    return best if best and shared[best] else phrase
