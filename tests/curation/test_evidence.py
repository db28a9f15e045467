"""What decisions say of images: who belongs together, as of today."""

from pipeline.curation import decisions as d
from pipeline.curation.events import ClusterState, Event
from pipeline.curation.evidence import PAIRS_EACH, Evidence, evidence
from pipeline.curation.replay import replay
from tests.curation.library import events, library

TODAY = library(a="1 2 3", b="4 5 6", c="7 8 9", loose="10")


def said(*decisions: d.Decision, states: dict[int, dict[str, str]] | None = None) -> Evidence:
    made = [
        Event(event.number, event.at, event.actor, event.decision,
                state={name: ClusterState(None, "active", frozenset(members.split()))
                       for name, members in (states or {}).get(event.number, {}).items()})
        for event in events(*decisions)
    ]  # fmt: skip
    return evidence(replay(TODAY, made), made, [])


def test_nothing_decided_says_nothing_and_a_tag_neither() -> None:
    assert said().is_empty
    assert said(d.Tag(images=("1",), tag="wet")).is_empty


def test_named_and_reviewed_clusters_are_those_that_people_stand_behind() -> None:
    found = said(d.Rename(cluster="a", name="Red top"), d.Review(cluster="c"))
    assert found.groups == dict.fromkeys("123", "a") | dict.fromkeys("789", "c")
    assert found.corrections == []


def test_a_move_says_with_whom_an_image_belongs_and_with_whom_not() -> None:
    found = said(d.Move(images=("1",), to="b", clusters=("a",)))
    assert set(found.corrections) == {
        *((("1", other, True)) for other in "456"), ("1", "2", False), ("1", "3", False),
    }  # fmt: skip
    assert found.images == frozenset("123456")


def test_a_split_says_both_and_a_merge_says_that_two_clusters_are_one() -> None:
    apart = said(d.Split(cluster="a", images=("1", "2"), new_cluster="x"))
    assert set(apart.corrections) == {("1", "2", True), ("1", "3", False), ("2", "3", False)}
    together = said(d.Merge(clusters=("b",), into="a"), states={1: {"a": "1 2 3", "b": "4 5 6"}})
    assert {same for _, _, same in together.corrections} == {True}
    assert {a for a, _, _ in together.corrections} <= set("123")
    assert together.groups == dict.fromkeys("123456", "a")


def test_what_a_later_decision_took_back_no_longer_counts() -> None:
    there, back = d.Move(images=("1",), to="b", clusters=("a",)), d.Move(images=("1",), to="a", clusters=("b",))
    found = said(there, back)
    assert ("1", "4", True) not in found.corrections
    assert ("1", "4", False) in found.corrections
    assert said(there, d.Undo(event=1)).is_empty


def test_one_decision_about_many_images_does_not_outvote_the_others() -> None:
    many = library(a=" ".join(f"a{n}" for n in range(200)), b=" ".join(f"b{n}" for n in range(200)))
    moved = events(d.Move(images=tuple(f"a{n}" for n in range(100)), to="b", clusters=("a",)))
    found = evidence(replay(many, moved), moved, [])
    assert len([pair for pair in found.corrections if pair[2]]) <= PAIRS_EACH
    assert found == evidence(replay(many, moved), moved, [])  # drawn the same each time
