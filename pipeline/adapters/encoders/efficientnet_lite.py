"""EfficientNet-lite as a torch module, read from its weights.

What belongs here: the network. Not here: where the weights are, preprocessing (`packaged.py`), running (`runtime.py`).

Tan, Le (2019), "EfficientNet", and TensorFlow's lite variants: no squeeze-and-excitation, ReLU6. timm has the same
network, but importing timm takes as long as importing torch, and tracing its 550 modules takes as long again. Here it
is one module, whose vectors are timm's to the last bit (`tests/adapters/test_encoders.py`).
"""

from dataclasses import dataclass
from typing import Any, Literal

STRIDES = (1, 2, 2, 2, 1, 2, 1)  # of the first block of each stage
GEM_EXPONENT = 3.0  # Radenović, Tolias, Chum (2018), "Fine-tuning CNN image retrieval with no human annotation"
TINY = 1e-12  # instead of the root of 0, whose slope is infinite
Pooling = Literal["mean", "gem", "where"]
EPSILON = 1e-3  # of batch normalisation in TensorFlow's models


@dataclass(frozen=True)
class Block:
    """An inverted residual block; `prefix` is that of its weights."""

    prefix: str
    expands: bool
    stride: int
    residual: bool


def blocks_of(state: dict[str, Any]) -> list[Block]:
    """The blocks that these weights belong to. A stage ends where the number of channels changes."""
    blocks: list[Block] = []
    stage, before = -1, 0
    while f"_blocks.{len(blocks)}._project_conv.weight" in state:
        prefix = f"_blocks.{len(blocks)}."
        channels = int(state[f"{prefix}_project_conv.weight"].shape[0])
        stage += channels != before
        stride = STRIDES[stage] if channels != before else 1
        expands = f"{prefix}_expand_conv.weight" in state
        blocks.append(Block(prefix, expands, stride, channels == before))
        before = channels
    return blocks


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after `size` pixels, as TensorFlow pads: one more after where they are odd."""
    whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return whole // 2, whole - whole // 2


def pooled(features: Any, pooling: Pooling) -> Any:
    """A feature map of values from 0 on, float32 [n, channels, rows, columns] → float32 [n, channels].

    `gem` is the generalised mean with the exponent `GEM_EXPONENT`. `where` says not what is seen but where: the sum of
    all channels, float32 [n, rows x columns].
    """
    if pooling == "where":
        return features.sum(1).flatten(1)
    if pooling == "gem":
        return features.pow(GEM_EXPONENT).mean((2, 3)).clamp(min=TINY).pow(1 / GEM_EXPONENT)
    return features.mean((2, 3))


def network(state: dict[str, Any], pooling: Pooling = "mean") -> Any:
    """The module in eval mode: float32 [n, 3, H, W] → its last feature map, pooled, float32 [n, channels].

    `state` has TensorFlow's names of the weights, as in the packages.
    """
    import torch
    from torch.nn import functional

    class EfficientNetLite(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.blocks = blocks_of(state)
            for name, value in state.items():
                self.register_buffer(name.replace(".", "/"), value)

        def _convolve(self, images: Any, convolution: str, normalisation: str, stride: int = 1) -> Any:
            weight: Any = self._buffers[f"{convolution}/weight"]
            kernel = int(weight.shape[-1])
            rows, columns = (same_padding(int(size), kernel, stride) for size in images.shape[2:])
            padding = (rows[0], columns[0])
            if rows[0] != rows[1] or columns[0] != columns[1]:
                images, padding = functional.pad(images, (*columns, *rows)), (0, 0)
            groups = int(images.shape[1]) // int(weight.shape[1])
            images = functional.conv2d(images, weight, None, stride, padding, 1, groups)
            own: Any = [self._buffers[f"{normalisation}/{part}"] for part in ("running_mean", "running_var")]
            scale: Any = [self._buffers[f"{normalisation}/{part}"] for part in ("weight", "bias")]
            return functional.batch_norm(images, *own, *scale, training=False, eps=EPSILON)

        def feature_maps(self, images: Any) -> tuple[Any, Any]:
            """The map before the stride is 32, and the last one, each float32 [n, channels, rows, columns]."""
            images = functional.relu6(self._convolve(images, "_conv_stem", "_bn0", 2))
            middle = images
            for block in self.blocks:
                before, prefix = images, block.prefix.replace(".", "/")
                if block.stride > 1:
                    middle = images
                if block.expands:
                    images = functional.relu6(self._convolve(images, f"{prefix}_expand_conv", f"{prefix}_bn0"))
                depthwise = self._convolve(images, f"{prefix}_depthwise_conv", f"{prefix}_bn1", block.stride)
                images = self._convolve(functional.relu6(depthwise), f"{prefix}_project_conv", f"{prefix}_bn2")
                if block.residual:
                    images = images + before
            return middle, functional.relu6(self._convolve(images, "_conv_head", "_bn1"))

        def forward(self, images: Any) -> Any:
            return pooled(self.feature_maps(images)[1], pooling)

    return EfficientNetLite().eval()
