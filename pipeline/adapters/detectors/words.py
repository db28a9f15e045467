"""The names of a detector's classes.

What belongs here: reading and looking up names. Not here: which classes count (`stages/objects/boxes.py`).
"""

from collections.abc import Sequence
from pathlib import Path


def lines(path: Path) -> tuple[str, ...]:
    """The lines of a text file that are not empty; none if there is no such file."""
    if not path.is_file():
        return ()
    return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def class_name(names: Sequence[str], number: int) -> str:
    """The name of a class; its number if it has none."""
    return names[number] if 0 <= number < len(names) else str(number)


def nearest_word(phrase: str, words: Sequence[str]) -> str:
    """The word asked for that a phrase of the model stands for: it may give back a part of one ("post" of "road post").

    The phrase itself if it shares no word with any.
    """
    if phrase in words:
        return phrase
    said = set(phrase.casefold().split())
    shared = {word: len(said & set(word.casefold().split())) for word in words}
    best = max(shared, key=lambda word: shared[word], default="")
    return best if best and shared[best] else phrase
