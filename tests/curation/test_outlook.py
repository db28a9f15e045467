"""Another clustering beside today's: what goes on, what comes together, and what comes apart."""

from pipeline.curation import decisions as d
from pipeline.curation.events import Event
from pipeline.curation.outlook import Outlook
from pipeline.curation.replay import replay
from tests.curation.library import events, library

TODAY = library(a="1 2 3 4", b="5 6 7 8", c="9 10 11", loose="12")
NAMED = events(d.Rename(cluster="a", name="Red top"), d.Rename(cluster="c", name="Striped"))


def outlook(decided: list[Event], **then: str) -> Outlook:
    return Outlook(replay(TODAY, decided), replay(library(**then), decided))


def test_clusters_that_come_together_stand_in_one_row_with_what_they_become() -> None:
    seen = outlook(NAMED, a="1 2 3 4 5 6 7 8", c="9 10 11", loose="12")
    assert [(step.change, step.before, step.after) for step in seen.steps] == [
        ("merged", ("a", "b"), ("a",)), ("same", ("c",), ("c",)),
    ]  # fmt: skip
    assert (seen.kept, seen.lost) == ({"a", "c"}, ())


def test_a_cluster_that_comes_apart_keeps_its_id_in_one_part_or_loses_its_name() -> None:
    apart = outlook(NAMED, a="1 2", x="3 4", b="5 6 7 8", c="9 10 11")
    assert [step.change for step in apart.steps] == ["divided", "same", "same"]
    assert apart.steps[0].after == ("a", "x")
    assert apart.lost == ()
    gone = outlook(NAMED, y="1 2", x="3 4", b="5 6 7 8", c="9 10 11")
    assert (gone.lost, gone.kept) == (("Red top",), {"b", "c"})


def test_a_few_images_that_go_elsewhere_are_no_merge() -> None:
    seen = outlook([], a="1 2 3 4", b="5 6 7 8 9", c="10 11", loose="12")
    assert [step.change for step in seen.steps] == ["mixed", "same"]  # one of three is many
    large = library(a=" ".join(map(str, range(40))), b="50 51 52 53 54 55 56 57 58 59")
    other = library(a=" ".join(map(str, range(39))), b="39 50 51 52 53 54 55 56 57 58 59")
    assert [step.change for step in Outlook(replay(large, []), replay(other, [])).steps] == ["changed", "changed"]


def test_what_people_merged_and_moved_is_so_on_both_sides() -> None:
    decided = events(d.Merge(clusters=("a", "b"), into="a"), d.Move(images=("9",), to="a"))
    seen = outlook(decided, a="1 2 3 4", b="5 6", x="7 8", c="9 10 11", loose="12")
    assert seen.then.clusters["a"].members == frozenset(["1", "2", "3", "4", "5", "6", "9"])
    assert [(step.change, step.after) for step in seen.steps] == [("divided", ("a", "x")), ("same", ("c",))]


def test_a_cluster_of_images_that_are_in_none_today_is_new_and_one_without_images_then_is_gone() -> None:
    seen = Outlook(replay(library(a="1 2 3", b="4 5 6", loose="7 8 9"), []),
                   replay(library(a="1 2 3", n="7 8 9", loose="4 5 6"), []))  # fmt: skip
    assert {step.change for step in seen.steps} == {"same", "new", "gone"}
