"""Detectors through their real loading code: packaged weights, and small random ones that a test makes."""

import argparse
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from pipeline.adapters.detectors import salient, words
from pipeline.adapters.detectors.registry import FAMILIES, detector_identity, open_detector, parse_spec
from pipeline.adapters.detectors.torchvision_models import _classes
from pipeline.adapters.detectors.words import nearest_word
from pipeline.errors import DetectorError, EncoderError, UnknownNameError
from pipeline.stages.objects.boxes import Box, Found, overlap

SSDLITE = "ssdlite320_mobilenet_v3_large"
R_CNN = "fasterrcnn_mobilenet_v3_large_320_fpn"
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def picture(width: int = 200, height: int = 120) -> np.ndarray:
    """A plain picture with a clock-like object at its lower right."""
    image = Image.new("RGB", (width, height), (120, 150, 120))
    draw = ImageDraw.Draw(image)
    left, top, side = round(0.65 * width), round(0.4 * height), round(0.45 * height)
    draw.ellipse((left, top, left + side, top + side), fill=(250, 240, 220), outline=(20, 20, 20), width=4)
    draw.line((left + side // 2, top + side // 2, left + side // 2, top + 6), fill=(200, 0, 0), width=4)
    draw.line((left + side // 2, top + side // 2, left + side - 8, top + side // 2), fill=(0, 0, 0), width=4)
    return np.asarray(image).copy()


def found_by(detector: Any, pixels: np.ndarray) -> list[Found]:
    return detector.detect(detector.prepare(pixels))


def random_weights(name: str, path: Path, classes: int = 3) -> Path:
    from torchvision.models import get_model

    torch.manual_seed(0)
    model: Any = get_model(name, weights=None, weights_backbone=None, num_classes=classes)
    torch.save({"model": model.state_dict(), "args": argparse.Namespace(lr=0.1)}, path)  # as its training script does
    return path


def test_salient_finds_the_one_thing_in_a_plain_picture_and_nothing_is_fetched(tmp_path: Path) -> None:
    detector = open_detector("salient:", device="cpu", cache_dir=tmp_path)
    (one,) = found_by(detector, picture())
    assert one.box is not None
    assert one.box.x + one.box.w / 2 > 0.55, one.box
    assert overlap(one.box, Box(0.65, 0.4, 0.27, 0.45)) > 0.25, one.box
    again = open_detector("salient:efficientnet_lite0", device="cpu", cache_dir=tmp_path)
    assert found_by(again, picture())[0].box == one.box
    assert again.fingerprint == detector.fingerprint
    assert again.fingerprint != open_detector("salient:efficientnet_lite1", device="cpu").fingerprint


def test_salient_gives_a_picture_without_anything_its_whole_self() -> None:
    from pipeline.adapters.detectors.salient import region

    assert region(np.ones((14, 14), np.float32)).box == Box(0, 0, 1, 1)
    corner = np.ones((4, 4), np.float32)
    corner[:2, :2] = 5
    corner[3, 3] = 9  # a single place that is brighter, and smaller
    assert region(corner).box == Box(0, 0, 0.5, 0.5)


@pytest.mark.parametrize("name", [SSDLITE, R_CNN])
def test_a_checkpoint_of_torchvision_gives_the_boxes_of_the_library_itself(tmp_path: Path, name: str) -> None:
    from torchvision.models import get_model

    path = random_weights(name, tmp_path / "posts.pth")
    path.with_suffix(".txt").write_text("red post\n\nwhite post\n", encoding="utf-8")
    detector = open_detector(f"torchvision:{name}@{path}", device="cpu")
    found = found_by(detector, picture())
    model: Any = get_model(name, weights=None, weights_backbone=None, num_classes=3)
    model.load_state_dict(torch.load(path, weights_only=False)["model"])
    with torch.inference_mode():
        (own,) = model.eval()([torch.from_numpy(picture()).permute(2, 0, 1).float() / 255])
    assert len(found) == len(own["boxes"]) > 0
    for one, box, score, label in zip(found, own["boxes"], own["scores"], own["labels"], strict=True):
        assert one.box is not None
        corners = [one.box.x * 200, one.box.y * 120, (one.box.x + one.box.w) * 200, (one.box.y + one.box.h) * 120]
        assert np.allclose(corners, box.numpy(), atol=1e-3)
        assert (one.score, one.label) == (pytest.approx(float(score)), ["", "red post", "white post"][int(label)])
    path.with_suffix(".txt").write_text("blue post\nwhite post\n", encoding="utf-8")
    assert open_detector(f"torchvision:{name}@{path}", device="cpu").fingerprint != detector.fingerprint


def test_the_number_of_classes_of_every_kind_of_checkpoint_is_read_from_it() -> None:
    from torchvision.models import detection, get_model, list_models

    for name in list_models(module=detection):
        with torch.device("meta"):
            model: Any = get_model(name, weights=None, weights_backbone=None, num_classes=7)
            assert _classes(name, model.state_dict()) == 7, name


def test_a_checkpoint_of_another_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = random_weights(SSDLITE, tmp_path / "posts.pth")
    with pytest.raises(DetectorError, match=r"posts\.pth does not fit fasterrcnn"):
        open_detector(f"torchvision:{R_CNN}@{path}", device="cpu")
    with pytest.raises(DetectorError, match="there is no such file"):
        open_detector(f"torchvision:{SSDLITE}@{tmp_path / 'gone.pth'}", device="cpu")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "whole.pth")
    with pytest.raises(DetectorError, match=r"holds more than weights(.|\n)*state_dict"):
        open_detector(f"torchvision:{SSDLITE}@{tmp_path / 'whole.pth'}", device="cpu")
    (tmp_path / "cut.pth").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DetectorError, match=r"cut\.pth"):
        open_detector(f"torchvision:{SSDLITE}@{tmp_path / 'cut.pth'}", device="cpu")
    with pytest.raises(UnknownNameError, match=R_CNN):
        open_detector("torchvision:fasterrcnn_mobilnet_320", device="cpu")


def owl(folder: Path) -> Path:
    """A tiny OWLv2 with random weights, and a tokenizer that knows letters."""
    from transformers import CLIPTokenizer, Owlv2Config, Owlv2ForObjectDetection, Owlv2ImageProcessor, Owlv2Processor

    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={token: n for n, token in enumerate(vocabulary)}, merges=[], model_max_length=16)
    text = {**SMALL, "vocab_size": len(vocabulary), "max_position_embeddings": 16, "bos_token_id": len(vocabulary) - 2,
            "eos_token_id": len(vocabulary) - 1, "pad_token_id": 0}  # fmt: skip
    config = Owlv2Config(text_config=text, vision_config={**SMALL, "image_size": 64, "patch_size": 16},
                         projection_dim=16)  # fmt: skip
    torch.manual_seed(0)
    Owlv2ForObjectDetection(config).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    Owlv2Processor(Owlv2ImageProcessor(size=size), tokenizer).save_pretrained(folder)
    return folder


def test_owlv2_looks_for_the_words_of_objects_labels(tmp_path: Path) -> None:
    folder = owl(tmp_path / "owl")
    detector = open_detector(f"transformers:{folder}", labels=("post", "sign"), device="cpu")
    found = found_by(detector, picture())
    assert found
    assert {one.label for one in found} <= {"post", "sign"}
    assert all(one.score is not None and 0 < one.score <= 1 for one in found)
    other = open_detector(f"transformers:{folder}", labels=("car",), device="cpu")
    assert other.fingerprint != detector.fingerprint
    with pytest.raises(DetectorError, match=r"objects\.labels is empty"):
        open_detector(f"transformers:{folder}", device="cpu")


def test_a_model_of_transformers_with_classes_of_its_own_gives_the_boxes_of_the_library_itself(tmp_path: Path) -> None:
    from transformers import YolosConfig, YolosForObjectDetection, YolosImageProcessor

    config = YolosConfig(**SMALL, image_size=[64, 64], patch_size=16, num_detection_tokens=5, num_labels=2,
                         id2label={0: "post", 1: "sign"}, use_mid_position_embeddings=False)  # fmt: skip
    torch.manual_seed(0)
    model = YolosForObjectDetection(config)
    model.save_pretrained(tmp_path)
    reader = YolosImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    reader.save_pretrained(tmp_path)
    detector = open_detector(f"transformers:{tmp_path}", device="cpu")
    found = found_by(detector, picture())
    with torch.inference_mode():
        outputs = model.eval()(**reader(images=[picture()], return_tensors="pt"))
    (own,) = reader.post_process_object_detection(outputs, threshold=0.05, target_sizes=[(120, 200)])
    assert [one.score for one in found] == pytest.approx(own["scores"].tolist())
    assert {one.label for one in found} <= {"post", "sign"}
    first = found[0].box
    assert first is not None
    assert [first.x * 200, first.y * 120] == pytest.approx(own["boxes"][0][:2].tolist(), abs=1e-3)


def test_a_folder_without_a_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="holds no detector that can be loaded"):
        open_detector(f"transformers:{tmp_path}", labels=("post",), device="cpu")


def test_a_part_of_a_word_stands_for_the_word_that_was_asked_for() -> None:
    words = ("bollard", "road post")
    assert nearest_word("post", words) == "road post"
    assert nearest_word("Bollard", words) == "bollard"
    assert nearest_word("car", words) == "car"


@pytest.mark.parametrize("spec", ["salient:lite0", "annotation:", "torchvision:", "torchvision:x@", "yolo:x", "onnx:"])
def test_a_spec_that_names_no_detector_is_refused_with_what_there_is(spec: str) -> None:
    with pytest.raises(UnknownNameError):
        parse_spec(spec)


def test_the_identity_of_a_model_changes_with_its_file_and_its_words_and_loads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"1")
    first = detector_identity(f"onnx:{path}", ())
    path.with_suffix(".yaml").write_text("decoder: yolo")
    assert detector_identity(f"onnx:{path}", ()) != first
    assert detector_identity("transformers:a/b", ("x",)) != detector_identity("transformers:a/b", ("y",))
    assert detector_identity("torchvision:any", ("x",)) == detector_identity("torchvision:any", ("y",))
    assert set(FAMILIES) == {"salient", "torchvision", "transformers", "onnx"}


def test_a_change_of_what_we_make_of_a_models_output_changes_its_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint is remembered by identity: without this, boxes of the code before would be kept."""
    before = detector_identity("torchvision:any", ())
    monkeypatch.setattr(words, "CODE", words.CODE + 1)
    assert detector_identity("torchvision:any", ()) != before
    before = detector_identity("salient:", ())
    monkeypatch.setattr(salient, "FEATURE", "another limit")
    assert detector_identity("salient:", ()) != before


def test_weights_that_cannot_be_fetched_are_told_with_the_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", "/nonexistent")
    monkeypatch.setattr(urllib.request, "_opener", None)  # torch uses the shared one, which would keep these proxies
    with pytest.raises(EncoderError, match=f"torchvision:{SSDLITE}@FILE"):
        open_detector(f"torchvision:{SSDLITE}", device="cpu")
