"""The result of one check.

What belongs here: the fields of a result. Not here: the checks (`category.py`, `whole.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "busy", "repaired", "fault"]
RUN = "image-cluster run"
REPAIR = "image-cluster doctor --repair"


def many(count: int, one: str, several: str = "") -> str:
    """A number and what is counted: 1 part, 2,000 parts."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def are(count: int) -> str:
    """The verb that fits a number of things."""
    return "is" if count == 1 else "are"


@dataclass(frozen=True)
class Finding:
    """The result of `check` for a category (empty: the whole directory), and what to do next.

    `mend` repairs what is safe to repair and returns what was done in words; None if only a person can.
    """

    check: str
    category: str
    state: State
    text: str
    remedy: str = ""
    mend: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    def row(self) -> dict[str, str]:
        """The printed row."""
        return {"state": self.state, "category": self.category or "-", "check": self.check, "text": self.text,
                "remedy": self.remedy}  # fmt: skip
