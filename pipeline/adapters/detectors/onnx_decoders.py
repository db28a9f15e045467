"""The output of ONNX detectors → boxes, scores and classes, in pixels of the input.

What belongs here: the arithmetic of each form of output. Not here: running the model (`onnx_file.py`).

Sources of the forms: https://docs.ultralytics.com/modes/export/ (the shapes, not the code); Lyu (2020), NanoDet, whose
boxes are distributions (Li et al. 2020, "Generalized Focal Loss"); Carion et al. (2020), DETR.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.adapters.detectors.onnx_card import Card
from pipeline.errors import DetectorError
from pipeline.stages.objects.detector import LEAST_SCORE

ENDED = 6  # columns of an output from which overlapping boxes were removed: corners, score, class


class Boxes(NamedTuple):
    """Corners float32 [n, 4] (left, top, right, bottom), scores float32 [n], classes int [n]."""

    corners: np.ndarray
    scores: np.ndarray
    classes: np.ndarray


def decode_output(card: Card, outputs: Sequence[np.ndarray]) -> Boxes:
    """The boxes of one image. Raises `DetectorError` if the output has not the form that the card says."""
    match card.decoder:
        case "yolo":
            return _yolo(card, outputs)
        case "nanodet":
            return _without_overlaps(_nanodet(card, outputs), card.nms)
        case "detr":
            return _detr(card, outputs)


def _yolo(card: Card, outputs: Sequence[np.ndarray]) -> Boxes:
    """[1, 4 + classes, n] (version 8 and later), [1, n, 5 + classes] (version 5), or [1, n, 6] (ended)."""
    rows, classes = outputs[0][0], len(card.labels)
    if rows.ndim == 2 and rows.shape[0] == 4 + classes:
        rows = rows.T
        scores = rows[:, 4:]
    elif rows.ndim == 2 and rows.shape[1] == 5 + classes and rows.shape[1] != ENDED:
        scores = rows[:, 5:] * rows[:, 4:5]
    elif rows.ndim == 2 and rows.shape[1] == ENDED:
        if classes == 1 and len(rows) > 1000:  # version 5 with one class: it lists every place of its grid
            scores = rows[:, 5:] * rows[:, 4:5]
        else:
            kept = rows[rows[:, 4] >= LEAST_SCORE]
            return Boxes(kept[:, :4], kept[:, 4], kept[:, 5].astype(np.int64))
    else:
        raise _unfit(card, outputs)
    found = _surest(_corners(rows[:, :4]), scores)
    return _without_overlaps(found, card.nms)


def _nanodet(card: Card, outputs: Sequence[np.ndarray]) -> Boxes:
    """[1, n, classes + 4 x bins]: scores, and a distribution over the distance to each side, in strides."""
    rows, classes = outputs[0][0], len(card.labels)
    height, width = card.size
    grids = [(-(-height // stride), -(-width // stride), stride) for stride in card.strides]
    bins, rest = divmod(rows.shape[-1] - classes, 4)
    if rows.ndim != 2 or rest or bins < 2 or len(rows) != sum(high * wide for high, wide, _ in grids):
        raise _unfit(card, outputs)
    centres = np.concatenate([
        (np.stack(np.meshgrid(np.arange(wide), np.arange(high)), -1).reshape(-1, 2) + card.offset) * stride
        for high, wide, stride in grids
    ])  # fmt: skip
    strides = np.concatenate([np.full(high * wide, stride) for high, wide, stride in grids])
    logits = rows[:, classes:].reshape(len(rows), 4, bins)
    odds = np.exp(logits - logits.max(axis=2, keepdims=True))
    distance = (odds @ np.arange(bins) / odds.sum(axis=2)) * strides[:, None]
    corners = np.concatenate([centres - distance[:, :2], centres + distance[:, 2:]], axis=1)
    return _surest(corners, rows[:, :classes])


def _detr(card: Card, outputs: Sequence[np.ndarray]) -> Boxes:
    """Logits [1, n, classes (+ 1)] and boxes [1, n, 4]: centre and size as shares of the input."""
    classes = len(card.labels)
    nothing = card.activation == "softmax"
    orders = [(outputs[0], outputs[1]), (outputs[1], outputs[0])] if len(outputs) > 1 else []
    fits = ((one[0], two[0]) for one, two in orders if _are_detr(one, two, classes + nothing))
    logits, boxes = next(fits, (None, None))  # as DETR is exported, logits come first
    if logits is None or boxes is None:
        raise _unfit(card, outputs)
    if nothing:
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores = (odds / odds.sum(axis=1, keepdims=True))[:, :classes]
    else:
        scores = 1 / (1 + np.exp(-logits))
    height, width = card.size
    return _surest(_corners(boxes * np.array([width, height, width, height], np.float32)), scores)


def _are_detr(logits: np.ndarray, boxes: np.ndarray, columns: int) -> bool:
    same = logits.shape[:-1] == boxes.shape[:-1]
    return same and logits.ndim == 3 and logits.shape[-1] == columns and boxes.shape[-1] == 4


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Centre and size [n, 4] → corners."""
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def _surest(corners: np.ndarray, scores: np.ndarray) -> Boxes:
    """Each box with its surest class, where that is sure enough to be kept."""
    classes = scores.argmax(axis=1)
    best = scores[np.arange(len(scores)), classes]
    kept = best >= LEAST_SCORE
    return Boxes(corners[kept].astype(np.float32), best[kept].astype(np.float32), classes[kept])


def _without_overlaps(found: Boxes, limit: float) -> Boxes:
    import torch
    from torchvision.ops import batched_nms

    corners, scores, classes = (torch.from_numpy(np.ascontiguousarray(part)) for part in found)
    kept = batched_nms(corners, scores, classes, limit).numpy()
    return Boxes(found.corners[kept], found.scores[kept], found.classes[kept])


def _unfit(card: Card, outputs: Sequence[np.ndarray]) -> DetectorError:
    shapes = ", ".join(str(list(one.shape)) for one in outputs)
    return DetectorError(
        f"The model's output {shapes} is not that of decoder {card.decoder} with {len(card.labels)} classes. Check "
        "`decoder`, `labels` and `size` in its card."
    )
