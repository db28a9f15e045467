"""The text side of an encoder lies in the space of its pictures, and an encoder without one says so."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.encoders.registry import parse_spec
from pipeline.adapters.encoders.text import open_text_encoder
from pipeline.errors import EncoderError
from pipeline.service.encoders import Encoders
from pipeline.settings import Settings
from pipeline.steps.project import Project


def reading_clip(folder: Path) -> str:
    """A spec of a small open_clip model with random weights and the whole vocabulary."""
    import open_clip
    import torch

    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 64, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    name = f"reading-{folder.name}"
    (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    torch.save(open_clip.create_model(name).state_dict(), folder / "weights.pt")
    return f"open_clip:{name}/{folder / 'weights.pt'}"


def test_words_become_the_models_own_text_vectors(tmp_path: Path) -> None:
    import open_clip
    import torch

    spec = reading_clip(tmp_path)
    encoder = open_text_encoder(spec)
    found = encoder.encode(["a white post", "a red cap"])
    parsed = parse_spec(spec)
    model = open_clip.create_model(parsed.model, pretrained=parsed.weights, pretrained_image=False).eval()
    with torch.inference_mode():
        wanted = model.encode_text(open_clip.get_tokenizer(parsed.model)(["a white post", "a red cap"])).numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(found, wanted, atol=1e-5)
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "encoder": {"spec": spec}})
    assert np.allclose(Encoders(Project(settings)).text("a red cap"), found[1], atol=1e-5)


def test_an_encoder_that_cannot_read_is_told_with_the_command_that_brings_one() -> None:
    with pytest.raises(EncoderError, match=r"image-cluster run --encoder open_clip:ViT-B-32/laion2b_s34b_b79k"):
        open_text_encoder("packaged:efficientnet_lite0")


def test_a_tokenizer_that_lacks_a_library_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    def lacks(_name: str) -> None:
        raise ImportError("SentencePiece is needed for this tokenizer")

    spec = reading_clip(tmp_path)
    monkeypatch.setattr(open_clip, "get_tokenizer", lacks)
    with pytest.raises(EncoderError, match="SentencePiece is needed"):
        open_text_encoder(spec)
