"""Text in CSV files, which spreadsheets open: a cell must never be run as a formula.

What belongs here: writing such a text, and reading it again. Not here: the files (`steps/export.py`, `console.py`,
`steps/catalogue.py`).

Spreadsheets run a cell that begins with one of `= + - @`, a tab or a carriage return, also in Japanese full width. An
apostrophe before it makes it text (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import re

_STARTS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(f"'*[{_STARTS}]")
_ESCAPED = re.compile(f"'+[{_STARTS}]")
FORMULA_PATTERN = f"^{_FORMULA.pattern}"  # the same for Polars


def escape_formula(value: str) -> str:
    """`value` with an apostrophe before it if a spreadsheet would run it. `unescape_formula` takes it off again."""
    return f"'{value}" if _FORMULA.match(value) else value


def unescape_formula(value: str) -> str:
    """The text that `escape_formula` was given."""
    return value[1:] if _ESCAPED.match(value) else value
