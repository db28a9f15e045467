"""EfficientNet-lite, read from its weights: as a graph of OpenVINO, or as a torch module for a GPU.

What belongs here: the network. Not here: where the weights are, preprocessing (`packaged.py`), running (`runtime.py`).

Tan, Le (2019), "EfficientNet", and TensorFlow's lite variants: no squeeze-and-excitation, ReLU6. timm has the same
network, and OpenVINO can convert that, but importing torch and timm and tracing 550 modules takes longer than embedding
a thousand images. The network is written once, over `Operations`; its vectors are timm's to the last bit, and those of
the graph are those of the converted module (`tests/adapters/test_encoders.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from pipeline.adapters.encoders.preprocess import Preprocessing

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the first block of each stage
GEM_EXPONENT = 3.0  # Radenović, Tolias, Chum (2018), "Fine-tuning CNN image retrieval with no human annotation"
TINY = 1e-12  # instead of the root of 0, whose slope is infinite
LARGEST = float(np.finfo(np.float32).max)
Pooling = Literal["mean", "gem", "where"]
EPSILON = 1e-3  # of batch normalisation in TensorFlow's models

Weights = Mapping[str, Any]  # by TensorFlow's names, as in the packages
Normalisation = tuple[Any, Any, Any, Any]  # mean, variance, weight, bias
Sides = tuple[int, int]  # zeros before and after


class Operations(Protocol):
    """What the network is made of; images are [n, channels, rows, columns]."""

    def convolve(self, images: Any, weight: Any, stride: int, rows: Sides, columns: Sides) -> Any: ...

    def normalise(self, images: Any, normalisation: Normalisation) -> Any: ...

    def relu6(self, images: Any) -> Any: ...

    def add(self, one: Any, other: Any) -> Any: ...

    def size(self, images: Any) -> tuple[int, int]: ...


@dataclass(frozen=True)
class Block:
    """An inverted residual block; `prefix` is that of its weights."""

    prefix: str
    expands: bool
    stride: int
    residual: bool


def blocks_of(weights: Weights) -> list[Block]:
    """The blocks that these weights belong to. A stage ends where the number of channels changes."""
    blocks: list[Block] = []
    stage, before = -1, 0
    while f"_blocks.{len(blocks)}._project_conv.weight" in weights:
        prefix = f"_blocks.{len(blocks)}."
        channels = int(weights[f"{prefix}_project_conv.weight"].shape[0])
        stage += channels != before
        stride = STRIDES[stage] if channels != before else 1
        expands = f"{prefix}_expand_conv.weight" in weights
        blocks.append(Block(prefix, expands, stride, channels == before))
        before = channels
    return blocks


def same_padding(size: int, kernel: int, stride: int) -> Sides:
    """Zeros before and after `size` pixels, as TensorFlow pads: one more after where they are odd."""
    whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return whole // 2, whole - whole // 2


def feature_maps(do: Operations, images: Any, weights: Weights) -> tuple[Any, Any]:
    """The map before the stride is 32, and the last one, each float32 [n, channels, rows, columns]."""

    def convolve(images: Any, convolution: str, normalisation: str, stride: int = 1) -> Any:
        weight = weights[f"{convolution}.weight"]
        rows, columns = (same_padding(size, int(weight.shape[-1]), stride) for size in do.size(images))
        mean, variance = (weights[f"{normalisation}.running_{part}"] for part in ("mean", "var"))
        scale, shift = (weights[f"{normalisation}.{part}"] for part in ("weight", "bias"))
        return do.normalise(do.convolve(images, weight, stride, rows, columns), (mean, variance, scale, shift))

    images = middle = do.relu6(convolve(images, "_conv_stem", "_bn0", 2))
    for block in blocks_of(weights):
        before, prefix = images, block.prefix
        if block.stride > 1:
            middle = images
        if block.expands:
            images = do.relu6(convolve(images, f"{prefix}_expand_conv", f"{prefix}_bn0"))
        depthwise = do.relu6(convolve(images, f"{prefix}_depthwise_conv", f"{prefix}_bn1", block.stride))
        images = convolve(depthwise, f"{prefix}_project_conv", f"{prefix}_bn2")
        if block.residual:
            images = do.add(images, before)
    return middle, do.relu6(convolve(images, "_conv_head", "_bn1"))


# --- OpenVINO --------------------------------------------------------------------------------------------------------


class OpenVinoOperations:
    """Operations on nodes of a graph; weights are numpy arrays."""

    def __init__(self) -> None:
        import openvino.opset13 as operations

        self.op: Any = operations

    def convolve(self, images: Any, weight: Any, stride: int, rows: Sides, columns: Sides) -> Any:
        begin, end = [rows[0], columns[0]], [rows[1], columns[1]]
        if begin != end:  # as in the torch module, so that both add up in the same order
            images = self.op.pad(images, [0, 0, *begin], [0, 0, *end], "constant", np.float32(0))
            begin = end = [0, 0]
        groups = int(images.get_output_shape(0)[1]) // int(weight.shape[1])
        if groups == 1:
            return self.op.convolution(images, weight, [stride] * 2, begin, end, [1, 1])
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        return self.op.group_convolution(images, grouped, [stride] * 2, begin, end, [1, 1])

    def normalise(self, images: Any, normalisation: Normalisation) -> Any:
        mean, variance, scale, shift = normalisation
        return self.op.batch_norm_inference(images, scale, shift, mean, variance, EPSILON)

    def relu6(self, images: Any) -> Any:
        return self.op.clamp(images, 0.0, 6.0)

    def add(self, one: Any, other: Any) -> Any:
        return self.op.add(one, other)

    def size(self, images: Any) -> tuple[int, int]:
        rows, columns = images.get_output_shape(0)[2:]
        return int(rows), int(columns)

    def pooled(self, features: Any, pooling: Pooling) -> Any:
        """As `pooled` of the torch module."""
        op, places = self.op, np.array([2, 3])
        if pooling == "where":
            return op.reshape(op.reduce_sum(features, np.array([1]), False), np.array([0, -1]), True)
        if pooling == "gem":
            powers = op.reduce_mean(op.power(features, np.float32(GEM_EXPONENT)), places, False)
            return op.power(op.clamp(powers, TINY, LARGEST), np.float32(1 / GEM_EXPONENT))
        return op.reduce_mean(features, places, False)


def graph(weights: Weights, preprocessing: Preprocessing, pooling: Pooling = "mean") -> Any:
    """The model as OpenVINO runs it: uint8 [1, 3, H, W] → float32 [1, channels], normalisation included."""
    import openvino

    do = OpenVinoOperations()
    images = do.op.parameter([1, 3, *preprocessing.crop], np.uint8)
    mean, std = (np.array(part, np.float32).reshape(1, 3, 1, 1) for part in (preprocessing.mean, preprocessing.std))
    normalised = do.op.divide(do.op.subtract(do.op.convert(images, "f32"), mean), std)
    vectors = do.pooled(feature_maps(do, normalised, weights)[1], pooling)
    make: Any = openvino.Model
    return make([vectors], [images], "efficientnet_lite")


# --- torch -----------------------------------------------------------------------------------------------------------


class TorchOperations:
    """Operations on tensors."""

    def __init__(self) -> None:
        from torch.nn import functional

        self.functional: Any = functional

    def convolve(self, images: Any, weight: Any, stride: int, rows: Sides, columns: Sides) -> Any:
        padding = (rows[0], columns[0])
        if rows[0] != rows[1] or columns[0] != columns[1]:
            images, padding = self.functional.pad(images, (*columns, *rows)), (0, 0)
        groups = int(images.shape[1]) // int(weight.shape[1])
        return self.functional.conv2d(images, weight, None, stride, padding, 1, groups)

    def normalise(self, images: Any, normalisation: Normalisation) -> Any:
        return self.functional.batch_norm(images, *normalisation, training=False, eps=EPSILON)

    def relu6(self, images: Any) -> Any:
        return self.functional.relu6(images)

    def add(self, one: Any, other: Any) -> Any:
        return one + other

    def size(self, images: Any) -> tuple[int, int]:
        rows, columns = images.shape[2:]
        return int(rows), int(columns)


def pooled(features: Any, pooling: Pooling) -> Any:
    """A feature map of values from 0 on, float32 [n, channels, rows, columns] → float32 [n, channels].

    `gem` is the generalised mean with the exponent `GEM_EXPONENT`. `where` keeps the places instead: the sum of all
    channels at each, float32 [n, rows x columns].
    """
    if pooling == "where":
        return features.sum(1).flatten(1)
    if pooling == "gem":
        return features.pow(GEM_EXPONENT).mean((2, 3)).clamp(min=TINY).pow(1 / GEM_EXPONENT)
    return features.mean((2, 3))


def network(weights: Mapping[str, np.ndarray], pooling: Pooling = "mean") -> Any:
    """The module in eval mode: float32 [n, 3, H, W] → its last feature map, pooled, float32 [n, channels]."""
    import torch

    class EfficientNetLite(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, value in weights.items():
                self.register_buffer(name.replace(".", "/"), torch.from_numpy(value.copy()))

        def feature_maps(self, images: Any) -> tuple[Any, Any]:
            named = {name.replace("/", "."): buffer for name, buffer in self.named_buffers()}
            return feature_maps(TorchOperations(), images, named)

        def forward(self, images: Any) -> Any:
            return pooled(self.feature_maps(images)[1], pooling)

    return EfficientNetLite().eval()
