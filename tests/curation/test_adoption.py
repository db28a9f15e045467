"""Kinds that were sorted elsewhere: which cluster each becomes, and that every decision is possible in its turn."""

from collections.abc import Collection

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.curation import decisions as d
from pipeline.curation.adoption import adopt, losing
from pipeline.curation.checks import checked
from pipeline.curation.clusters import Computed, Curated
from pipeline.curation.events import Event
from pipeline.curation.replay import replay
from tests.curation.library import TWO, events, images


def new_id(_: Collection[str], number: int) -> str:
    return f"p-{number}"


def applied(computed: Computed, kinds: dict[str, Collection[str]], before: list[Event] | None = None) -> Curated:
    """The clusters after every decision was checked and stored in its turn."""
    log = list(before or [])
    for decision in adopt(kinds, replay(computed, log), new_id)[1]:
        log.append(Event(len(log) + 1, "t", "ann", checked(decision, replay(computed, log))))
    return replay(computed, log)


def test_a_computed_cluster_that_is_mostly_one_kind_gets_its_name_and_the_rest_of_its_images() -> None:
    report, decisions = adopt({"Heron": images("1 2 3 8")}, replay(TWO, []), new_id)
    assert decisions == [d.Rename(cluster="a", name="Heron"), d.Move(images=("8",), to="a")]
    assert [(kind.cluster, kind.how, kind.images, kind.moved) for kind in report] == [("a", "named", 4, 1)]


def test_a_kind_that_no_cluster_resembles_becomes_a_new_cluster() -> None:
    found = applied(TWO, {"Heron": images("1 5 8")})
    assert (found.clusters["p-0"].name, found.clusters["p-0"].members) == ("Heron", images("1 5 8"))
    assert (found.clusters["a"].members, found.clusters["b"].members) == (images("2 3 4"), images("6 7"))


def test_what_larger_kinds_left_of_a_cluster_does_not_give_it_the_name_of_a_small_one() -> None:
    kinds: dict[str, Collection[str]] = {
        "Heron": images("1 2 5 6 8"),
        "Egret": images("3 4 7"),
    }  # 3 and 4 are half of cluster a
    report = adopt(kinds, replay(TWO, []), new_id)[0]
    assert [(kind.name, kind.how) for kind in report] == [("Heron", "made"), ("Egret", "made")]
    assert applied(TWO, kinds).clusters["p-1"].members == images("3 4 7")


def test_named_clusters_that_lose_images_to_other_names_are_told() -> None:
    curated = replay(TWO, events(d.Rename(cluster="a", name="Egret"), d.Rename(cluster="b", name="Heron")))
    kinds: dict[str, Collection[str]] = {"Heron": images("3 5 6 7"), "Bittern": images("1 2 4 8")}
    lost = losing(kinds, adopt(kinds, curated, new_id)[0], curated)
    assert [str(one) for one in lost] == ["Egret (all 4)"]
    part: dict[str, Collection[str]] = {"Heron": images("3 5")}
    assert [str(one) for one in losing(part, adopt(part, curated, new_id)[0], curated)] == ["Egret (1 of 4)"]
    same: dict[str, Collection[str]] = {"Heron": images("5 6 7")}
    assert losing(same, adopt(same, curated, new_id)[0], curated) == []


def test_a_cluster_that_has_the_name_takes_the_images() -> None:
    named = events(d.Rename(cluster="b", name="Heron"))
    report, decisions = adopt({"Heron": images("1 2 3 4")}, replay(TWO, named), new_id)
    assert decisions == [d.Move(images=("1", "2", "3", "4"), to="b")]
    assert report[0].how == "joined"


def test_what_is_so_already_needs_no_decision() -> None:
    named = events(d.Rename(cluster="b", name="Heron"))
    assert adopt({"Heron": images("5 6")}, replay(TWO, named), new_id)[1] == []


def test_a_cluster_of_just_these_images_is_renamed_whatever_it_was_called() -> None:
    named = events(d.Rename(cluster="b", name="Stork"))
    report, decisions = adopt({"Heron": images("5 6 7")}, replay(TWO, named), new_id)
    assert decisions == [d.Rename(cluster="b", name="Heron")]
    assert report[0].how == "renamed"
    assert applied(TWO, {"Heron": images("5 6 7")}, named).clusters["b"].name == "Heron"


def test_two_clusters_whose_names_were_swapped_elsewhere_swap_them() -> None:
    named = events(d.Rename(cluster="a", name="Heron"), d.Rename(cluster="b", name="Stork"))
    swapped = {"Stork": images("1 2 3 4"), "Heron": images("5 6 7")}
    found = applied(TWO, swapped, named)
    assert {cluster.name: cluster.members for cluster in found.clusters.values()} == swapped


def test_a_cluster_that_a_person_named_otherwise_keeps_its_name() -> None:
    named = events(d.Rename(cluster="a", name="Stork"))
    found = applied(TWO, {"Heron": images("1 2 3 4 8")}, named)
    assert found.clusters["p-0"].name == "Heron"
    assert [waiting.number for waiting in found.waiting] == [1], "Stork has no images left, and says so"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=9, max_size=9),
    st.lists(st.integers(0, 3), min_size=9, max_size=9),
    st.permutations(["kind 1", "kind 2", "kind 3", "Stork", "", ""]),
)
def test_afterwards_every_image_is_in_the_cluster_of_its_kind_whatever_was_computed_and_named(
    home: list[int], kind: list[int], given_names: list[str]
) -> None:
    names = [str(number) for number in range(1, 10)]
    computed = Computed(
        {f"c{number}": group for number in range(1, 5)
         if (group := frozenset(name for name, cluster in zip(names, home, strict=True) if cluster == number))},
        frozenset(name for name, cluster in zip(names, home, strict=True) if cluster == 0),
    )  # fmt: skip
    kinds = {f"kind {number}": group for number in range(1, 4)
             if (group := frozenset(name for name, own in zip(names, kind, strict=True) if own == number))}  # fmt: skip
    pairs = zip(computed.clusters, given_names, strict=False)
    named = events(*(d.Rename(cluster=cluster, name=name) for cluster, name in pairs if name))
    found = applied(computed, kinds, named)
    for name, members in kinds.items():
        (cluster,) = (cluster for cluster in found.clusters.values() if cluster.name == name)
        assert members <= cluster.members
