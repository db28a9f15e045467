"""Decoding in a process of its own with a time limit: uploads, and files that an earlier run did not survive.

What belongs here: that process, and talking to it. Not here: decoding (`stages/images/decode.py`), which files
(`storage/attempts.py`, `service/search.py`).

The answer is JSON and raw pixels, never pickle: whatever a hostile file makes of the process, it can only send numbers.
One process decodes file after file, because starting one takes half a second. Memory that an earlier file damaged must
not accuse a later one: a file at which a used process dies is decoded again by a new one.
"""

import json
import signal
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, BinaryIO

import numpy as np

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, ImageInfo, Rejected, decode

_MODULE = "pipeline.adapters.decode_apart"
_DIED = "Its decoder "  # how the reasons begin
_NO_ANSWER = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    MemoryError,
)  # a pipe is gone, or gave anything but an answer
START_SECONDS = 120.0  # a start on a busy machine; no file is judged by it


class DecodingProcess:
    """Decodes one file at a time in a process that starts at the first file, and again after a crash."""

    def __init__(self, params: ImageParams) -> None:
        """A file may take `params.decode_seconds`."""
        self._params = params
        self._process: subprocess.Popen[bytes] | None = None
        self._used = False

    def decode(self, data: bytes, digest: str) -> Decoded | Rejected:
        """As `decode` of `stages/images/decode.py`; a crash or a decode that takes too long is a rejected image."""
        used = self._used
        answer = self._ask(data, digest)
        if isinstance(answer, int) and used:
            answer = self._ask(data, digest)
        if isinstance(answer, int):
            return Rejected("broken", f"{_DIED}crashed ({_cause(answer)}).", digest)
        return answer

    def close(self) -> None:
        """End the process."""
        process, self._process, self._used = self._process, None, False
        if process is not None:
            process.kill()
            process.wait()

    def _ask(self, data: bytes, digest: str) -> Decoded | Rejected | int:
        """The answer, or the exit code of the process if it died."""
        process = self._started()
        too_long = threading.Event()
        seconds = self._params.decode_seconds
        timer = _kill_after(process, seconds, too_long)
        try:
            answer = _exchange(process, json.dumps({"digest": digest, "bytes": len(data)}).encode(), data)
        finally:
            timer.cancel()
        self._used = True
        if answer is not None:
            return answer
        process.kill()  # it closed its output: it is dead or dying
        code = process.wait()
        self.close()
        if too_long.is_set():
            return Rejected("broken", f"{_DIED}did not end within {seconds:g} s (images.decode_seconds).", digest)
        return code

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(  # our own module, by the interpreter that runs us
                [sys.executable, "-m", _MODULE, self._params.model_dump_json()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            timer = _kill_after(self._process, START_SECONDS, threading.Event())
            ready = _out(self._process).readline()
            timer.cancel()
            if not ready:
                code = self._process.wait()
                raise OSError(f"The process that decodes pictures did not start ({_cause(code)}).")
        return self._process


def died(decoded: Decoded | Rejected) -> bool:
    """Whether the decoder of this file crashed or was ended because it took too long."""
    return isinstance(decoded, Rejected) and decoded.reason.startswith(_DIED)


def decode_apart(data: bytes, params: ImageParams, *, digest: str) -> Decoded | Rejected:
    """Decode one file in a process that ends after it."""
    with closing(DecodingProcess(params)) as process:
        return process.decode(data, digest)


def _exchange(process: "subprocess.Popen[bytes]", head: bytes, data: bytes) -> Decoded | Rejected | None:
    """Send a file and read the answer; None if the process died over it."""
    given, taken = process.stdin, _out(process)
    try:
        if given is not None:
            given.write(head + b"\n" + data)
            given.flush()
        values = taken.readline()
        if not values.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(values)
        length = int(answer.pop("pixel_bytes"))
        pixels = np.empty(length, np.uint8)  # torch warns of arrays that cannot be written to
        return _decoded(answer, pixels) if taken.readinto(pixels.data) == length else None
    except _NO_ANSWER:
        return None


def _decoded(values: dict[str, Any], pixels: np.ndarray) -> Decoded | Rejected:
    if "status" in values:
        return Rejected(**values)
    taken = values.pop("taken_at")
    shape = values.pop("shape")
    return Decoded(**values, taken_at=datetime.fromisoformat(taken) if taken else None, pixels=pixels.reshape(shape))


def _kill_after(process: "subprocess.Popen[bytes]", seconds: float, happened: threading.Event) -> threading.Timer:
    def kill() -> None:
        happened.set()
        process.kill()

    timer = threading.Timer(seconds, kill)
    timer.daemon = True
    timer.start()
    return timer


def _out(process: "subprocess.Popen[bytes]") -> Any:
    return process.stdout


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def main() -> None:
    """Decode what comes through stdin, file after file, until it is closed."""
    given, taken = sys.stdin.buffer, sys.stdout.buffer
    params = ImageParams.model_validate_json(sys.argv[1])
    taken.write(b"ready\n")
    taken.flush()
    while head := given.readline():
        question = json.loads(head)
        _answer(taken, decode(given.read(question["bytes"]), params, digest=question["digest"], quick=False))


def _answer(taken: BinaryIO, decoded: Decoded | Rejected) -> None:
    if isinstance(decoded, Rejected):
        values, pixels = asdict(decoded), b""
    else:
        values = {field.name: getattr(decoded, field.name) for field in fields(ImageInfo)}
        values["taken_at"] = decoded.taken_at.isoformat() if decoded.taken_at else None
        values["shape"] = decoded.pixels.shape
        pixels = decoded.pixels.data.cast("B")
    taken.write(json.dumps({**values, "pixel_bytes": len(pixels)}).encode() + b"\n")
    taken.write(pixels)
    taken.flush()


if __name__ == "__main__":
    main()
