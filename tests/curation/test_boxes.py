"""Which of several decisions about boxes is in force."""

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.decisions import Decision
from pipeline.curation.events import Event
from pipeline.curation.fold import Fold, fold

THERE = (0.1, 0.1, 0.3, 0.3)
NEARLY = (0.12, 0.1, 0.3, 0.3)
ELSEWHERE = (0.6, 0.6, 0.3, 0.3)


def folded(*decisions: Decision) -> Fold:
    return fold([Event(number, "", "ann", decision) for number, decision in enumerate(decisions, 1)])


def wrong(box: tuple[float, float, float, float] = THERE, image: str = "abc") -> d.WrongBox:
    return d.WrongBox(image=image, source="5eed", box=box)


def drawn(box: tuple[float, float, float, float] = THERE) -> d.AddBox:
    return d.AddBox(source="5eed", box=box)


def in_force(state: Fold) -> list[tuple[int, bool]]:
    return [(one.event, one.wrong) for one in state.boxes.by_image.get("5eed", [])]


def test_a_refused_object_is_left_out_at_once() -> None:
    state = folded(wrong())
    assert in_force(state) == [(1, True)]
    assert set(state.excluded) == {"abc"}


def test_a_box_that_is_drawn_where_one_was_refused_brings_the_object_back() -> None:
    state = folded(wrong(), drawn(NEARLY))
    assert in_force(state) == [(2, False)]
    assert not state.excluded


def test_a_box_that_is_drawn_elsewhere_leaves_the_refused_one_refused() -> None:
    assert in_force(folded(wrong(), drawn(ELSEWHERE))) == [(1, True), (2, False)]


def test_a_drawn_box_can_be_refused_and_drawn_again() -> None:
    assert in_force(folded(drawn(), wrong(NEARLY))) == [(2, True)]
    assert in_force(folded(drawn(), drawn(NEARLY))) == [(2, False)]


def test_an_undone_decision_about_a_box_is_not_in_force() -> None:
    state = folded(wrong(), d.Undo(event=1))
    assert not in_force(state)
    assert not state.excluded


def test_an_object_that_is_included_again_has_its_box_again() -> None:
    state = folded(wrong(), drawn(ELSEWHERE), d.Include(images=("abc",)))
    assert in_force(state) == [(2, False)]
    assert not folded(wrong(), d.Include(images=("abc",))).boxes.by_image


def test_a_region_outside_of_the_image_is_refused_and_one_over_its_edge_is_cut() -> None:
    with pytest.raises(ValueError, match="outside"):
        drawn((0.9, 0.1, 0.3, 0.3))
    with pytest.raises(ValueError, match="no area"):
        drawn((0.1, 0.1, 0.0, 0.3))
    assert drawn((-0.01, 0.1, 0.31, 0.3)).box == (0.0, 0.1, 0.3, 0.3)
