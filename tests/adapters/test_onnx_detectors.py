"""Detectors in ONNX files: small ones that the tests make, whose boxes are known, run by OpenVINO."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper, save_model

from pipeline.adapters.detectors.registry import open_detector
from pipeline.errors import DetectorError
from pipeline.stages.objects.boxes import Found

SIDE = 64  # of the input
WIDE = np.full((32, 64, 3), (200, 40, 10), np.uint8)  # in a letterbox it begins 16 pixels below the top
# centre, size and two scores in the columns: two of the first class that overlap, one of the second, one too faint
YOLO_8 = np.array([[[24, 25, 40, 8], [32, 32, 36, 8], [16, 16, 8, 4], [8, 8, 8, 4], [0.9, 0.8, 0.1, 0.01],
                    [0.1, 0.1, 0.6, 0.02]]])  # fmt: skip
IN_WIDE = [("post", 0.9, [16, 12, 16, 8]), ("sign", 0.6, [36, 16, 8, 8])]
CARD: dict[str, Any] = {"decoder": "yolo", "labels": ["post", "sign"]}


def file(
    path: Path,
    card: dict[str, Any],
    *outputs: np.ndarray,
    channel: int = 0,
    seen: tuple[int, ...] | None = None,
    shape: tuple[int | str, ...] = (1, 3, SIDE, SIDE),
    further: tuple[str, ...] = (),
) -> Path:
    """A model with these outputs, and its card. At the place `seen` of the first, the mean of a channel is added.
    `shape` is that of its picture, `further` its other inputs."""
    constants = [numpy_helper.from_array(np.array([channel], np.int64), "channel"),
                 numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes")]  # fmt: skip
    nodes = [helper.make_node("Gather", ["images", "channel"], ["one"], axis=1),
             helper.make_node("ReduceMean", ["one", "axes"], ["mean"], keepdims=0)]  # fmt: skip
    named = []
    for number, output in enumerate(outputs):
        where = np.zeros(output.shape, np.float32)
        if seen is not None and not number:
            where[seen] = 1
        constants += [numpy_helper.from_array(output.astype(np.float32), f"constant{number}"),
                      numpy_helper.from_array(where, f"where{number}")]  # fmt: skip
        nodes += [helper.make_node("Mul", [f"where{number}", "mean"], [f"scaled{number}"]),
                  helper.make_node("Add", [f"constant{number}", f"scaled{number}"], [f"output{number}"])]  # fmt: skip
        named.append(helper.make_tensor_value_info(f"output{number}", TensorProto.FLOAT, output.shape))
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in further]
    graph = helper.make_graph(nodes, "detector", inputs, named, constants)
    save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    path.with_suffix(".yaml").write_text(yaml.safe_dump({"size": [SIDE, SIDE], **card}), encoding="utf-8")
    return path


def found(path: Path, pixels: np.ndarray = WIDE) -> list[Found]:
    detector = open_detector(f"onnx:{path}", device="cpu")
    return detector.detect(detector.prepare(pixels))


def read(result: list[Found], width: int = 64, height: int = 32) -> list[tuple[str, float, list[int]]]:
    """Label, score, and left, top, width and height in pixels of a picture of this size."""
    rows: list[tuple[str, float, list[int]]] = []
    for one in result:
        assert one.box is not None
        assert one.score is not None
        scaled = np.array(one.box) * (width, height, width, height)
        rows.append((one.label, round(one.score, 3), [round(float(value)) for value in scaled]))
    return rows


def test_yolo_8_gives_boxes_of_the_picture_in_its_letterbox_and_of_two_that_overlap_the_surer(tmp_path: Path) -> None:
    assert read(found(file(tmp_path / "m.onnx", CARD, YOLO_8))) == IN_WIDE


def test_a_squashed_picture_gets_its_boxes_stretched_back(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", {**CARD, "resize": "squash"}, YOLO_8)
    assert read(found(path), 64, 32)[0] == ("post", 0.9, [16, 14, 16, 4])
    assert read(found(path, np.zeros((256, 128, 3), np.uint8)), 128, 256)[0] == ("post", 0.9, [32, 112, 32, 32])


def test_yolo_5_multiplies_the_score_of_the_box_with_that_of_the_class(tmp_path: Path) -> None:
    rows = np.concatenate([YOLO_8[:, :4], np.full((1, 1, 4), 0.5), YOLO_8[:, 4:]], axis=1).transpose(0, 2, 1)
    halved = [(label, score / 2, box) for label, score, box in IN_WIDE]
    assert read(found(file(tmp_path / "m.onnx", CARD, rows))) == halved


def test_yolo_without_overlaps_gives_corners(tmp_path: Path) -> None:
    rows = np.array([[[16, 24, 32, 40, 0.9, 0], [36, 32, 44, 40, 0.6, 1], [0, 0, 9, 9, 0.01, 0]]])
    expected = [("post", 0.9, [16, 8, 16, 16]), ("sign", 0.6, [36, 16, 8, 8])]
    assert read(found(file(tmp_path / "m.onnx", CARD, rows))) == expected


def test_nanodet_reads_a_distribution_of_distances_at_each_place_of_its_levels(tmp_path: Path) -> None:
    strides, bins = (8, 16, 32), 8
    rows = np.zeros((1, 64 + 16 + 4, 2 + 4 * bins))
    place = 64 + 4 * 2 + 1  # of the level of stride 16: row 2, column 1
    rows[0, place, 1] = 0.75
    for side, distance in enumerate((1, 0, 2, 1)):  # left, top, right, bottom, in strides
        rows[0, place, 2 + side * bins + distance] = 50
    card = {**CARD, "decoder": "nanodet", "strides": list(strides)}
    assert read(found(file(tmp_path / "m.onnx", card, rows))) == [("sign", 0.75, [0, 16, 48, 16])]
    shifted = read(found(file(tmp_path / "n.onnx", {**card, "offset": 0.5}, rows)))
    assert shifted == [("sign", 0.75, [8, 24, 48, 16])]


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_detr_gives_shares_of_the_input(tmp_path: Path, activation: str) -> None:
    logits = np.array([[[0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]]) if activation == "softmax" else np.array(
        [[[-9.0, 4.0], [-9.0, -9.0]]]
    )  # fmt: skip
    shares = np.array([[[0.5, 0.5, 0.25, 0.25], [0.1, 0.1, 0.1, 0.1]]])
    card = {**CARD, "decoder": "detr", "activation": activation}
    ((label, score, box),) = read(found(file(tmp_path / "m.onnx", card, logits, shares)))
    assert (label, box) == ("sign", [24, 8, 16, 16])
    assert score > 0.95


@pytest.mark.parametrize("labels", [["a", "b", "c"], ["a", "b", "c", "d"]])
def test_detr_with_as_many_scores_as_a_box_has_sides_is_read_in_the_order_of_its_export(
    tmp_path: Path, labels: list[str]
) -> None:
    softmax = len(labels) == 3
    logits = np.full((1, 2, 4), -9.0)
    logits[0, 0, 1] = logits[0, 1, 3] = 9
    shares = np.array([[[0.5, 0.5, 0.25, 0.25], [0.25, 0.5, 0.25, 0.25]]])
    card = {"decoder": "detr", "labels": labels, "activation": "softmax" if softmax else "sigmoid"}
    expected = [("b", [24, 8, 16, 16]), ("d", [8, 8, 16, 16])][: 1 if softmax else 2]
    assert [(label, box) for label, _, box in read(found(file(tmp_path / "m.onnx", card, logits, shares)))] == expected


def test_detr_with_its_outputs_the_other_way_round_is_read_where_they_can_be_told_apart(tmp_path: Path) -> None:
    logits, shares = np.array([[[9.0, 0.0, 0.0]]]), np.array([[[0.5, 0.5, 0.25, 0.25]]])
    path = file(tmp_path / "m.onnx", {**CARD, "decoder": "detr"}, shares, logits)
    assert [(label, box) for label, _, box in read(found(path))] == [("post", [24, 8, 16, 16])]


@pytest.mark.parametrize(("colours", "channel", "value"), [("rgb", 0, 200), ("bgr", 0, 10), ("rgb", 1, 40)])
def test_the_model_sees_the_colours_of_its_card(tmp_path: Path, colours: str, channel: int, value: int) -> None:
    card = {**CARD, "resize": "squash", "colours": colours, "mean": [5, 5, 5], "std": [400, 400, 400]}
    blank = YOLO_8.copy()
    blank[0, 4:] = 0
    blank[0, 4, 0] = 0.1
    path = file(tmp_path / "m.onnx", card, blank, channel=channel, seen=(0, 4, 0))
    ((_, score, _),) = read(found(path))
    assert score == pytest.approx(0.1 + (value - 5) / 400, abs=1e-3)


def test_an_output_that_does_not_fit_its_card_is_refused_with_its_shape(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", {**CARD, "labels": ["a", "b", "c", "d"]}, YOLO_8)
    with pytest.raises(DetectorError, match=r"\[1, 6, 4\] is not that of decoder yolo with 4 classes"):
        found(path)
    path = file(tmp_path / "n.onnx", {**CARD, "decoder": "nanodet"}, YOLO_8)
    with pytest.raises(DetectorError, match="decoder nanodet"):
        found(path)


def test_a_file_without_a_usable_card_is_refused_with_an_example_of_one(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", CARD, YOLO_8)
    path.with_suffix(".yaml").write_text("decoder: yolov8", encoding="utf-8")
    with pytest.raises(DetectorError, match=r"cannot be used(.|\n)*decoder: yolo"):
        found(path)
    path.with_suffix(".yaml").unlink()
    with pytest.raises(DetectorError, match=r"needs a card beside it(.|\n)*decoder: yolo"):
        found(path)
    for broken in (b"\xff\xfe", b"decoder: nanodet\nsize: [64, 64]\nlabels: [a]\nstrides: [0]",
                   b"decoder: yolo\nsize: [0, 64]\nlabels: [a]"):  # fmt: skip
        path.with_suffix(".yaml").write_bytes(broken)
        with pytest.raises(DetectorError, match="cannot be used"):
            found(path)
    with pytest.raises(DetectorError, match="there is none"):
        found(tmp_path / "gone.onnx")


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, SIDE, SIDE, 3), (1, 1, SIDE, SIDE)])
def test_a_card_of_another_size_or_layout_than_the_file_is_refused_with_both(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = file(tmp_path / "m.onnx", CARD, YOLO_8, shape=shape)
    told = f"takes an input of [{','.join(map(str, shape))}], and its card says 64 x 64, which is [1,3,64,64]"
    with pytest.raises(DetectorError, match=re.escape(told)):
        found(path)


def test_a_file_for_any_size_takes_that_of_its_card(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", CARD, YOLO_8, shape=("batch", 3, "height", "width"))
    assert read(found(path)) == IN_WIDE


def test_a_file_that_asks_for_more_than_a_picture_is_refused_with_the_names(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", CARD, YOLO_8, further=("orig_target_sizes",))
    with pytest.raises(
        DetectorError, match=re.escape("has 2 inputs (images, orig_target_sizes), and only the picture")
    ):
        found(path)


def test_a_card_with_a_wrong_field_says_which_and_what_it_may_be(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", {**CARD, "decoder": "ssd"}, YOLO_8)
    with pytest.raises(DetectorError, match="decoder: Input should be 'yolo', 'nanodet' or 'detr'") as error:
        found(path)
    assert "pydantic" not in str(error.value)


def test_a_file_that_is_no_model_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = file(tmp_path / "m.onnx", CARD, YOLO_8)
    path.write_bytes(b"no model")
    with pytest.raises(DetectorError, match="cannot be read as a model"):
        found(path)
