"""Files that an earlier run died of: remembered on disk, decoded in a process of their own.

What belongs here: joining the two. Not here: the files on disk (`storage/attempts.py`), the process
(`adapters/decode_apart.py`).
"""

import threading
from contextlib import AbstractContextManager
from copy import copy

from pipeline.adapters.decode_apart import DecodingProcess
from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, Rejected
from pipeline.storage.attempts import DecodingLog


class CarefulAttempts:
    """The `Attempts` of one category. With `every`, each file is decoded apart: this process must not die of one."""

    def __init__(self, log: DecodingLog, params: ImageParams, *, every: bool = False) -> None:
        self._log, self._every = log, every
        self._process = DecodingProcess(params)
        self._one_at_a_time = threading.Lock()  # its memory is in no budget

    def during(self, digest: str) -> AbstractContextManager[None]:
        """As of the log."""
        return self._log.during(digest)

    def failed(self, digest: str) -> bool:
        """As of the log; every content where each file is decoded apart."""
        return self._every or digest in self._log.failed

    def apart(self, data: bytes, digest: str, name: str) -> Decoded | Rejected:
        """Decode in a process of its own; what that survives is trusted again."""
        with self._one_at_a_time:
            decoded = self._process.decode(data, name)
        if isinstance(decoded, Decoded) and digest in self._log.failed:
            self._log.survived(digest)
        return decoded

    def of_every_file(self) -> "CarefulAttempts":
        """The same log and process, and each file is decoded apart."""
        careful = copy(self)
        careful._every = True
        return careful

    def close(self) -> None:
        """End the process. Nothing is being decoded any more."""
        self._process.close()
        self._log.close()
