"""The names of detectors, and opening one.

What belongs here: parsing a spec, and opening its detector. Not here: the families (the files beside this one), boxes
beside the images, which need no model (`steps/annotated.py`).
"""

import difflib
import threading
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.detectors import salient, words
from pipeline.adapters.encoders import registry as encoders
from pipeline.adapters.encoders.runtime import choose_device
from pipeline.errors import DetectorError, UnknownNameError
from pipeline.runtime.torch_threads import INSTALL, has_torch
from pipeline.runtime.versions import version_of
from pipeline.stages.objects.detector import Detector

FAMILIES = {
    "salient": f"salient: or salient:NAME with {', '.join(salient.NAMES)}",
    "torchvision": "torchvision:NAME[@CHECKPOINT]",
    "transformers": "transformers:NAME_OR_FOLDER",
    "onnx": "onnx:FILE",
}
ANNOTATIONS = "annotations:[coco|yolo|voc|manifest]"
LIBRARIES = {"torchvision": ("torchvision", "torch"), "transformers": ("transformers", "torch"), "onnx": ("openvino",)}
_OPENING = threading.Lock()


@dataclass(frozen=True)
class Spec:
    """The parts of a spec; `file` is a checkpoint, an ONNX file or a folder, None for the model's own weights."""

    family: str
    model: str
    file: Path | None


def parse_spec(spec: str) -> Spec:
    """Parse the spec of a model. Raises `UnknownNameError`."""
    family, colon, rest = spec.partition(":")
    if family not in FAMILIES or not colon:
        near = difflib.get_close_matches(family, [*FAMILIES, "annotations"], n=1)
        hint = f" Did you mean {near[0]}:?" if near else ""
        known = "; ".join([ANNOTATIONS, *FAMILIES.values()])
        raise UnknownNameError(f"There is no detector {spec!r}.{hint} Detectors are: {known}.")
    if family == "salient":
        name = rest or salient.DEFAULT
        if name not in salient.NAMES:
            raise UnknownNameError(f"There is no detector {spec!r}. Write {FAMILIES[family]}.")
        return Spec(family, name, None)
    model, at, checkpoint = rest.partition("@") if family == "torchvision" else (rest, "", "")
    if not model or (at and not checkpoint):
        raise UnknownNameError(f"{spec!r} is incomplete: write {FAMILIES[family]}.")
    if family == "torchvision":
        return Spec(family, model, Path(checkpoint).expanduser() if checkpoint else None)
    path = Path(model).expanduser()
    return Spec(family, model, path if family == "onnx" or path.is_dir() else None)


def detector_identity(spec: str, labels: tuple[str, ...]) -> str:
    """A text that changes whenever the boxes may change. Loads nothing.

    Raises `UnknownNameError`, and `EncoderError` if a package is missing.
    """
    parsed = parse_spec(spec)
    if parsed.family == "salient":
        source = salient.source(spec, parsed.model)
        return f"{encoders.source_identity(source)} | {source.feature}"
    parts = [str(words.CODE), spec, *(f"{name} {version_of(name)}" for name in LIBRARIES[parsed.family])]
    if parsed.family == "transformers":
        parts += labels  # the words that it looks for
    for path in _files(parsed.file):
        status = path.stat()
        parts.append(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}")
    return " | ".join(parts)


def open_detector(
    spec: str, *, labels: tuple[str, ...] = (), device: str = "auto", cache_dir: Path | None = None, threads: int = 0
) -> Detector:
    """Load a model, ready to run. `labels` are the words for models that look for words; `threads` 0: all cores.

    Raises `UnknownNameError`, `DetectorError`, `EncoderError`.
    """
    parsed = parse_spec(spec)
    if parsed.family != "salient" and not has_torch():
        raise DetectorError(f"{spec} needs torch, which is not installed. {INSTALL} salient: does without.")
    with _OPENING:
        if parsed.family == "onnx":
            from pipeline.adapters.detectors import onnx_file

            return onnx_file.load(spec, parsed.file or Path(parsed.model), threads)
        if parsed.family == "torchvision":
            from pipeline.adapters.detectors import torchvision_models

            return torchvision_models.load(spec, parsed.model, parsed.file, choose_device(device))
        if parsed.family == "transformers":
            from pipeline.adapters.detectors import transformers_models

            return transformers_models.load(spec, parsed.model, labels, choose_device(device))
    source = salient.source(spec, parsed.model)
    model = encoders.open_source(source, device=device, cache_dir=cache_dir, threads=threads)
    return salient.SalientRegion(spec, model)


def _files(place: Path | None) -> list[Path]:
    """The files whose change may change a model: itself, and those beside it that describe it."""
    if place is None:
        return []
    if place.is_dir():
        return sorted(path for path in place.iterdir() if path.is_file())
    return [path for path in (place, place.with_suffix(".yaml"), place.with_suffix(".txt")) if path.exists()]
