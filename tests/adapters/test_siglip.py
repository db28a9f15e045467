"""SigLIP 2 under its own name: a picture squashed to a square, a tokenizer of its own, from the hub and from a file.

The network is small and random; its name, its settings in open_clip and the class of its tokenizer are the real ones.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.encoders.registry import open_encoder, spec_identity
from pipeline.adapters.encoders.text import open_text_encoder
from pipeline.errors import EncoderError
from tests.adapters.test_encoders import cosines, reference, vectors

NAME = "ViT-B-16-SigLIP2"
REPOSITORY = f"timm/{NAME}"
WORDS = ("red", "post", "a", "photo", "of")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model of this name in a small size."""
    import open_clip

    config: Any = open_clip.get_model_config(NAME)
    config["embed_dim"] = 64
    config["vision_cfg"]["timm_model_name"] = "test_vit2"
    config["text_cfg"] |= {"vocab_size": 64, "width": 64, "heads": 2, "layers": 1}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, NAME, config)


def write_weights(folder: Path) -> Path:
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    path = folder / "open_clip_model.safetensors"
    save_file({name: value.contiguous() for name, value in open_clip.create_model(NAME).state_dict().items()}, path)
    return path


def write_tokenizer(folder: Path) -> None:
    """A tokenizer of Gemma's class that knows letters and a few words."""
    from transformers import GemmaTokenizer

    vocabulary = {token: number for number, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>"])}
    merges: list[tuple[str, str]] = []
    for letter in "▁abcdefghijklmnopqrstuvwxyz":
        vocabulary[letter] = len(vocabulary)
    for word in WORDS:
        piece = "▁"
        for letter in word:
            if (piece, letter) not in merges:
                merges.append((piece, letter))
            piece += letter
            vocabulary.setdefault(piece, len(vocabulary))
    merged: Any = merges
    GemmaTokenizer(vocab=vocabulary, merges=merged, padding_side="right").save_pretrained(folder)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "weights")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub that does not answer, with the model in its cache; returns the folder of its files."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / f"models--{REPOSITORY.replace('/', '--')}"
    files = repository / "snapshots" / ("0" * 40)
    write_weights(files)
    write_tokenizer(files)
    missing = repository / ".no_exist" / ("0" * 40)  # as the hub's client remembers what a repository lacks
    missing.mkdir(parents=True)
    for name in ("config.json", "added_tokens.json", "special_tokens_map.json", "chat_template.jinja"):
        (missing / name).touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    return files


def library_vectors(path: Path) -> np.ndarray:
    """The vectors of open_clip's own transform, with what it records for the published weights."""
    import open_clip

    told: dict[str, Any] = open_clip.get_pretrained_cfg(NAME, "webli")
    made: Any = open_clip.create_model_and_transforms(
        NAME, pretrained=str(path), image_mean=told["mean"], image_std=told["std"],
        image_interpolation=told["interpolation"], image_resize_mode=told["resize_mode"],
    )  # fmt: skip
    model, _, transform = made
    return reference(transform, model.eval().encode_image)


def test_a_checkpoint_on_this_machine_is_prepared_as_the_published_weights_are(checkpoint: Path) -> None:
    """open_clip itself would take CLIP's colours and cut the middle out, without a word."""
    found = vectors(open_encoder(f"open_clip:{NAME}/{checkpoint}", device="cpu"))
    assert cosines(found, library_vectors(checkpoint)).min() > 0.999


def test_weights_from_the_hub_are_prepared_as_by_open_clip(hub_cache: Path) -> None:
    encoder = open_encoder(f"open_clip:{NAME}/webli", device="cpu")
    assert cosines(vectors(encoder), library_vectors(hub_cache / "open_clip_model.safetensors")).min() > 0.999
    local = open_encoder(f"open_clip:{NAME}/{hub_cache / 'open_clip_model.safetensors'}", device="cpu")
    np.testing.assert_allclose(vectors(local), vectors(encoder), atol=1e-5)


def test_what_lies_beside_a_checkpoint_says_how_to_prepare_and_counts_as_a_part_of_it(
    checkpoint: Path, tmp_path: Path
) -> None:
    spec = f"open_clip:{NAME}/{checkpoint}"
    before, known = vectors(open_encoder(spec, device="cpu", cache_dir=tmp_path)), spec_identity(spec)
    described = {"preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.2, 0.3, 0.4], "resize_mode": "shortest"}}
    (checkpoint.parent / "open_clip_config.json").write_text(json.dumps(described))
    after = vectors(open_encoder(spec, device="cpu", cache_dir=tmp_path))
    assert cosines(after, before.astype(np.float64)).min() < 0.999
    assert spec_identity(spec) != known
    (checkpoint.parent / "open_clip_config.json").write_text("{")
    with pytest.raises(EncoderError, match=r"open_clip_config\.json.* cannot be read"):
        open_encoder(spec, device="cpu")


def token_ids(folder: Path, text: str) -> Any:
    """As SigLIP 2 was trained: lower case, no punctuation, padded to 64 tokens."""
    from transformers import AutoTokenizer

    made: Any = AutoTokenizer.from_pretrained(folder)
    return made([text], return_tensors="pt", padding="max_length", max_length=64, truncation=True).input_ids


def expected(path: Path, ids: Any) -> np.ndarray:
    import open_clip
    import torch

    with torch.inference_mode():
        found = open_clip.create_model(NAME, pretrained=str(path)).eval().encode_text(ids)[0].numpy()
    return found / np.linalg.norm(found)


@pytest.mark.parametrize("source", ["the hub", "a file with its tokenizer beside it"])
def test_texts_are_read_with_its_own_tokenizer_in_lower_case(hub_cache: Path, tmp_path: Path, source: str) -> None:
    spec = f"open_clip:{NAME}/webli"
    if source != "the hub":
        moved = tmp_path / "moved"
        shutil.move(hub_cache, moved)
        spec = f"open_clip:{NAME}/{moved / 'open_clip_model.safetensors'}"
    encoder = open_text_encoder(spec)
    found = encoder.encode(["A red Post!", "a red post", "zebra"])
    folder = hub_cache if source == "the hub" else tmp_path / "moved"
    weights = folder / "open_clip_model.safetensors"
    np.testing.assert_allclose(found[0], expected(weights, token_ids(folder, "a red post")), atol=1e-5)
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[1] - found[2]).max() > 1e-3


def test_a_checkpoint_without_its_tokenizer_says_where_to_put_it_and_does_not_wait_for_the_hub(
    checkpoint: Path, hub_cache: Path
) -> None:
    for file in hub_cache.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(EncoderError) as error:
        open_text_encoder(f"open_clip:{NAME}/{checkpoint}")
    for part in ("tokenizer.json", str(checkpoint.parent), REPOSITORY):
        assert part in str(error.value)


def test_without_the_library_of_its_tokenizer_the_command_that_installs_it_is_named(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hub_cache.exists()
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EncoderError, match=r"pip install 'image-cluster\[transformers\]'"):
        open_text_encoder(f"open_clip:{NAME}/webli")
