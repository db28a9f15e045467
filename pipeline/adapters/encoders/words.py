"""The words that may be suggested as names: a list of ours, and a file of the user's.

What belongs here: reading both. Not here: their vectors (`text.py`), which word fits (`stages/representatives/`).
`words.txt` holds everyday names and qualities of what pictures show, in British English, one a line.
"""

from importlib.resources import files
from pathlib import Path

from pipeline.errors import SettingsError

MOST = 50_000  # words of a file; more would take minutes to encode
LONGEST = 100  # letters of one


def word_list(own_file: str | None) -> list[str]:
    """All words, each once: ours, then those of the file. Raises `SettingsError` for a file that cannot be used."""
    ours = _lines(files("pipeline.adapters.encoders").joinpath("words.txt").read_text(encoding="utf-8"))
    return list(dict.fromkeys([*ours, *(_own(Path(own_file).expanduser()) if own_file else [])]))


def _own(path: Path) -> list[str]:
    try:
        words = _lines(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"encoder.words_file names {path}, which cannot be read as text: {error}.") from error
    if len(words) > MOST or max(map(len, words), default=0) > LONGEST:
        raise SettingsError(
            f"encoder.words_file names {path}, with {len(words):,} words of up to {max(map(len, words)):,} letters. "
            f"At most {MOST:,} words of {LONGEST} letters, one a line, can be used."
        )
    return words


def _lines(text: str) -> list[str]:
    return [word for line in text.splitlines() if (word := " ".join(line.split())) and not word.startswith("#")]
