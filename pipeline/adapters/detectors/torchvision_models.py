"""Faster R-CNN, RetinaNet, SSDlite, FCOS: the detectors of torchvision.

What belongs here: building one by name, with the weights of its library or of a file, and running it. Not here: other
libraries (`transformers_models.py`, `onnx_file.py`).

A file holds a state dict, alone or under "model" as torchvision's reference training writes it. The number of classes
is read from it. The names of classes are the lines of a text file beside it, `CHECKPOINT.txt`, without the background.
"""

import argparse
import difflib
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.detectors.pixels import corners, shrunk
from pipeline.adapters.detectors.words import class_name, fingerprint, lines
from pipeline.adapters.encoders.source import file_digest, module_digest
from pipeline.errors import DetectorError, UnknownNameError
from pipeline.stages.objects.boxes import Found

CLASSES = 91  # of COCO, with the background
ROOM = 2  # an image is kept at so many times the side that the model shrinks it to
_CLASSIFIERS = (
    "box_predictor.cls_score.weight",
    "classification_head.cls_logits.weight",
    "classification_head.module_list.0.weight",
    "classification_head.module_list.0.1.weight",
)


@dataclass(frozen=True)
class TorchvisionDetector:
    """A detector (`stages.objects.Detector`); `labels` are the names of classes by number, the background first."""

    name: str
    fingerprint: str
    device: str
    labels: tuple[str, ...]
    module: Any
    kind: str

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3], shrunk if it is far larger than the model's input; the model does the rest."""
        transform: Any = self.module.transform
        return shrunk(pixels, ROOM * int(max(transform.max_size, *transform.min_size)))

    def detect(self, prepared: np.ndarray) -> list[Found]:
        import torch

        image = torch.from_numpy(prepared).to(self.kind).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            (result,) = self.module([image])
        height, width = prepared.shape[:2]
        rows = zip(result["boxes"].cpu().numpy(), result["labels"].tolist(), result["scores"].tolist(), strict=True)
        return [
            Found(corners(box, width, height), class_name(self.labels, label), float(score), self.name)
            for box, label, score in rows
        ]


def load(spec: str, name: str, checkpoint: Path | None, device: str) -> TorchvisionDetector:
    """The detector `name` on a device of torch. Raises `DetectorError` and `UnknownNameError`."""
    check(spec, name)
    module, labels = _from_file(spec, name, checkpoint) if checkpoint else _from_library(spec, name)
    weights = file_digest(checkpoint) if checkpoint else module_digest(module)
    module = module.eval().to(device)
    return TorchvisionDetector(
        spec, fingerprint(weights, labels), f"{device.upper()} (torch, fp32)", labels, module, device
    )


def check(spec: str, name: str) -> None:
    """Raises `UnknownNameError` if torchvision has no such detector."""
    from torchvision.models import detection, list_models

    names: list[str] = list_models(module=detection)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.3)
        raise UnknownNameError(
            f"{spec}: torchvision has no detector {name!r}. Near: {', '.join(near) or 'none'}. All: {', '.join(names)}."
        )


def _from_library(spec: str, name: str) -> tuple[Any, tuple[str, ...]]:
    from torchvision.models import get_model, get_model_weights

    weights: Any = list(get_model_weights(name))[-1]
    try:
        return get_model(name, weights=weights, weights_backbone=None), tuple(weights.meta["categories"])
    except OSError as error:
        raise DetectorError(
            f"The weights of {spec} cannot be fetched from torchvision's server: {error}. Connect once, or name a "
            f"checkpoint on this machine: torchvision:{name}@FILE."
        ) from error


def _from_file(spec: str, name: str, checkpoint: Path) -> tuple[Any, tuple[str, ...]]:
    import torch
    from torchvision.models import get_model, get_model_weights

    if not checkpoint.is_file():
        raise DetectorError(f"{spec} names the checkpoint {checkpoint}, and there is no such file.")
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # in what torchvision's training script writes
            stored: Any = torch.load(checkpoint, map_location="cpu", weights_only=True)
        state: dict[str, Any] = stored.get("model", stored)
        module: Any = get_model(name, weights=None, weights_backbone=None, num_classes=_classes(name, state))
        module.load_state_dict(state)
    except pickle.UnpicklingError as error:
        raise DetectorError(
            f"The checkpoint {checkpoint} is damaged, or holds more than weights, and loading it might run code. Save "
            "the weights alone: torch.save(model.state_dict(), FILE)."
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, LookupError, AttributeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise DetectorError(f"The checkpoint {checkpoint} does not fit {name}: {detail}") from error
    named = lines(checkpoint.with_suffix(".txt"))
    if not named and _classes(name, state) == CLASSES:
        known: Any = list(get_model_weights(name))[-1]
        return module, tuple(known.meta["categories"])
    return module, ("__background__", *named) if named else ()


def _classes(name: str, state: dict[str, Any]) -> int:
    """The number of classes that a state dict was trained for, from the size of its classifier."""
    from torchvision.models import get_model

    usual: dict[str, Any] = get_model(name, weights=None, weights_backbone=None, num_classes=2).state_dict()
    key = next((key for key in usual if key.endswith(_CLASSIFIERS)), "")
    if key not in state:
        raise LookupError(f"it has no {key or 'classifier'}")
    per_class, rest = divmod(int(usual[key].shape[0]), 2)
    if rest or int(state[key].shape[0]) % per_class:
        raise ValueError(f"its {key} has {int(state[key].shape[0])} rows, which is no whole number of classes")
    return int(state[key].shape[0]) // per_class
