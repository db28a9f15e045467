"""A decision is held against what is there: nobody decides about an id that never was, nor what changes nothing."""

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.checks import check_images, checked, known_cluster
from pipeline.curation.decisions import Decision
from pipeline.curation.replay import replay
from pipeline.errors import AmbiguousNameError, DecisionError, UnknownNameError
from tests.curation.library import TWO, events, library

NAMED = replay(
    library(a="1 2 3 4", b="5 6 7", c="8"),
    events(
        d.Rename(cluster="a", name="Red post"),
        d.Rename(cluster="b", name="Blue post"),
        d.Merge(clusters=("c",), into="b"),
    ),
)


@pytest.mark.parametrize("given", ["b", "c", "Blue post", "blue POST"])
def test_a_cluster_is_known_by_its_id_one_that_was_merged_into_it_and_its_name(given: str) -> None:
    assert known_cluster(NAMED, given).id == "b"


def test_an_unknown_cluster_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match=r"'Blue pots' among 2\. The nearest: b \(Blue post\)"):
        known_cluster(NAMED, "Blue pots")
    with pytest.raises(UnknownNameError, match="clusters list` shows them all"):
        known_cluster(NAMED, "?????")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (d.Rename(cluster="c", name="Sea"), d.Rename(cluster="b", name="Sea")),
        (d.Note(cluster="c", text="Look"), d.Note(cluster="b", text="Look")),
        (d.Move(images=("1",), to="c"), d.Move(images=("1",), to="b", clusters=("a",))),
        (d.Move(images=("1",), to=None), d.Move(images=("1",), to=None, clusters=("a",))),
        (d.Merge(clusters=("a", "c", "b"), into="c"), d.Merge(clusters=("a", "b"), into="b")),
        (d.ChooseRepresentative(cluster="c", image="5"), d.ChooseRepresentative(cluster="b", image="5")),
        (
            d.Split(cluster="c", images=("5",), new_cluster="p-1"),
            d.Split(cluster="b", images=("5",), new_cluster="p-1"),
        ),
        (
            d.Create(images=("1", "5"), new_cluster="p-1"),
            d.Create(images=("1", "5"), new_cluster="p-1", clusters=("a", "b")),
        ),
        (d.Exclude(images=("1",)), d.Exclude(images=("1",), clusters=("a",))),
    ],
)
def test_a_decision_is_kept_with_the_present_ids_of_its_clusters(given: Decision, expected: Decision) -> None:
    assert checked(given, NAMED) == expected


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        (d.Merge(clusters=("b", "c"), into="b"), "these are all b already"),
        (d.Split(cluster="a", images=("1", "5"), new_cluster="p-1"), "1 of the 2 images are not in a, for example 5"),
        (d.Split(cluster="b", images=("5", "6", "7", "8"), new_cluster="p-1"), "a split must leave at least one"),
        (d.Create(images=("5", "6", "7", "8"), new_cluster="p-1"), "are the cluster b already. To name it, rename it"),
        (d.ChooseRepresentative(cluster="a", image="5"), "5 is not in cluster a"),
    ],
)
def test_what_changes_nothing_or_does_not_fit_is_refused_with_the_reason(decision: Decision, said: str) -> None:
    with pytest.raises(DecisionError, match=said):
        checked(decision, NAMED)


def test_a_name_that_two_clusters_have_is_refused_and_never_decided_by_luck() -> None:
    twins = replay(TWO, events(d.Rename(cluster="a", name="Post"), d.Rename(cluster="b", name="Post")))
    with pytest.raises(AmbiguousNameError) as refusal:
        checked(d.Review(cluster="Post"), twins)
    assert refusal.value.candidates == ("a", "b")


def test_images_that_are_not_there_are_counted_and_the_nearest_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"1 of 2 images are not in bollards, for example abcd1\.") as refusal:
        check_images(d.Exclude(images=("abcd1", "xyz")), "bollards", ["xyz", "abcd2"], list)
    assert "The nearest is abcd2" in str(refusal.value)


def test_an_image_that_was_left_out_can_be_taken_back_but_not_moved() -> None:
    check_images(d.Include(images=("gone",)), "bollards", ["here"], lambda: ["gone"])
    with pytest.raises(UnknownNameError):
        check_images(d.Move(images=("gone",), to=None), "bollards", ["here"], lambda: ["gone"])


def test_what_was_left_out_is_asked_for_only_where_it_is_needed() -> None:
    check_images(d.Include(images=("here",)), "bollards", ["here"], lambda: pytest.fail("it was asked for"))
