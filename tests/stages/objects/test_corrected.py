"""What decisions about boxes do to the boxes that are found."""

from dataclasses import replace

from pipeline.settings import ObjectParams
from pipeline.stages.objects.boxes import PEOPLE, Box, Found, choose
from pipeline.stages.objects.corrected import Correction, correct

THERE = Box(0.1, 0.1, 0.3, 0.3)
ELSEWHERE = Box(0.6, 0.6, 0.3, 0.3)
NEARLY = Box(0.12, 0.1, 0.3, 0.3)


def test_a_found_box_that_overlaps_a_refused_one_by_half_is_refused_with_the_event() -> None:
    found = [Found(NEARLY, "post", 0.9, "onnx:a"), Found(ELSEWHERE, "post", 0.8, "onnx:a")]
    first, second = correct(found, [Correction(7, THERE, wrong=True)])
    assert (first.status, second.status) == ("wrong_box", "ok")
    assert "event 7" in first.problem


def test_a_drawn_box_stands_in_place_of_the_found_one_that_it_overlaps() -> None:
    drawn, found = correct([Found(NEARLY, "post", 0.9)], [Correction(3, THERE, wrong=False, label="cap")])
    assert (drawn.box, drawn.label, drawn.score, drawn.source, drawn.status) == (THERE, "cap", None, PEOPLE, "ok")
    assert found.status == "replaced"


def test_of_two_corrections_the_nearer_one_counts() -> None:
    between = Box(0.1, 0.1, 0.4, 0.3)
    corrections = [
        Correction(1, THERE, wrong=True),
        Correction(2, Box(0.1, 0.1, 0.6, 0.3), wrong=False),
    ]
    assert correct([Found(between)], corrections)[1].status == "wrong_box"


def test_no_setting_refuses_what_people_drew() -> None:
    strict = ObjectParams(unit="object", labels=["car"], min_side=400, max_per_image=1, nms=0.1)
    found = correct(
        [Found(ELSEWHERE, "car", 0.9)],
        [Correction(1, THERE, wrong=False), Correction(2, Box(0.2, 0.2, 0.3, 0.3), wrong=False)],
    )
    chosen = choose(found, 1000, 1000, strict.model_copy(update={"min_side": 10}))
    assert [item.source for item in chosen if item.status == "ok"] == [PEOPLE, PEOPLE]
    assert choose(found, 1000, 1000, strict)[0].status == "ok"


def test_what_is_no_box_and_what_was_refused_before_stay_as_they_are() -> None:
    unread = Found(None, status="unread", problem="gone")
    outside = Found(Box(0.9, 0.9, 0.9, 0.9))
    refused = replace(Found(THERE), status="bad_box", problem="it is about another picture")
    assert correct([unread, outside, refused], [Correction(1, THERE, wrong=True)]) == [unread, outside, refused]
