"""Files whose earlier decoding crashed or never ended.

What belongs here: the interface that the stream uses. Not here: recording such files (`storage/attempts.py`), the
process that decodes them (`adapters/decode_apart.py`).
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from pipeline.stages.images.decode import Decoded, Rejected


class Attempts(Protocol):
    """Called from several threads at once."""

    def during(self, digest: str, /) -> AbstractContextManager[None]:
        """Record that the content with this hash is being decoded, in case the process dies meanwhile.

        Entered once a file, before `is_suspect`.
        """
        ...

    def is_suspect(self, digest: str, /) -> bool:
        """Whether to decode this content apart: a process died of it, or of files before it."""
        ...

    def apart(self, data: bytes, digest: str, name: str, /) -> Decoded | Rejected:
        """Decode in a separate process with a time limit; `name` becomes the image's content_hash."""
        ...


class Untracked:
    """Records nothing."""

    def during(self, _digest: str) -> AbstractContextManager[None]:
        """Do nothing."""
        return nullcontext()

    def is_suspect(self, _digest: str) -> bool:
        """Nothing is suspected."""
        return False

    def apart(self, data: bytes, digest: str, name: str) -> Decoded | Rejected:
        """Never called, because nothing is suspected."""
        raise NotImplementedError
