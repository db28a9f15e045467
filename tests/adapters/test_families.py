"""The recommended families, each through its real loading code, from a checkpoint with random weights.

The networks are the real ones where they are small, else the family's own parts in a small size.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.encoders.registry import open_encoder, parse_spec
from pipeline.adapters.encoders.text import open_text_encoder
from tests.adapters.test_encoders import cosines, reference, tiny_timm, vectors

TIMM = ("vit_small_patch14_dinov2", "vit_small_patch16_dinov3", "convnext_atto")


@pytest.mark.parametrize("name", TIMM)
def test_dinov2_dinov3_and_convnext_give_the_vectors_of_timms_own_transform(name: str, tmp_path: Path) -> None:
    import timm.data

    spec, model = tiny_timm(tmp_path, name)
    encoder = open_encoder(spec, device="cpu")
    config: dict[str, Any] = timm.data.resolve_model_data_config(model)  # pyright: ignore[reportPrivateImportUsage]
    transform: Any = timm.data.create_transform(**config, is_training=False)  # pyright: ignore[reportPrivateImportUsage]
    model.reset_classifier(0)
    assert encoder.dimension == model.num_features
    assert cosines(vectors(encoder), reference(transform, model)).min() > 0.999


def checkpoint(folder: Path, base: str, **vision: Any) -> str:
    """A spec of the open_clip model `base` in a small size, with random weights and CLIP's tokenizer."""
    import open_clip
    import torch

    config: Any = open_clip.get_model_config(base)
    config["vision_cfg"] |= vision
    text = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1}
    config["text_cfg"] = {**config["text_cfg"], **text, "hf_tokenizer_name": None, "tokenizer_kwargs": None}
    config["text_cfg"] = {name: value for name, value in config["text_cfg"].items() if value is not None}
    name = f"{base.replace('SigLIP2', 'sigmoid')}-{folder.name}"  # open_clip fetches a tokenizer for names with siglip
    (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    torch.save(open_clip.create_model(name).state_dict(), folder / "weights.pt")
    return f"open_clip:{name}/{folder / 'weights.pt'}"


@pytest.mark.parametrize(
    ("base", "vision"),
    [
        ("ViT-B-32", {"layers": 2, "width": 64}),
        ("ViT-B-16-SigLIP2", {"timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "linear"}),
        ("MobileCLIP2-S0", {}),
    ],
    ids=["one", "two", "three"],
)
def test_models_that_read_give_the_vectors_of_open_clips_own_transform(
    base: str, vision: dict[str, Any], tmp_path: Path
) -> None:
    import open_clip

    spec = checkpoint(tmp_path, base, **vision)
    encoder = open_encoder(spec, device="cpu")
    parsed = parse_spec(spec)
    made: Any = open_clip.create_model_and_transforms(parsed.model, pretrained=parsed.weights)
    model, _, transform = made
    assert cosines(vectors(encoder), reference(transform, model.eval().encode_image)).min() > 0.999
    words = open_text_encoder(spec)
    found = words.encode(["a red post"])
    assert found.shape == (1, encoder.dimension)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-4)
    assert words.scale > 0
