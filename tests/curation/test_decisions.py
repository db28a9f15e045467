"""A decision is a checked value: its fields are known, and it says what it touches."""

import pytest
from pydantic import ValidationError

from pipeline.curation import decisions as d
from pipeline.curation.decisions import parse_decision
from pipeline.curation.fields import NAME_LENGTH


@pytest.mark.parametrize(
    "value",
    [
        {"kind": "rename", "cluster": "c-1", "name": "x" * (NAME_LENGTH + 1)},
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
