"""Files that an earlier run died of: remembered on disk, decoded in a process of their own.

What belongs here: joining the two. Not here: the files on disk (`storage/attempts.py`), the process
(`adapters/decode_apart.py`).
"""

import threading
from contextlib import AbstractContextManager
from copy import copy

from pipeline.adapters.decode_apart import DecodingProcess, died
from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, Rejected
from pipeline.storage.attempts import DecodingLog

CAREFUL = 1000  # files that are decoded apart because of another one: those of one origin lie together


class CarefulAttempts:
    """The `Attempts` of one category. With `every`, each file is decoded apart: this process must not die of one.

    After a dead run, `CAREFUL` files are decoded apart, fewer if all that it may have died of are sound. After each
    file whose decoder dies, `CAREFUL` more are. So several such files cost one dead run together, and not one each.
    """

    def __init__(self, log: DecodingLog, params: ImageParams, *, every: bool = False) -> None:
        self._log, self._every = log, every
        self._process = DecodingProcess(params)
        self._one_at_a_time = threading.Lock()  # its memory is in no budget
        self._suspects, self._guilty = set(log.left), False
        self._careful = CAREFUL if log.left else 0  # files that are still to be decoded apart

    def during(self, digest: str) -> AbstractContextManager[None]:
        """As of the log; counts one of the files that are decoded apart."""
        self._careful -= self._careful > 0
        return self._log.during(digest)

    def is_suspect(self, digest: str) -> bool:
        """Whether a process died of this content, or of others so recently that this one is decoded apart too."""
        return self._every or self._careful > 0 or digest in self._log.failed

    def apart(self, data: bytes, digest: str, name: str) -> Decoded | Rejected:
        """Decode in a process of its own; what that survives is trusted again."""
        with self._one_at_a_time:
            decoded = self._process.decode(data, name)
            self._judge(digest, guilty=died(decoded))
        if isinstance(decoded, Decoded) and digest in self._log.failed:
            self._log.survived(digest)
        return decoded

    def _judge(self, digest: str, *, guilty: bool) -> None:
        self._suspects.discard(digest)
        self._guilty = self._guilty or guilty
        if guilty:
            self._careful = CAREFUL
        elif not self._suspects and not self._guilty:
            self._careful = 0

    def of_every_file(self) -> "CarefulAttempts":
        """The same log and process, and each file is decoded apart."""
        careful = copy(self)
        careful._every = True
        return careful

    def close(self) -> None:
        """End the process. Nothing is being decoded any more."""
        self._process.close()
        self._log.close()
