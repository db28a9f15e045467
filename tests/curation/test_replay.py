"""Decisions replayed over computed clusters: what each does, and what holds whatever was decided."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.curation import decisions as d
from pipeline.curation.clusters import Computed, Curated
from pipeline.curation.events import ClusterState, Event
from pipeline.curation.replay import replay
from tests.curation.library import TWO, events, images, library


def members(curated: Curated) -> dict[str, frozenset[str]]:
    return {name: cluster.members for name, cluster in curated.clusters.items()}


def test_without_decisions_everything_is_as_computed() -> None:
    found = replay(TWO, [])
    assert members(found) == TWO.clusters
    assert found.unclustered == TWO.unclustered
    assert not found.waiting


def test_a_name_a_description_and_a_status_are_those_that_were_given_last() -> None:
    found = replay(TWO, events(d.Rename(cluster="a", name="Red"), d.Rename(cluster="a", name="Crimson"),
                               d.Describe(cluster="a", description="All red"),
                               d.SetStatus(cluster="b", status="hidden")))  # fmt: skip
    assert (found.clusters["a"].name, found.clusters["a"].former_names) == ("Crimson", ("Red",))
    assert found.clusters["a"].description == "All red"
    assert found.clusters["b"].status == "hidden"


def test_merged_clusters_are_one_and_answer_to_both_ids() -> None:
    found = replay(TWO, events(d.Rename(cluster="b", name="Blue"), d.Merge(clusters=("a", "b"), into="a")))
    assert members(found) == {"a": images("1 2 3 4 5 6 7")}
    assert found.clusters["a"].name == "Blue", "only one of them had a name"
    assert found.find("b") == found.clusters["a"]


def test_a_merge_of_two_named_clusters_keeps_the_name_of_the_one_that_stays() -> None:
    found = replay(TWO, events(d.Rename(cluster="a", name="Red"), d.Rename(cluster="b", name="Blue"),
                               d.Merge(clusters=("a", "b"), into="a")))  # fmt: skip
    assert (found.clusters["a"].name, found.clusters["a"].former_names) == ("Red", ("Blue",))


def test_a_merge_the_other_way_round_takes_the_first_one_back() -> None:
    found = replay(TWO, events(d.Merge(clusters=("a", "b"), into="a"), d.Merge(clusters=("a", "b"), into="b")))
    assert members(found) == {"b": images("1 2 3 4 5 6 7")}


def test_new_images_of_a_merged_cluster_join_the_one_that_stays() -> None:
    later = library(a="1 2 3 4", b="5 6 7 10", loose="8 9")
    found = replay(later, events(d.Merge(clusters=("a", "b"), into="a")))
    assert "10" in found.clusters["a"].members


def test_a_merge_holds_when_only_the_other_cluster_is_computed_any_more() -> None:
    found = replay(library(b="1 2 5 6"), events(d.Rename(cluster="a", name="Red"),
                                                 d.Merge(clusters=("a", "b"), into="a")))  # fmt: skip
    assert members(found) == {"a": images("1 2 5 6")}
    assert found.clusters["a"].name == "Red"
    assert not found.waiting


def test_split_images_are_a_cluster_that_follows_them_through_the_next_clustering() -> None:
    split = events(d.Split(cluster="a", images=("3", "4"), new_cluster="p-1", name="Pale"))
    assert members(replay(TWO, split)) == {"a": images("1 2"), "b": images("5 6 7"), "p-1": images("3 4")}
    moved = library(a="1 2 5", b="3 4 6 7")
    assert members(replay(moved, split)) == {"a": images("1 2 5"), "b": images("6 7"), "p-1": images("3 4")}


def test_a_computed_cluster_that_is_what_was_split_off_takes_its_id_and_its_newcomers() -> None:
    split = events(d.Split(cluster="a", images=("3", "4"), new_cluster="p-1", name="Pale"))
    found = replay(library(a="1 2", b="5 6 7", c="3 4 10"), split)
    assert members(found) == {"a": images("1 2"), "b": images("5 6 7"), "p-1": images("3 4 10")}


def test_a_split_that_was_merged_into_what_the_clustering_made_of_it_ends() -> None:
    computed = Computed({"a": frozenset({"1", "2"}), "b": frozenset({"3", "4", "5"})}, frozenset())
    said = events(
        d.Split(cluster="a", images=("3", "4", "5"), new_cluster="p-1"), d.Merge(clusters=("p-1", "b"), into="b")
    )
    found = replay(computed, said)
    assert {name: cluster.members for name, cluster in found.clusters.items()} == dict(computed.clusters)
    assert found.redirects == {"p-1": "b"}


def test_images_from_anywhere_become_a_cluster_that_stays_through_the_next_clustering() -> None:
    made = events(d.Create(images=("3", "5", "8"), new_cluster="p-1", name="Pale", clusters=("a", "b")))
    found = replay(TWO, made)
    assert members(found) == {"a": images("1 2 4"), "b": images("6 7"), "p-1": images("3 5 8")}
    assert (found.clusters["p-1"].name, found.clusters["p-1"].made_by_people) == ("Pale", True)
    assert found.unclustered == images("9")
    again = library(c="1 2 3", e="4 5 6", loose="7 8 9")
    assert members(replay(again, made))["p-1"] == images("3 5 8")


def test_a_computed_cluster_that_is_what_people_made_takes_its_id_but_never_one_that_they_took_from() -> None:
    made = events(d.Create(images=("1", "2", "3", "8"), new_cluster="p-1", clusters=("a",)))
    assert members(replay(TWO, made)) == {"a": images("4"), "b": images("5 6 7"), "p-1": images("1 2 3 8")}
    found = replay(library(c="1 2 3 8 10", b="5 6 7", loose="4 9"), made)
    assert members(found) == {"b": images("5 6 7"), "p-1": images("1 2 3 8 10")}


def test_moved_images_stay_where_people_put_them() -> None:
    moved = events(d.Move(images=("1",), to="b"), d.Move(images=("2",), to=None), d.Move(images=("8",), to="a"))
    found = replay(TWO, moved)
    assert members(found) == {"a": images("3 4 8"), "b": images("1 5 6 7")}
    assert found.unclustered == images("2 9")


def test_a_move_into_a_cluster_that_was_merged_goes_where_it_went() -> None:
    found = replay(TWO, events(d.Move(images=("8",), to="b"), d.Merge(clusters=("a", "b"), into="a")))
    assert "8" in found.clusters["a"].members


def test_an_excluded_image_is_nowhere_until_it_is_taken_back() -> None:
    out = events(d.Exclude(images=("1", "8")))
    found = replay(TWO, out)
    assert found.excluded == images("1 8")
    assert found.clusters["a"].members == images("2 3 4")
    back = replay(TWO, [*out, Event(2, "t", "ann", d.Include(images=("1",)))])
    assert back.excluded == images("8")


def test_tags_hang_on_images() -> None:
    found = replay(TWO, events(d.Tag(images=("1", "2"), tag="night"), d.Tag(images=("1",), tag="best"),
                               d.Untag(images=("2",), tag="night")))  # fmt: skip
    assert found.tags == {"1": ("best", "night")}


def test_an_undo_of_an_undo_makes_the_decision_hold_again() -> None:
    named = events(d.Rename(cluster="a", name="Red"), d.Undo(event=1), d.Undo(event=2))
    assert replay(TWO, named[:2]).clusters["a"].name is None
    assert replay(TWO, named).clusters["a"].name == "Red"


# --- whatever people decide -------------------------------------------------------------------------------------

IMAGES = [str(number) for number in range(12)]
IDS = ["a", "b", "c", "d"]
some_images = st.lists(st.sampled_from(IMAGES), min_size=1, max_size=4, unique=True).map(tuple)
some_id = st.sampled_from([*IDS, "p-1", "p-2"])
simple: Any = st.one_of(
    st.builds(d.Rename, cluster=some_id, name=st.sampled_from(["Red", "Blue", None])),
    st.builds(d.SetStatus, cluster=some_id, status=st.sampled_from(["active", "hidden"])),
    st.builds(d.Review, cluster=some_id),
    st.builds(d.Merge, clusters=st.lists(some_id, min_size=1, max_size=3).map(tuple), into=some_id),
    st.builds(d.Split, cluster=some_id, images=some_images, new_cluster=st.sampled_from(["p-1", "p-2"])),
    st.builds(
        d.Create,
        images=some_images,
        new_cluster=st.sampled_from(["p-1", "p-2"]),
        clusters=st.lists(some_id, max_size=2).map(tuple),
    ),
    st.builds(d.Move, images=some_images, to=st.one_of(st.none(), some_id)),
    st.builds(d.Exclude, images=some_images),
    st.builds(d.Include, images=some_images),
    st.builds(d.ChooseRepresentative, cluster=some_id, image=st.sampled_from(IMAGES)),
    st.builds(d.Tag, images=some_images, tag=st.sampled_from(["night", "best"])),
    st.builds(d.Untag, images=some_images, tag=st.sampled_from(["night", "best"])),
)


@st.composite
def libraries(draw: Any) -> Computed:
    places = draw(st.lists(st.sampled_from([*IDS, None, "absent"]), min_size=len(IMAGES), max_size=len(IMAGES)))
    clusters = {name: frozenset(i for i, p in zip(IMAGES, places, strict=True) if p == name) for name in IDS}
    loose = frozenset(image for image, place in zip(IMAGES, places, strict=True) if place is None)
    return Computed({name: held for name, held in clusters.items() if held}, loose)


@st.composite
def histories(draw: Any) -> list[Event]:
    result: list[Event] = []
    for number, decision in enumerate(draw(st.lists(simple, max_size=12)), 1):
        undo = result and draw(st.integers(0, 4)) == 0
        chosen = d.Undo(event=draw(st.integers(1, len(result)))) if undo else decision
        touched = {one: ClusterState(None, "active", frozenset(IMAGES[:3])) for one in chosen.clusters_touched()}
        result.append(Event(number, "t", "ann", chosen, None, touched))
    return result


@settings(max_examples=150, deadline=None)
@given(libraries(), histories())
def test_every_image_is_in_one_cluster_unclustered_or_excluded(computed: Computed, said: list[Event]) -> None:
    found = replay(computed, said)
    everywhere = [*found.unclustered, *found.excluded, *(i for c in found.clusters.values() for i in c.members)]
    assert sorted(everywhere) == sorted(computed.home)
    assert all(cluster.members for cluster in found.clusters.values())


@settings(max_examples=150, deadline=None)
@given(libraries(), histories())
def test_a_replay_is_the_same_each_time_and_changes_nothing_that_it_was_given(
    computed: Computed, said: list[Event]
) -> None:
    before = dict(computed.clusters)
    assert replay(computed, said) == replay(computed, said)
    assert dict(computed.clusters) == before


@settings(max_examples=150, deadline=None)
@given(libraries(), histories(), simple)
def test_an_undo_restores_exactly_what_was(computed: Computed, said: list[Event], decision: d.Decision) -> None:
    number = len(said) + 1
    undone = [*said, Event(number, "t", "ann", decision), Event(number + 1, "t", "ann", d.Undo(event=number))]
    before, after = replay(computed, said), replay(computed, undone)
    assert (after.clusters, after.unclustered, after.excluded, after.tags, after.waiting) == (
        before.clusters, before.unclustered, before.excluded, before.tags, before.waiting)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(libraries(), st.dictionaries(st.sampled_from(IDS), st.sampled_from(["Red", "Blue"]), min_size=1))
def test_no_name_is_ever_lost(computed: Computed, names: dict[str, str]) -> None:
    said = events(*(d.Rename(cluster=cluster, name=name) for cluster, name in names.items()))
    found = replay(computed, said)
    for event in said:
        cluster = event.decision.clusters_touched()[0]
        shown = cluster in found.clusters and found.clusters[cluster].name == names[cluster]
        assert shown or any(one.number == event.number for one in found.waiting)
