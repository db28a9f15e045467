"""What all parameter classes share.

What belongs here: their base class, and hiding the secrets in a value that people see. Not here: any setting.
"""

import re

from pydantic import BaseModel, ConfigDict


def without_secrets(text: str) -> str:
    """`text` with passwords in addresses, and secret values in their queries, replaced by ***."""
    text = re.sub(r"(://[^:/@\s]*):[^\s]*@", r"\1:***@", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:password|secret|token|key)[^=&\s]*=)[^&\s'\"]+", r"\1***", text)


class Params(BaseModel):
    """Base of every parameter class: refuses unknown names; values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)
