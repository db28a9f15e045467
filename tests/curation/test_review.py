"""Why a cluster asks to be looked at: what a run did to it, and what has changed since the last look."""

from typing import Any

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Curated
from pipeline.curation.events import ClusterState, Event
from pipeline.curation.replay import replay
from pipeline.curation.review import Flag, change_since_review, raise_flags, reasons
from tests.curation.library import TWO, events, images, library


def reviewed(members: str, now: str) -> Curated:
    """A cluster `a` that was named while it had `members`, and has others `now`."""
    state = {"a": ClusterState(None, "active", images(members))}
    return replay(library(a=now), [Event(1, "t", "ann", d.Rename(cluster="a", name="Red"), None, state)])


def flags_of(curated: Curated, fates: dict[str, tuple[str, tuple[str, ...]]], **more: Any) -> list[Flag]:
    given = {"died": (), "named": curated.clusters, "run": "run-7", "first_run": False, "new_size": 3, **more}
    return raise_flags(curated, fates, **given)


def test_the_change_since_the_last_look_counts_who_came_and_who_went() -> None:
    came, went, share = change_since_review(reviewed("1 2 3", "2 3 4 5").clusters["a"])
    assert (came, went, share) == (images("4 5"), images("1"), 3 / 5)


def test_a_cluster_that_nobody_looked_at_has_not_changed() -> None:
    assert change_since_review(replay(TWO, []).clusters["a"]) == (frozenset(), frozenset(), 0.0)


def test_a_named_cluster_asks_for_review_beyond_the_share_of_change_and_not_at_it() -> None:
    curated = reviewed("1 2 3", "2 3 4 5")
    assert reasons(curated, [], change=0.6) == {}
    assert reasons(curated, [], change=0.5) == {"a": ["2 images came and 1 went since it was reviewed (60%)"]}


def test_a_flag_holds_until_the_cluster_is_reviewed_after_it() -> None:
    flag = Flag("a", "split", "was split", "run-7", after_event=1)
    said = events(d.Rename(cluster="a", name="Red"), d.Review(cluster="a"))
    assert reasons(replay(TWO, said[:1]), [flag, flag], change=1.0) == {"a": ["was split"]}
    assert reasons(replay(TWO, said), [flag], change=1.0) == {}


def test_a_cluster_that_was_split_off_says_from_which_by_name() -> None:
    curated = replay(TWO, events(d.Rename(cluster="a", name="Red")))
    assert [flag.text for flag in flags_of(curated, {"b": ("born", ("a",))})] == ["was split off “Red”"]


def test_a_flag_of_a_cluster_that_was_merged_away_asks_of_the_one_that_took_it_in() -> None:
    merged = replay(TWO, events(d.Merge(clusters=("b",), into="a")))
    assert reasons(merged, [Flag("b", "new", "is new", after_event=1)], change=1.0) == {"a": ["is new"]}


@pytest.mark.parametrize(
    ("fates", "more", "expected"),
    [
        ({"a": ("merged", ("a", "b"))}, {"named": ["a", "b"]}, [("a", "merged")]),
        ({"a": ("merged", ("a", "b"))}, {"named": ["b"]}, []),  # the one name goes on: nothing was lost
        ({"a": ("split", ("a",))}, {}, [("a", "split")]),
        ({"a": ("split", ("a",))}, {"named": []}, []),
        ({"b": ("born", ("a",))}, {"named": ["a"]}, [("b", "split")]),
        ({"b": ("born", ())}, {}, [("b", "new")]),
        ({"b": ("born", ())}, {"new_size": 4}, []),
        ({"b": ("born", ())}, {"first_run": True}, []),
        ({"x": ("split", ("x",))}, {}, []),
        ({}, {"died": ["a", "y"]}, [("a", "died")]),
        ({"a": ("kept", ()), "b": ("grown", ())}, {}, []),
    ],
)
def test_a_run_flags_what_it_did_to_named_clusters_and_new_ones_of_some_size(
    fates: dict[str, tuple[str, tuple[str, ...]]], more: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found = flags_of(replay(TWO, []), fates, **more)
    assert [(flag.cluster, flag.kind) for flag in found] == expected
    assert all(flag.key == "run-7" for flag in found)


def test_a_decision_that_waits_is_flagged_once_whatever_the_run() -> None:
    curated = replay(TWO, events(d.ChooseRepresentative(cluster="a", image="5")))
    found = [flags_of(curated, {}, run=run) for run in ("run-7", "run-8")]
    assert found[0] == found[1]
    assert [(flag.cluster, flag.kind, flag.key) for flag in found[0]] == [("a", "waiting", "waiting-1")]
