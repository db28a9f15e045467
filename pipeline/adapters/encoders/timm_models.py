"""DINOv2, ConvNeXt, ViT and hundreds more, through timm.

What belongs here: loading a model by name, from the hub or from a checkpoint, without its classifier, and its
preprocessing. Not here: running it (`runtime.py`).
"""

import difflib
import math
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.adapters.encoders.hub import hub
from pipeline.adapters.encoders.preprocess import Preprocessing, checked
from pipeline.adapters.encoders.source import Loaded, Source
from pipeline.errors import EncoderError, UnknownNameError

FEATURE = "output without classifier"


def source(spec: str, name: str, checkpoint: str | None) -> Source:
    """The model `name`, with its pretrained weights or those of the file `checkpoint`."""
    weights = Path(checkpoint).expanduser() if checkpoint is not None else None
    if weights is not None and not weights.is_file():
        raise EncoderError(f"{spec} names the checkpoint {weights}, and there is no such file.")
    return Source(spec, name, FEATURE, weights, ("timm", "torch"), partial(_load, spec, name, weights))


def _load(spec: str, name: str, weights: Path | None) -> Loaded:
    _check(spec, name)
    import timm

    try:
        with nullcontext() if weights else hub(spec):
            model: Any = timm.create_model(name, pretrained=True, **(_from_file(name, weights) if weights else {}))
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        detail = " ".join(str(error).split())[:300]
        raise EncoderError(f"The checkpoint {weights} does not fit {name}: {detail}") from error
    preprocessing = _preprocessing(spec, model)
    # only now: if created without classifier, timm loads loosely and accepts a wrong checkpoint
    model.reset_classifier(0)
    return Loaded(model.eval(), preprocessing)


def _from_file(name: str, weights: Path) -> dict[str, Any]:
    """Arguments that load `weights` strictly, with as many classes as its classifier has."""
    from timm.models import get_pretrained_cfg, load_state_dict

    config: Any = get_pretrained_cfg(name)
    state: dict[str, Any] = load_state_dict(str(weights), weights_only=True)
    head = state.get(f"{config.classifier}.weight") if config and isinstance(config.classifier, str) else None
    overlay: dict[str, Any] = {"file": str(weights)}
    if head is None:
        return {"pretrained_cfg_overlay": overlay}
    classes = int(head.shape[0])
    return {"pretrained_cfg_overlay": overlay | {"num_classes": classes}, "num_classes": classes}


def _check(spec: str, name: str) -> None:
    import timm

    if timm.is_model(name.split(".", maxsplit=1)[0]):
        return
    models: list[str] = timm.list_models() + timm.list_models(pretrained=True)
    near = difflib.get_close_matches(name, models, n=3, cutoff=0.4)
    raise UnknownNameError(f"{spec}: timm has no model {name!r}. Near: {', '.join(near) or 'none'}.")


def _preprocessing(spec: str, model: Any) -> Preprocessing:
    from timm.data.config import resolve_model_data_config

    config: dict[str, Any] = resolve_model_data_config(model)
    _, height, width = config["input_size"]
    share = config["crop_pct"]
    resized = (math.floor(height / share), math.floor(width / share))
    mode = "shortest" if config["crop_mode"] == "center" else str(config["crop_mode"])
    return checked(
        model=spec, mode=mode, resize=resized, crop=(height, width), interpolation=config["interpolation"],
        mean=tuple(config["mean"]), std=tuple(config["std"]),
    )  # fmt: skip
