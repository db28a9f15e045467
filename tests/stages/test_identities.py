"""A cluster keeps its id as long as it is recognisably the same group; ids are never given twice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings import IdentityParams
from pipeline.stages.identities import Ledger, Matching, match


def group(*numbers: int) -> frozenset[str]:
    return frozenset(f"h{number:04d}" for number in numbers)


def span(start: int, stop: int) -> frozenset[str]:
    return group(*range(start, stop))


def go(groups: list[frozenset[str]], ledger: Ledger | None = None) -> Matching:
    return match(groups, ledger or Ledger(), IdentityParams(), category="bollards")


def ids(matching: Matching) -> list[str]:
    return [identity.cluster_id for identity in matching.identities]


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


def test_the_assignment_is_best_as_a_whole_not_greedy_by_size() -> None:
    # greedily, the first group would take the second cluster (it shares most with it) and leave the other with nothing
    first = go([group(1, 2, 3, 4), group(5, 6, 7, 8, 9)])
    second = go([group(3, 4, 5, 6, 7), group(8, 9)], first.ledger)
    by_group = dict(enumerate(ids(second)))
    assert by_group[1] == ids(first)[1]
    assert by_group[0] == ids(first)[0]


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
