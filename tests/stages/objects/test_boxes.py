"""Boxes: what is one, how two overlap, what is cut out, and which of them count."""

import math

import pytest

from pipeline.settings import ObjectParams
from pipeline.stages.objects.boxes import Box, Found, bad, choose, crop_pixels, fault, overlap, rounded


def statuses(found: list[Found], **settings: object) -> list[str]:
    return [item.status for item in choose(found, 100, 100, ObjectParams.model_validate(settings))]


def test_the_overlap_is_intersection_over_union() -> None:
    assert overlap(Box(0, 0, 0.5, 0.5), Box(0, 0, 0.5, 0.5)) == 1
    assert overlap(Box(0, 0, 0.5, 0.5), Box(0.25, 0, 0.5, 0.5)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 0.5, 0.5), Box(0.5, 0, 0.5, 0.5)) == 0


@pytest.mark.parametrize(
    ("box", "words"),
    [
        (Box(0.1, 0.1, 0, 0.2), "no area"),
        (Box(0.1, 0.1, 0.2, -0.2), "no area"),
        (Box(math.nan, 0, 0.1, 0.1), "not finite"),
        (Box(0.8, 0.8, 0.5, 0.1), "outside the image"),
        (Box(1.2, 0.1, 0.1, 0.1), "outside the image"),
        (Box(0.9, 0.1, 0.101, 0.1), ""),
    ],
)
def test_a_box_that_is_none_says_why(box: Box, words: str) -> None:
    assert words in fault(box)
    assert bool(words) == bool(fault(box))


def test_a_box_that_reaches_out_a_little_is_cut() -> None:
    assert rounded(Box(-0.01, 0.5, 0.21, 0.50004)) == (0, 0.5, 0.2, 0.5)


def test_a_crop_has_its_margin_and_stays_inside() -> None:
    assert crop_pixels(Box(0.25, 0.25, 0.5, 0.25), 100, 200, 0) == (25, 50, 75, 100)
    assert crop_pixels(Box(0.25, 0.25, 0.5, 0.25), 100, 200, 0.1) == (20, 45, 80, 105)
    assert crop_pixels(Box(0, 0, 1, 1), 100, 200, 0.5) == (0, 0, 100, 200)
    assert crop_pixels(Box(0.9999, 0.9999, 0.0001, 0.0001), 10, 10, 0) == (9, 9, 10, 10)


def test_the_surest_boxes_come_first_and_those_of_people_before_all() -> None:
    boxes = [Box(x / 10, 0, 0.1, 0.3) for x in range(0, 8, 2)]
    found = [Found(box, score=score) for box, score in zip(boxes, (0.5, None, 0.9, 0.1), strict=True)]
    chosen = choose(found, 200, 200, ObjectParams(max_per_image=2))
    assert [(item.score, item.status) for item in chosen] == [
        (None, "ok"), (0.9, "ok"), (0.1, "low_score"), (0.5, "too_many")]  # fmt: skip
    assert all(item.problem for item in chosen if item.status != "ok")


def test_every_setting_refuses_with_its_own_word() -> None:
    box = Found(Box(0.1, 0.1, 0.5, 0.5), "Post", 0.8)
    assert statuses([box]) == ["ok"]
    assert statuses([box], labels=["post"]) == ["ok"]
    assert statuses([box], labels=["tree"]) == ["other_class"]
    assert statuses([box], min_score=0.9) == ["low_score"]
    assert statuses([box], min_side=51) == ["too_small"]
    assert statuses([box, box]) == ["ok", "overlap"]
    assert statuses([box, box], nms=1) == ["ok", "ok"]
    assert statuses([bad("line 3")]) == ["bad_box"]
    assert statuses([Found(Box(0, 0, 0.5, 0.5), score=math.nan)]) == ["low_score"]
