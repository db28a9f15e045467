"""Text in CSV files, which spreadsheets open: a cell must never be run as a formula.

What belongs here: how such a text is written, and read again. Not here: the files (`steps/export.py`, `console.py`,
`steps/catalogue.py`).

Spreadsheets run a cell that begins with one of `= + - @`, a tab or a carriage return, also in Japanese full width. An
apostrophe before it makes it text (https://owasp.org/www-community/attacks/CSV_Injection).
"""

import re

_STARTS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(f"'*[{_STARTS}]")
_ESCAPED = re.compile(f"'+[{_STARTS}]")
FORMULA = f"^{_FORMULA.pattern}"  # the same for Polars


def as_text(value: str) -> str:
    """`value` as a spreadsheet shows it and never runs it; `from_text` gives it back."""
    return f"'{value}" if _FORMULA.match(value) else value


def from_text(value: str) -> str:
    """What `as_text` was given."""
    return value[1:] if _ESCAPED.match(value) else value
