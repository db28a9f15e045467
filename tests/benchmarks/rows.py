"""One line of the table of speeds: what, how measured, the figure, its bar.

What belongs here: the row, judging it against its bar, printing. Not here: any measuring (`bench_*.py`), running all of
them (`__main__.py`).
"""

import json
import operator
from pathlib import Path
from typing import TypedDict

HOLDS = {"<=": operator.le, ">=": operator.ge, "=": operator.eq}


class Row(TypedDict):
    """`met` is None where there is no bar; `against` names the alternative and its own figure."""

    what: str
    measure: str
    value: float
    unit: str
    bar: str
    met: bool | None
    against: str


def row(what: str, measure: str, value: float, unit: str = "", bar: str = "", against: str = "") -> Row:
    """A row; `bar` is such as "<= 2", or empty where none was set."""
    met = None
    if bar:
        sign, bound = bar.split()
        met = bool(HOLDS[sign](value, float(bound)))
    return Row(what=what, measure=measure, value=float(value), unit=unit, bar=bar, met=met, against=against)


def show(rows: list[Row], file: Path | None = None) -> None:
    """Print the rows as a table, and write them as JSON where a file is named."""
    print(markdown(rows))
    if file is not None:
        file.write_text(json.dumps(rows, indent=1) + "\n")


def markdown(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | measure | figure | bar | | against |", "|---|---|---|---|---|---|"]
    for one in rows:
        met = {None: "", True: "met", False: "**missed**"}[one["met"]]
        unit = one["unit"] if one["unit"] == "x" else f" {one['unit']}" if one["unit"] else ""
        cells = (one["what"], one["measure"], f"{one['value']:,.3g}{unit}", one["bar"], met, one["against"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
