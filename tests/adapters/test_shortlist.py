"""What is said of the recommended encoders is what the libraries and the packages themselves say."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.encoders import packaged
from pipeline.adapters.encoders.registry import parse_spec
from pipeline.adapters.encoders.shortlist import SHORTLIST, Choice, weights_here
from pipeline.adapters.encoders.speed import Speed, measure, recall, remember
from pipeline.adapters.encoders.text import TEXT_FAMILIES
from tests.fakes import MeanColourEncoder

TIMM = [choice for choice in SHORTLIST if choice.spec.startswith("timm:")]
OPEN_CLIP = [choice for choice in SHORTLIST if choice.spec.startswith("open_clip:")]


def test_every_packaged_encoder_is_listed_with_the_size_of_its_file_and_is_here() -> None:
    listed = {choice.spec: choice for choice in SHORTLIST if choice.spec.startswith("packaged:")}
    assert list(listed) == sorted(f"packaged:{name}" for name in packaged.NAMES)
    for spec, choice in listed.items():
        weights = packaged.source(spec, parse_spec(spec).model).weights
        assert weights is not None
        assert choice.megabytes == pytest.approx(weights.stat().st_size / 1e6, abs=1)
        assert weights_here(spec) is True


@pytest.mark.parametrize("choice", TIMM, ids=lambda choice: choice.spec)
def test_dimension_size_licence_and_repository_of_a_timm_model_are_timms(choice: Choice) -> None:
    import timm
    import torch

    with torch.device("meta"):
        model: Any = timm.create_model(parse_spec(choice.spec).model)
    config = model.pretrained_cfg
    assert choice.megabytes == pytest.approx(sum(p.numel() for p in model.parameters()) * 4 / 1e6, abs=1)
    assert choice.hub == config["hf_hub_id"]
    assert choice.is_open == (config["license"] == "apache-2.0")
    assert choice.licence.lower().replace(" ", "-") == config["license"]
    assert choice.dimension == model.num_features


@pytest.mark.parametrize("choice", OPEN_CLIP, ids=lambda choice: choice.spec)
def test_dimension_and_repository_of_an_open_clip_model_are_open_clips(choice: Choice) -> None:
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    parsed = parse_spec(choice.spec)
    config: Any = open_clip.get_model_config(parsed.model)
    assert choice.dimension == config["embed_dim"]
    weights: Any = get_pretrained_cfg(parsed.model, str(parsed.weights))
    assert choice.hub == weights["hf_hub"].strip("/")


def test_only_encoders_with_a_text_side_are_said_to_read() -> None:
    assert all(choice.reads == (parse_spec(choice.spec).family in TEXT_FAMILIES) for choice in SHORTLIST)


def test_weights_in_the_hubs_cache_are_here_and_an_unlisted_model_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    spec = "timm:convnext_tiny.fb_in22k"
    assert weights_here(spec) is False
    snapshot = tmp_path / "models--timm--convnext_tiny.fb_in22k/snapshots/0123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").touch()
    assert weights_here(spec) is False
    (snapshot / "model.safetensors").touch()
    assert weights_here(spec) is True
    assert weights_here("timm:resnet18") is None
    (tmp_path / "mine.pt").touch()
    assert weights_here(f"timm:resnet18@{tmp_path / 'mine.pt'}") is True


def test_a_measured_speed_is_remembered_and_a_damaged_file_of_speeds_counts_as_none(tmp_path: Path) -> None:
    encoder = MeanColourEncoder()
    speed = measure(encoder, "2026-11-28T00:00:00Z", seconds=0.01)
    assert speed.images_per_second > 0
    assert speed.device == encoder.device
    remember(tmp_path, encoder.name, speed)
    remember(tmp_path, "other", Speed(1.0, "CPU", "2026-11-28T00:00:00Z"))
    assert recall(tmp_path) == {encoder.name: speed, "other": Speed(1.0, "CPU", "2026-11-28T00:00:00Z")}
    (tmp_path / "speeds.json").write_text("{")
    assert recall(tmp_path) == recall(None) == {}
