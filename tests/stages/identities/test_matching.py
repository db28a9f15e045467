"""A cluster keeps its id as long as it is recognisably the same group; ids are never given twice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings import IdentityParams
from pipeline.stages.identities.matching import Ledger, match
from tests.stages.identities.groups import go, ids, span


def test_the_same_groups_keep_their_ids_in_any_order() -> None:
    groups = [span(0, 10), span(10, 30), span(30, 35)]
    first = go(groups)
    second = go([groups[2], groups[0], groups[1]], first.ledger)
    assert ids(second) == [ids(first)[2], ids(first)[0], ids(first)[1]]
    assert {identity.fate for identity in second.identities} == {"kept"}


def test_the_same_library_founds_the_same_ids() -> None:
    assert ids(go([span(0, 5), span(5, 9)])) == ids(go([span(0, 5), span(5, 9)]))


def test_growth_and_deletion_do_not_look_like_change() -> None:
    first = go([span(0, 10), span(100, 110)])
    second = go([span(0, 60), span(100, 103)], first.ledger)
    assert ids(second) == ids(first)
    assert [identity.fate for identity in second.identities] == ["grown", "shrunk"]
    assert second.identities[0].overlap == 1.0


def test_a_split_leaves_the_id_with_the_larger_part_and_names_the_parent_of_the_other() -> None:
    first = go([span(0, 20)])
    second = go([span(0, 8), span(8, 20)], first.ledger)
    assert second.identities[1].cluster_id == ids(first)[0]
    assert second.identities[1].fate == "split"
    assert second.identities[0].fate == "born"
    assert second.identities[0].parents == (ids(first)[0],)


def test_a_merge_keeps_the_id_that_brought_most_and_names_both() -> None:
    first = go([span(0, 20), span(20, 28)])
    second = go([span(0, 28)], first.ledger)
    assert ids(second) == [ids(first)[0]]
    assert second.identities[0].fate == "merged"
    assert set(second.identities[0].parents) == set(ids(first))
    assert second.died == [ids(first)[1]]


def test_a_group_of_other_images_gets_a_new_id_and_the_old_one_dies() -> None:
    first = go([span(0, 10)])
    second = go([span(50, 60)], first.ledger)
    assert ids(second) != ids(first)
    assert second.died == ids(first)


def test_a_cluster_that_comes_back_gets_its_old_id() -> None:
    first = go([span(0, 10), span(20, 30)])
    second = go([span(0, 10)], first.ledger)
    third = go([span(0, 10), span(20, 29)], second.ledger)
    assert ids(third) == ids(first)
    assert third.identities[1].fate == "revived"


def test_no_groups_at_all_let_every_cluster_die_and_lose_nothing() -> None:
    first = go([span(0, 10)])
    second = go([], first.ledger)
    assert second.died == ids(first)
    assert ids(go([span(0, 10)], second.ledger)) == ids(first)


libraries = st.lists(st.integers(0, 6), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(st.lists(libraries, min_size=1, max_size=5))
def test_whatever_happens_ids_are_unique_and_an_unmatched_old_id_is_never_given_to_strangers(
    nights: list[list[int]],
) -> None:
    ledger = Ledger()
    seen: dict[str, frozenset[str]] = {}
    for night in nights:
        groups = [frozenset(f"h{i}" for i, label in enumerate(night) if label == g) for g in sorted(set(night))]
        done = go(groups, ledger)
        assert len(set(ids(done))) == len(groups)
        for identity, members in zip(done.identities, groups, strict=True):
            if identity.cluster_id in seen:
                assert seen[identity.cluster_id] & members, "an id went to a group that shares no image with it"
            seen[identity.cluster_id] = members
        assert set(done.ledger.alive) == set(ids(done))
        assert set(done.ledger.alive) | set(done.ledger.dead) == set(seen)
        assert not set(done.ledger.alive) & set(done.ledger.dead)
        ledger = done.ledger


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def partition(labels: list[int], start: int = 0) -> list[frozenset[str]]:
    return [
        frozenset(f"h{start + i}" for i, label in enumerate(labels) if label == g) for g in sorted(set(labels) - {0})
    ]


nights = st.lists(st.integers(0, 5), min_size=4, max_size=40)


@settings(max_examples=400, deadline=None)
@given(nights, nights, st.integers(0, 10), st.sets(st.integers(0, 5)))
def test_a_cluster_that_shares_half_or_more_with_a_group_keeps_its_id(
    before: list[int], after: list[int], shift: int, chosen: set[int]
) -> None:
    old, new = partition(before), partition(after, shift)
    first = go(old)
    names = ids(first)
    named = {names[i] for i in chosen if i < len(names)}
    second = match(new, first.ledger, IdentityParams(), category="bollards", named=named)
    now = ids(second)
    for name, was in zip(names, old, strict=True):
        for group_id, members in zip(now, new, strict=True):
            shared = jaccard(was, members)
            if shared < 0.5 or group_id == name:
                continue
            # only two things may take it: a named cluster that was merged with this nameless one, and an equal half
            gave_way = name not in named and group_id in named
            equal = shared == 0.5 and (
                name in now or any(jaccard(other, members) == 0.5 for other in old if other != was)
            )
            assert gave_way or equal
            assert not (name in named and shared > 0.5)


def test_of_a_merger_the_named_one_goes_on() -> None:
    first = go([span(0, 20), span(20, 30)])
    small = ids(first)[1]
    second = match([span(0, 30)], first.ledger, IdentityParams(), category="bollards", named={small})
    assert ids(second) == [small]
    assert second.identities[0].fate == "merged"
    assert second.into == {ids(first)[0]: {small: 20}}


def test_of_a_merger_where_both_or_none_are_named_the_larger_goes_on() -> None:
    first = go([span(0, 20), span(20, 30)])
    for named in (set[str](), set(ids(first))):
        second = match([span(0, 30)], first.ledger, IdentityParams(), category="bollards", named=named)
        assert ids(second) == [ids(first)[0]]


def test_a_name_is_not_put_on_a_group_of_which_it_was_a_crumb() -> None:
    first = go([span(0, 97), span(97, 100)])
    second = match([span(0, 100)], first.ledger, IdentityParams(), category="bollards", named={ids(first)[1]})
    assert ids(second) == [ids(first)[0]]
    assert second.into == {ids(first)[1]: {ids(first)[0]: 3}}


def test_a_split_says_into_what_and_its_parts_say_from_whom() -> None:
    first = go([span(0, 20)])
    [old] = ids(first)
    second = go([span(0, 11), span(11, 20)], first.ledger)
    assert second.identities[0].into == (old, ids(second)[1])
    assert second.identities[1].parents == (old,)


def test_a_cluster_in_five_equal_parts_dies_and_says_where_its_images_are() -> None:
    first = go([span(0, 50)])
    second = go([span(start, start + 10) for start in range(0, 50, 10)], first.ledger)
    assert second.died == ids(first)
    assert second.into[ids(first)[0]] == dict.fromkeys(sorted(ids(second)), 10)
    assert {one.parents for one in second.identities} == {tuple(ids(first))}


def test_where_the_images_of_a_lost_cluster_are_is_known_years_later() -> None:
    first = go([span(0, 20), span(20, 28)])
    lost = ids(first)[1]
    second = go([span(0, 28)], first.ledger)
    third = go([span(0, 10), span(10, 28)], second.ledger)
    assert third.into[lost] == {ids(third)[1]: 8}
    assert go([span(0, 18)], third.ledger).into[lost] == {}


def test_a_few_images_of_a_dead_cluster_do_not_bring_it_back() -> None:
    # the dead one's five images went on in a large cluster, which then falls in two
    first = go([span(0, 100), span(100, 105)])
    second = go([span(0, 105)], first.ledger)
    third = go([span(0, 50), span(50, 105)], second.ledger)
    assert ids(first)[1] not in ids(third)


@settings(max_examples=60, deadline=None)
@given(st.lists(nights, min_size=1, max_size=6))
def test_parents_were_alive_and_every_lost_id_says_where_its_images_are(story: list[list[int]]) -> None:
    ledger = Ledger()
    for labels in story:
        groups = partition(labels)
        done = go(groups, ledger)
        place = {value: one for one, members in zip(ids(done), groups, strict=True) for value in members}
        for one in done.identities:
            assert set(one.parents) <= set(ledger.alive)
            assert set(one.into) <= set(ids(done))
        for name in done.ledger.dead:
            assert sum(done.into[name].values()) == sum(value in place for value in done.ledger.dead[name])
        assert {name for name in ledger.alive if name not in ids(done)} == set(done.died)
        ledger = done.ledger
