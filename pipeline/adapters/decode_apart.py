"""Decoding in a process of its own with a time limit, for files that an earlier attempt did not survive.

What belongs here: that process, and talking to it. Not here: decoding (`stages/images/decode.py`), which files
(`storage/attempts.py`).

The answer is JSON and raw pixels, never pickle: whatever a hostile file makes of the process, it can only send numbers.
"""

import json
import signal
import subprocess
import sys
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import numpy as np

from pipeline.settings import ImageParams
from pipeline.stages.images.decode import Decoded, ImageInfo, Rejected, decode

_MODULE = "pipeline.adapters.decode_apart"


def decode_apart(data: bytes, params: ImageParams, *, digest: str, seconds: float) -> Decoded | Rejected:
    """As `decode`; a crash or a decode of more than `seconds` is a rejected image."""
    question = json.dumps({"params": params.model_dump(), "digest": digest}).encode() + b"\n" + data
    try:
        done = subprocess.run(  # our own module, by the interpreter that runs us
            [sys.executable, "-m", _MODULE], input=question, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return Rejected("broken", f"Its decoder did not end within {seconds:g} s (images.decode_seconds).", digest)
    if done.returncode != 0:
        return Rejected("broken", f"Its decoder crashed ({_cause(done.returncode)}).", digest)
    head, _, pixels = done.stdout.partition(b"\n")
    return _answer(json.loads(head), pixels)


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _answer(values: dict[str, Any], pixels: bytes) -> Decoded | Rejected:
    if "status" in values:
        return Rejected(**values)
    taken = values.pop("taken_at")
    shape = (values["height"], values["width"], 3)
    array = np.frombuffer(pixels, np.uint8).reshape(shape)
    return Decoded(**values, taken_at=datetime.fromisoformat(taken) if taken else None, pixels=array)


def main() -> None:
    """Read a question from stdin, write the answer to stdout."""
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    question = json.loads(head)
    decoded = decode(data, ImageParams.model_validate(question["params"]), digest=question["digest"])
    if isinstance(decoded, Rejected):
        values, pixels = asdict(decoded), b""
    else:
        values = {field.name: getattr(decoded, field.name) for field in fields(ImageInfo)}
        values["taken_at"] = decoded.taken_at.isoformat() if decoded.taken_at else None
        pixels = decoded.pixels.tobytes()
    sys.stdout.buffer.write(json.dumps(values).encode() + b"\n" + pixels)


if __name__ == "__main__":
    main()
