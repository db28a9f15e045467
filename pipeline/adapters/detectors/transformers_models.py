"""OWLv2 and Grounding DINO, which find what words say; DETR, RT-DETR and others with fixed classes.

What belongs here: loading one by the library transformers, from the hub or a folder, and running it. Not here: other
libraries (`torchvision_models.py`, `onnx_file.py`).

The words are `objects.labels`. Preprocessing and boxes are the library's own.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.adapters.detectors.pixels import corners, shrunk
from pipeline.adapters.detectors.words import fingerprint, nearest_word
from pipeline.adapters.encoders.hub import hub
from pipeline.adapters.encoders.source import module_digest
from pipeline.adapters.encoders.text import INSTALL
from pipeline.errors import DetectorError
from pipeline.stages.objects.boxes import Found
from pipeline.stages.objects.detector import LEAST_SCORE

MOST_SIDE = 2048  # pixels; more than any of these models looks at
INSTEAD = "name a folder on this machine instead (transformers:FOLDER), or use salient:, which needs no hub"


@dataclass(frozen=True)
class TransformersDetector:
    """A detector (`stages.objects.Detector`); `words` are empty for a model with classes of its own."""

    name: str
    fingerprint: str
    device: str
    words: tuple[str, ...]
    model: Any
    processor: Any
    kind: str

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3], shrunk if it is larger than any of these models looks at."""
        return shrunk(pixels, MOST_SIDE)

    def detect(self, prepared: np.ndarray) -> list[Found]:
        import torch

        height, width = prepared.shape[:2]
        text = {"text": [list(self.words)]} if self.words else {}
        inputs: Any = self.processor(images=[prepared], return_tensors="pt", **text).to(self.kind)
        with torch.inference_mode():
            outputs: Any = self.model(**inputs)
        given: dict[str, Any] = {"threshold": LEAST_SCORE, "target_sizes": [(height, width)]}
        if self.words:
            read: Any = self.processor.post_process_grounded_object_detection
            (result,) = read(outputs, text_labels=[list(self.words)], **given)
            labels = [nearest_word(str(label), self.words) for label in result["text_labels"]]
        else:
            (result,) = self.processor.post_process_object_detection(outputs, **given)
            named: Any = self.model.config.id2label
            labels = [str(named[int(label)]) for label in result["labels"]]
        found = zip(result["boxes"].cpu().numpy(), labels, result["scores"].tolist(), strict=True)
        return [Found(corners(box, width, height), label, float(score), self.name) for box, label, score in found]


def load(spec: str, name: str, words: tuple[str, ...], device: str) -> TransformersDetector:
    """The detector of a hub's name or a folder, on a device of torch. Raises `DetectorError`."""
    try:
        import transformers
        from transformers.models.auto import modeling_auto
    except ImportError as error:
        raise DetectorError(f"{spec} needs the package transformers. {INSTALL}") from error
    folder = Path(name).expanduser()
    library: Any = transformers
    with _folder(spec, folder) if folder.is_dir() else hub(spec, INSTEAD):
        place = str(folder) if folder.is_dir() else name
        config: Any = library.AutoConfig.from_pretrained(place)
        by_words = config.model_type in modeling_auto.MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION_MAPPING_NAMES
        if by_words and not words:
            raise DetectorError(
                f"{spec} ({config.model_type}) finds what words say, and objects.labels is empty. Name what to look "
                "for, such as `labels: [bollard, road post]`."
            )
        kind: Any = library.AutoModelForZeroShotObjectDetection if by_words else library.AutoModelForObjectDetection
        reader: Any = library.AutoProcessor if by_words else library.AutoImageProcessor
        model: Any = kind.from_pretrained(place).eval().to(device)
        processor: Any = reader.from_pretrained(place)
    used = words if by_words else ()
    reading: Any = getattr(processor, "image_processor", processor)
    digest = fingerprint(module_digest(model), used, config.id2label, reading.to_dict())
    return TransformersDetector(spec, digest, f"{device.upper()} (torch, fp32)", used, model, processor, device)


@contextmanager
def _folder(spec: str, folder: Path) -> Generator[None]:
    """Loading from a folder. Raises `DetectorError` if it holds no detector that can be used."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        detail = " ".join(str(error).split())[:300]
        raise DetectorError(f"{spec}: the folder {folder} holds no detector that can be loaded: {detail}") from error
