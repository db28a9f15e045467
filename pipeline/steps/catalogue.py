"""A CSV file of another program → rows of image, name and tags.

What belongs here: encodings, separators and column names that programs write. Not here: which image a row is about
(`adopt.py`).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator

from pipeline.errors import DecisionError
from pipeline.stages.published.spreadsheet import unescape_formula

IMAGE_COLUMNS = ("key", "image_id", "content_hash", "file", "filename", "file_name", "path", "image")
NAME_COLUMNS = ("cluster", "cluster_name", "name", "kind", "label", "class")
TAG_COLUMNS = ("tags", "keywords")
SEPARATORS = (",", ";", "\t")
LONGEST_FIELD = 1 << 20  # characters
Row = tuple[str, str, str]  # image, name, tags; empty text for what is not there


def read_catalogue(data: bytes, file: str) -> Iterator[Row]:
    """The rows of a CSV file with a header, which errors call `file`. The separator is a comma, a semicolon or a tab.

    The text is UTF-8, UTF-16 with its mark, or else Windows-1252, as spreadsheets write it. Raises `DecisionError` for
    a file without the columns or without rows.
    """
    text = _decode(data)
    first, rest = _first_line(text)
    if first.strip().lower().startswith("sep="):  # how a spreadsheet names its separator
        text = rest
        first = _first_line(rest)[0]
    separator = max(SEPARATORS, key=first.count)
    csv.field_size_limit(LONGEST_FIELD)
    try:
        lines = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except csv.Error as error:
        raise DecisionError(f"{file} is not a CSV file with a header: {error}.") from error
    header, *rows = lines or [[]]
    image, name, tags = (_column(header, names) for names in (IMAGE_COLUMNS, NAME_COLUMNS, TAG_COLUMNS))
    if image is None or (name is None and tags is None):
        raise DecisionError(
            f"{file} needs a column for the image ({', '.join(IMAGE_COLUMNS)}) and one for its cluster "
            f"({', '.join(NAME_COLUMNS)}) or its tags ({', '.join(TAG_COLUMNS)}); it has "
            f"{', '.join(header)[:200] or 'nothing'}."
        )
    if not rows:
        raise DecisionError(f"{file} has a header and no rows.")
    return ((row[image] if image < len(row) else "", _cell(row, name), _cell(row, tags)) for row in rows)


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = data.decode("utf-16", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
    return text


def _first_line(text: str) -> tuple[str, str]:
    """The first line and what follows it; line ends inside of quotes are those of the data, so none is changed."""
    first, *rest = re.split("\r\n|\r|\n", text, maxsplit=1)
    return first, rest[0] if rest else ""


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    given = [title.strip().lower() for title in header]
    return next((given.index(name) for name in names if name in given), None)


def _cell(row: list[str], column: int | None) -> str:
    return unescape_formula(row[column].strip()) if column is not None and column < len(row) else ""
