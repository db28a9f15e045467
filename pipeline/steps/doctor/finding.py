"""One answer of the doctor.

What belongs here: how an answer looks. Not here: the questions (`category.py`, `whole.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "busy", "repaired", "fault"]
RUN = "image-cluster run"
REPAIR = "image-cluster doctor --repair"


@dataclass(frozen=True)
class Finding:
    """What was asked (`check`) of which category (empty: of the whole directory), the answer, and what to do next.

    `mend` does what is safe and returns what was done in words; None where only a person can.
    """

    check: str
    category: str
    state: State
    text: str
    remedy: str = ""
    mend: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    def row(self) -> dict[str, str]:
        """As it is printed."""
        return {"state": self.state, "category": self.category or "-", "check": self.check, "text": self.text,
                "remedy": self.remedy}  # fmt: skip
