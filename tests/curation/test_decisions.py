"""A decision is a checked value: its text is clean, its fields are known, and an undo takes it back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.curation import decisions as d
from pipeline.curation.decisions import active_events, is_undone, one_line, parse_decision, several_lines
from tests.curation.library import events


@given(st.text())
def test_a_name_is_one_line_without_signs_that_nobody_sees(text: str) -> None:
    try:
        clean = one_line(text)
    except ValueError:
        assert not text.strip() or not any(sign.isprintable() and not sign.isspace() for sign in text)
        return
    assert clean == " ".join(clean.split())
    assert one_line(clean) == clean
    assert len(clean.splitlines()) == 1


def test_a_sign_that_turns_the_direction_of_writing_is_no_part_of_a_name() -> None:
    assert one_line("Red\u202egnp.exe\x00\n post") == "Red gnp.exe post"
    with pytest.raises(ValueError, match="is empty"):
        one_line(" \u200f\t")


def test_a_description_keeps_its_lines_and_loses_what_hangs_on_their_ends() -> None:
    assert several_lines("  One.  \r\n\r\nTwo.\x07\n") == "One.\n\nTwo."


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "rename", "cluster": "c-1", "name": "x" * (d.NAME_LENGTH + 1)},
        {"kind": "rename", "cluster": "c-1", "name": "  "},
        {"kind": "rename", "cluster": "../c-1", "name": "Red"},
        {"kind": "rename", "cluster": "c-1", "name": "Red", "colour": "red"},
        {"kind": "exclude", "images": []},
        {"kind": "undo", "event": 0},
        {"kind": "paint", "cluster": "c-1"},
    ],
)
def test_what_is_no_decision_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        parse_decision(value)


def test_a_stored_decision_is_read_as_the_kind_that_it_was() -> None:
    for decision in (d.Rename(cluster="c-1", name=None), d.Pair(a="x", b="y", same=False), d.Undo(event=3)):
        assert parse_decision(decision.model_dump()) == decision


def test_a_decision_says_which_clusters_and_images_it_touches() -> None:
    merge = d.Merge(clusters=("a", "b", "a"), into="b")
    assert (merge.clusters_touched(), merge.images_touched()) == (("b", "a"), ())
    split = d.Split(cluster="a", images=("1", "2"), new_cluster="p-1")
    assert (split.clusters_touched(), split.images_touched()) == (("a", "p-1"), ("1", "2"))
    made = d.Create(images=("1", "2"), new_cluster="p-1", clusters=("a", "b"))
    assert (made.clusters_touched(), made.images_touched()) == (("p-1", "a", "b"), ("1", "2"))
    assert d.Move(images=("1",), to=None).clusters_touched() == ()
    assert d.ChooseRepresentative(cluster="a", image=None).images_touched() == ()
    assert d.Pair(a="1", b="2", same=True).images_touched() == ("1", "2")


def test_an_undone_decision_does_not_hold_and_an_undone_undo_lets_it_hold_again() -> None:
    said = events(d.Rename(cluster="a", name="Red"), d.Undo(event=1), d.Rename(cluster="b", name="Blue"))
    assert [event.number for event in active_events(said)] == [3]
    assert (is_undone(said, 1), is_undone(said, 3)) == (True, False)
    again = [*said, d.Event(4, "t", "ann", d.Undo(event=2))]
    assert [event.number for event in active_events(again)] == [1, 3]
    assert (is_undone(again, 1), is_undone(again, 2)) == (False, True)
