"""Which group continues which cluster: overlaps by common images, and the best assignment over them."""

from pipeline.settings import IdentityParams
from pipeline.stages.identities.assignment import assign, seen_ever, seen_in_both
from pipeline.stages.identities.matching import Ledger, match
from tests.stages.identities.groups import go, group, ids, span, vectors


def test_the_assignment_is_best_as_a_whole_not_greedy_by_size() -> None:
    # greedily, the first group would take the second cluster (it shares most with it) and leave the other with nothing
    first = go([group(1, 2, 3, 4), group(5, 6, 7, 8, 9)])
    second = go([group(3, 4, 5, 6, 7), group(8, 9)], first.ledger)
    by_group = dict(enumerate(ids(second)))
    assert by_group[1] == ids(first)[1]
    assert by_group[0] == ids(first)[0]


def test_an_overlap_of_one_half_is_never_given_up_for_a_better_sum() -> None:
    # A keeps 15 of 20 in a group that swallows B (10): 0.5 + 0; the other way round 0.4 + 0.25 would be the larger sum
    first = go([span(0, 20), span(20, 30)])
    second = go([span(0, 15) | span(20, 30), span(15, 20)], first.ledger)
    assert second.identities[0].cluster_id == ids(first)[0]


def test_similarity_settles_a_tie() -> None:
    first = match([span(0, 20)], Ledger(), IdentityParams(), category="b", centroids=vectors(0))
    groups = [span(0, 10), span(10, 20)]
    for nearer in (0, 1):
        angles = [0.1, 0.1]
        angles[nearer] = 0.05
        second = match(groups, first.ledger, IdentityParams(), category="b", centroids=vectors(*angles))
        assert second.identities[nearer].cluster_id == ids(first)[0]


def test_images_that_are_new_or_gone_say_nothing_about_sameness() -> None:
    overlaps = seen_in_both([span(0, 60)], {"c-1": span(50, 70)})
    assert overlaps.jaccard().toarray().tolist() == [[1.0]]
    assert overlaps.plain().tolist() == [10 / 70]


def test_of_a_cluster_of_long_ago_every_image_counts() -> None:
    overlaps = seen_ever([span(0, 60)], {"c-1": span(50, 70)}, clustered_before=span(40, 70))
    assert overlaps.jaccard().toarray().tolist() == [[10 / 30]]


def test_an_overlap_below_the_least_is_no_match() -> None:
    overlaps = seen_in_both([span(0, 10), span(10, 40)], {"c-1": span(0, 40)})
    assert assign(overlaps, 0.7) == {1: 0}
    assert assign(overlaps, 0.8) == {}


def test_of_two_equal_halves_the_preferred_cluster_goes_on() -> None:
    overlaps = seen_in_both([span(0, 20)], {"c-1": span(0, 10), "c-2": span(10, 20)})
    assert assign(overlaps, 0.3) == {0: 0}
    assert assign(overlaps, 0.3, preferred={"c-2"}) == {0: 1}
