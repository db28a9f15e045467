"""Decisions that cannot be applied wait, say why, and apply again when they can."""

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Computed
from pipeline.curation.replay import replay
from tests.curation.library import TWO, events, images, library


def test_a_cluster_emptied_by_people_is_gone_and_its_name_waits() -> None:
    found = replay(TWO, events(d.Rename(cluster="b", name="Blue"), d.Move(images=("5", "6", "7"), to="a")))
    assert "b" not in found.clusters
    assert [decision.number for decision in found.waiting] == [1]


def test_a_name_whose_cluster_died_waits_says_where_its_images_are_and_comes_back() -> None:
    named = events(d.Rename(cluster="b", name="Blue"))
    died = Computed({"a": images("1 2 3 4 5 6")}, images("7"), {"b": images("5 6 7")})
    (waiting,) = replay(died, named).waiting
    assert "Blue" in waiting.reason
    assert "2 in a" in waiting.reason
    assert waiting.cluster == "a"
    again = replay(TWO, named)
    assert not again.waiting
    assert again.clusters["b"].name == "Blue"


def test_a_representative_that_left_waits() -> None:
    chosen = events(d.ChooseRepresentative(cluster="a", image="1"))
    assert replay(TWO, chosen).clusters["a"].representative == "1"
    gone = replay(library(a="2 3 4", b="1 5 6 7"), chosen)
    assert gone.clusters["a"].representative is None
    assert "1 is not in a" in gone.waiting[0].reason


def test_a_decision_about_images_that_are_gone_waits() -> None:
    later = library(a="1 2", b="5 6 7")
    found = replay(later, events(d.Split(cluster="a", images=("3", "4"), new_cluster="p-1"),
                                 d.Move(images=("9",), to="a"), d.Move(images=("1",), to="x")))  # fmt: skip
    assert [decision.number for decision in found.waiting] == [1, 2, 3]
    assert {name: cluster.members for name, cluster in found.clusters.items()} == later.clusters, (
        "what cannot be done leaves everything as it was"
    )


def test_a_merge_that_the_clustering_has_made_by_itself_does_not_wait() -> None:
    merged = events(d.Merge(clusters=("a", "b"), into="a"))
    joined = Computed({"a": images("1 2 3 4 5 6 7")}, frozenset(), {"b": images("5 6 7")})
    assert not replay(joined, merged).waiting
    elsewhere = Computed({"a": images("1 2 3 4"), "c": images("5 6 7")}, frozenset(), {"b": images("5 6 7")})
    assert [decision.number for decision in replay(elsewhere, merged).waiting] == [1]
