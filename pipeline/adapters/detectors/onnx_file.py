"""Detectors in ONNX files: YOLO, NanoDet and DETR, run by OpenVINO.

What belongs here: opening a file with its card, preprocessing, running it. Not here: the card (`onnx_card.py`), reading
the output (`onnx_decoders.py`). No code of the libraries that trained them is needed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.adapters.detectors.onnx_card import Card, read_card
from pipeline.adapters.detectors.onnx_decoders import decode_output
from pipeline.adapters.detectors.pixels import corners
from pipeline.adapters.detectors.words import class_name, fingerprint
from pipeline.adapters.encoders.runtime import block_telemetry
from pipeline.adapters.encoders.source import file_digest
from pipeline.errors import DetectorError
from pipeline.stages.images.decode import resize
from pipeline.stages.objects.boxes import Found

GREY = 114  # around the picture in its letterbox, as in training YOLO


class Prepared(NamedTuple):
    """Uint8 [height, width, 3] of the input, and where the picture lies in it: left, top, width, height in pixels."""

    pixels: np.ndarray
    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class OnnxDetector:
    """A detector (`stages.objects.Detector`)."""

    name: str
    fingerprint: str
    card: Card
    compiled: Any
    device: str = "CPU (OpenVINO)"

    def prepare(self, pixels: np.ndarray) -> Prepared:
        """Uint8 [h, w, 3] → the model's input."""
        high, wide = self.card.size
        if self.card.resize == "squash":
            return Prepared(resize(pixels, high, wide, "bilinear"), 0, 0, wide, high)
        scale = min(high / pixels.shape[0], wide / pixels.shape[1])
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        left, top = (wide - width) // 2, (high - height) // 2
        canvas = np.full((high, wide, 3), GREY, np.uint8)
        canvas[top : top + height, left : left + width] = resize(pixels, height, width, "bilinear")
        return Prepared(canvas, left, top, width, height)

    def detect(self, prepared: Prepared) -> list[Found]:
        pixels = prepared.pixels[:, :, ::-1] if self.card.colours == "bgr" else prepared.pixels
        mean, std = (np.array(values, np.float32) for values in (self.card.mean, self.card.std))
        batch = np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None], np.float32)
        result: Any = self.compiled([batch])
        found = decode_output(self.card, [result[output] for output in self.compiled.outputs])
        moved = found.corners - np.array([prepared.left, prepared.top] * 2, np.float32)
        return [
            Found(corners(box, prepared.width, prepared.height), class_name(self.card.labels, int(kind)), float(score),
                  self.name)
            for box, score, kind in zip(moved, found.scores, found.classes, strict=True)
        ]  # fmt: skip


def load(spec: str, model: Path, threads: int) -> OnnxDetector:
    """The detector in a file, with its card beside it. Raises `DetectorError`."""
    if not model.is_file():
        raise DetectorError(f"{spec} names the file {model}, and there is none.")
    card = read_card(spec, model)
    block_telemetry()
    import openvino

    core: Any = openvino.Core()
    try:
        read: Any = core.read_model(model)
    except RuntimeError as error:
        raise DetectorError(f"{model} cannot be read as a model: {_short(error)}") from error
    _check_input(model, card, {one.any_name: one.partial_shape for one in read.inputs})
    try:
        read.reshape([1, 3, *card.size])
        hints = {"INFERENCE_NUM_THREADS": threads} if threads else {}
        compiled: Any = core.compile_model(read, "CPU", {"NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32", **hints})
    except RuntimeError as error:
        raise DetectorError(
            f"{model} cannot be run with an input of {card.size[0]} x {card.size[1]}: {_short(error)}"
        ) from error
    return OnnxDetector(spec, fingerprint(file_digest(model), card.labels, card.model_dump()), card, compiled)


def _check_input(model: Path, card: Card, inputs: dict[str, Any]) -> None:
    """Raises `DetectorError` unless the model takes one picture of the card's size, colours first.

    A file that was exported for one size has it in its constants: another gives boxes in wrong places, not an error.
    """
    if len(inputs) != 1:
        raise DetectorError(
            f"{model} has {len(inputs)} inputs ({', '.join(sorted(inputs))}), and only the picture can be given. "
            "Export it without the step that scales boxes to the picture's size."
        )
    (shape,) = inputs.values()
    height, width = card.size
    dynamic = shape.rank.is_dynamic
    if not dynamic and (len(shape) != 4 or not all(map(_fits, list(shape)[1:], (3, height, width)))):
        raise DetectorError(
            f"{model} takes an input of {shape}, and its card says {height} x {width}, which is "
            f"[1,3,{height},{width}]. Give the card the height and width of the export; an export with colours last "
            "cannot be read."
        )


def _fits(dimension: Any, side: int) -> bool:
    return bool(dimension.is_dynamic or dimension.get_length() == side)


def _short(error: RuntimeError) -> str:
    return " ".join(str(error).split())[:300]
