"""Files that an earlier attempt to decode did not survive: the codec crashed, or never ended.

What belongs here: what the stream asks about such files. Not here: remembering them (`storage/attempts.py`), the
process that decodes them (`adapters/decode_apart.py`).
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from pipeline.stages.images.decode import Decoded, Rejected


class Attempts(Protocol):
    """Called from several threads at once."""

    def during(self, digest: str, /) -> AbstractContextManager[None]:
        """Remembers, for a process that dies meanwhile, that the content with this hash is being decoded."""
        ...

    def failed(self, digest: str, /) -> bool:
        """Whether a process died while it decoded this content."""
        ...

    def apart(self, data: bytes, digest: str, name: str, /) -> Decoded | Rejected:
        """Decode in a process of its own with a time limit; `name` becomes the image's content_hash."""
        ...


class Untracked:
    """Remembers nothing."""

    def during(self, _digest: str) -> AbstractContextManager[None]:
        """Nothing is remembered."""
        return nullcontext()

    def failed(self, _digest: str) -> bool:
        """No attempt failed."""
        return False

    def apart(self, data: bytes, digest: str, name: str) -> Decoded | Rejected:
        """Never called, because nothing failed."""
        raise NotImplementedError
