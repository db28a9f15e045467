"""The encoders that we recommend, with what is known of each without loading it.

What belongs here: a row per recommended encoder, and whether its weights are on this machine. Not here: loading
(`registry.py`), how fast an encoder is (`speed.py`). Any other model of open_clip or timm works too; docs/encoders.md
has the published figures and their sources.

Licences are those of the weights as their publishers state them: a licence of the code around them says nothing.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.encoders import packaged
from pipeline.adapters.encoders.registry import parse_spec
from pipeline.errors import EncoderError

WEIGHTS = (".safetensors", ".bin", ".pt", ".pth")


@dataclass(frozen=True)
class Choice:
    """One encoder. `megabytes`: of its weights, as installed or downloaded (32-bit). `is_open`: whether the licence of
    the weights is an open one. `reads`: whether it has a text side. `hub`: the repository of its weights."""

    spec: str
    family: str
    dimension: int
    megabytes: int
    licence: str
    is_open: bool = True
    reads: bool = False
    hub: str | None = None


_DINOV3 = "DINOv3 License"
_APPLE = "apple-amlr"

SHORTLIST = (
    Choice("packaged:efficientnet_lite0", "EfficientNet-lite", 1280, 19, "Apache-2.0"),
    Choice("packaged:efficientnet_lite0_gem", "EfficientNet-lite", 1280, 19, "Apache-2.0"),
    Choice("packaged:efficientnet_lite1", "EfficientNet-lite", 1280, 22, "Apache-2.0"),
    Choice("packaged:efficientnet_lite1_gem", "EfficientNet-lite", 1280, 22, "Apache-2.0"),
    Choice("packaged:efficientnet_lite2", "EfficientNet-lite", 1280, 25, "Apache-2.0"),
    Choice("packaged:efficientnet_lite2_gem", "EfficientNet-lite", 1280, 25, "Apache-2.0"),
    Choice(
        "timm:vit_small_patch14_dinov2.lvd142m", "DINOv2", 384, 88, "Apache-2.0",
        hub="timm/vit_small_patch14_dinov2.lvd142m",
    ),
    Choice(
        "timm:vit_base_patch14_dinov2.lvd142m", "DINOv2", 768, 346, "Apache-2.0",
        hub="timm/vit_base_patch14_dinov2.lvd142m",
    ),
    Choice(
        "timm:vit_small_patch16_dinov3.lvd1689m", "DINOv3", 384, 86, _DINOV3, is_open=False,
        hub="timm/vit_small_patch16_dinov3.lvd1689m",
    ),
    Choice(
        "timm:vit_base_patch16_dinov3.lvd1689m", "DINOv3", 768, 343, _DINOV3, is_open=False,
        hub="timm/vit_base_patch16_dinov3.lvd1689m",
    ),
    Choice(
        "timm:convnext_tiny.fb_in22k", "ConvNeXt", 768, 178, "Apache-2.0", hub="timm/convnext_tiny.fb_in22k",
    ),
    Choice(
        "timm:convnext_small.fb_in22k", "ConvNeXt", 768, 265, "Apache-2.0", hub="timm/convnext_small.fb_in22k",
    ),
    Choice(
        "open_clip:ViT-B-32/laion2b_s34b_b79k", "CLIP", 512, 605, "MIT", reads=True,
        hub="laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
    ),
    Choice(
        "open_clip:ViT-B-16/datacomp_xl_s13b_b90k", "CLIP", 512, 598, "MIT", reads=True,
        hub="laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K",
    ),
    Choice(
        "open_clip:ViT-B-16-SigLIP/webli", "SigLIP", 768, 813, "Apache-2.0", reads=True, hub="timm/ViT-B-16-SigLIP",
    ),
    Choice(
        "open_clip:ViT-B-16-SigLIP2/webli", "SigLIP 2", 768, 1501, "Apache-2.0", reads=True,
        hub="timm/ViT-B-16-SigLIP2",
    ),
    Choice(
        "open_clip:MobileCLIP-S1/datacompdr", "MobileCLIP", 512, 340, _APPLE, is_open=False, reads=True,
        hub="apple/MobileCLIP-S1-OpenCLIP",
    ),
    Choice(
        "open_clip:MobileCLIP2-S0/dfndr2b", "MobileCLIP 2", 512, 299, _APPLE, is_open=False, reads=True,
        hub="timm/MobileCLIP2-S0-OpenCLIP",
    ),
)  # fmt: skip


def weights_here(spec: str) -> bool | None:
    """Whether the weights of a spec are on this machine; None if that shows only on loading it. Loads nothing.

    Raises `UnknownNameError` for a spec that is none.
    """
    parsed = parse_spec(spec)
    if parsed.family == "packaged":
        return _is_installed(spec, parsed.model)
    if parsed.weights is not None and Path(parsed.weights).expanduser().is_file():
        return True
    known = next((choice for choice in SHORTLIST if choice.spec == spec), None)
    return None if known is None or known.hub is None else in_hub_cache(known.hub)


def _is_installed(spec: str, name: str) -> bool:
    try:
        packaged.source(spec, name)
    except EncoderError:
        return False
    return True


def in_hub_cache(repository: str) -> bool:
    """Whether the hub's cache holds weights of a repository such as timm/ViT-B-16-SigLIP."""
    snapshots = hub_cache() / f"models--{repository.replace('/', '--')}" / "snapshots"
    return any(path.suffix in WEIGHTS for path in snapshots.glob("*/*"))


def hub_cache() -> Path:
    """Where the hub's client keeps what it fetched. As `huggingface_hub.constants`, whose import takes a second."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "huggingface"
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(named or Path(os.environ.get("HF_HOME", cache)) / "hub").expanduser()
