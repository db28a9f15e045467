"""The image towers of CLIP, SigLIP and similar models, through open_clip.

What belongs here: loading a tower by model name and pretrained tag or checkpoint, and its preprocessing. Not here:
running it (`runtime.py`), text towers (`text.py`). The file is not called open_clip.py, so that `import open_clip` is
unambiguous.
"""

import difflib
import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.adapters.encoders.hub import hub
from pipeline.adapters.encoders.preprocess import Preprocessing, checked
from pipeline.adapters.encoders.source import Loaded, Source
from pipeline.errors import EncoderError, UnknownNameError

FEATURE = "encode_image"
DESCRIPTION = "open_clip_config.json"  # as open_clip saves it beside weights
PREPARED = ("mean", "std", "interpolation", "resize_mode")


def source(spec: str, model: str, pretrained: str) -> Source:
    """The image tower of `model` with the weights `pretrained`, a tag or the path of a checkpoint."""
    path = Path(pretrained).expanduser()
    weights = path if path.is_file() else None
    if weights is None and (path.is_absolute() or path.suffix in (".pt", ".pth", ".bin", ".safetensors")):
        raise EncoderError(f"{spec} names the checkpoint {path}, and there is no such file.")
    beside = "" if weights is None else _described_beside(spec, weights)
    load = partial(_load, spec, model, str(weights) if weights else pretrained, beside, local=weights is not None)
    return Source(spec, model, FEATURE, weights, ("open_clip_torch", "timm", "torch"), load, beside)


def _described_beside(spec: str, weights: Path) -> str:
    """The preprocessing, as JSON, that the description beside a checkpoint gives; "" where there is none."""
    path = weights.parent / DESCRIPTION
    if not path.is_file():
        return ""
    try:
        description: Any = json.loads(path.read_text(encoding="utf-8"))
        return json.dumps(description.get("preprocess_cfg") or {}, sort_keys=True)
    except (OSError, ValueError, AttributeError) as error:
        raise EncoderError(
            f"{spec}: {path} says how images are prepared for these weights, and cannot be read: {error}."
        ) from error


def _load(spec: str, model: str, pretrained: str, beside: str, *, local: bool) -> Loaded:
    _check(spec, model, None if local else pretrained)
    import open_clip

    try:
        with nullcontext() if local else hub(spec):
            # no base weights for either tower: the checkpoint contains both
            loaded: Any = open_clip.create_model(
                model, pretrained=pretrained, pretrained_image=False, pretrained_text=False, require_pretrained=True
            )
    except (OSError, RuntimeError, ValueError, LookupError, AssertionError) as error:
        detail = " ".join(str(error).split())[:300]
        raise EncoderError(f"The checkpoint {pretrained} does not fit {model}: {detail}") from error
    preparation = _preparation_of_checkpoint(model, beside) if local else {}
    return Loaded(_image_tower(loaded.eval()), _preprocessing(spec, loaded.visual.preprocess_cfg | preparation))


def _preparation_of_checkpoint(model: str, beside: str) -> dict[str, Any]:
    """How images are prepared for a checkpoint: as said beside it, else as for all published weights of its model.

    open_clip gives CLIP's own preprocessing to every checkpoint that is a file. SigLIP and MobileCLIP were trained with
    other colours, and SigLIP with pictures that are squashed, not cut.
    """
    import open_clip

    if beside:
        described: list[dict[str, Any]] = [json.loads(beside)]
    else:
        tags: list[str] = open_clip.list_pretrained_tags_by_model(model)
        described = [open_clip.get_pretrained_cfg(model, tag) for tag in tags]
    preparations = [{name: config[name] for name in PREPARED if config.get(name) is not None} for config in described]
    return preparations[0] if preparations and all(each == preparations[0] for each in preparations) else {}


def _check(spec: str, model: str, tag: str | None) -> None:
    import open_clip

    models: list[str] = open_clip.list_models()
    if model not in models:
        near = difflib.get_close_matches(model, models, n=3, cutoff=0.4)
        raise UnknownNameError(f"{spec}: open_clip has no model {model!r}. Near: {', '.join(near) or 'none'}.")
    tags: list[str] = open_clip.list_pretrained_tags_by_model(model)
    if tag is not None and tag not in [name.replace("-", "_").lower() for name in tags] and tag not in tags:
        near = difflib.get_close_matches(tag, tags, n=3, cutoff=0.4) or tags
        raise UnknownNameError(
            f"{spec}: {model} has no pretrained weights {tag!r}, and there is no such file. "
            f"Known: {', '.join(near) or 'none; name a checkpoint on this machine'}."
        )


def _preprocessing(spec: str, config: dict[str, Any]) -> Preprocessing:
    size = config["size"]
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    interpolation = "bilinear" if config["interpolation"] == "bilinear" else "bicubic"  # random means bicubic here
    return checked(
        model=spec, mode=config["resize_mode"], resize=(height, width), crop=(height, width),
        interpolation=interpolation, mean=tuple(config["mean"]), std=tuple(config["std"]),
    )  # fmt: skip


def _image_tower(model: Any) -> Any:
    """The image tower; drops the text tower of models that do not need it to encode an image."""
    import torch

    if type(model).__name__ in ("CLIP", "CustomTextCLIP"):
        return model.visual

    class EncodeImage(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, images: Any) -> Any:
            return self.model.encode_image(images)

    return EncodeImage().eval()
