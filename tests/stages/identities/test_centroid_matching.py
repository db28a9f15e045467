"""A cluster whose images were all replaced is followed by its centroid; where that is not sure, it decides nothing."""

import numpy as np
import pytest

from pipeline.settings import IdentityParams
from pipeline.stages.identities.centroid_matching import follow, similarities
from pipeline.stages.identities.matching import Ledger, match
from tests.stages.identities.groups import ids, span, vectors


def test_a_cluster_whose_images_were_all_replaced_is_followed_by_its_centroid() -> None:
    first = match([span(0, 10), span(10, 20)], Ledger(), IdentityParams(), category="b", centroids=vectors(0, 1))
    groups = [span(100, 110), span(110, 120)]
    second = match(groups, first.ledger, IdentityParams(), category="b", centroids=vectors(0.99, 0.02))
    assert ids(second) == list(reversed(ids(first)))
    assert second.identities[0].similarity == pytest.approx(np.cos(0.01), abs=1e-5)
    assert second.identities[0].overlap == 0


@pytest.mark.parametrize(
    ("groups", "angles"),
    [
        ([span(100, 110)], [0.5]),  # too far
        ([span(10, 20), span(100, 110)], [1.0, 0.9]),  # its nearest cluster has a heir
        ([span(0, 5), span(100, 110)], [0.3, 0.01]),  # the old images are still there: overlap speaks
    ],
)
def test_a_centroid_decides_nothing_where_it_is_not_sure(groups: list[frozenset[str]], angles: list[float]) -> None:
    first = match([span(0, 10), span(10, 20)], Ledger(), IdentityParams(), category="b", centroids=vectors(0, 1))
    second = match(groups, first.ledger, IdentityParams(), category="b", centroids=vectors(*angles))
    assert second.identities[-1].fate == "born"


def test_centroids_of_another_encoder_are_not_compared() -> None:
    first = match([span(0, 10)], Ledger(), IdentityParams(), category="b", centroids=vectors(0))
    other = Ledger(first.ledger.alive, first.ledger.dead)  # what the step hands over when the encoder changed
    assert match([span(50, 60)], other, IdentityParams(), category="b", centroids=vectors(0)).died == ids(first)


def test_a_cluster_whose_centroid_is_not_known_is_like_none() -> None:
    found = similarities(vectors(0, 1), {"c-1": vectors(0)[0]}, ["c-1", "c-2"])
    assert found is not None
    assert found == pytest.approx(np.array([[1, 0], [np.cos(1), 0]]), abs=1e-6)
    assert similarities(None, {"c-1": vectors(0)[0]}, ["c-1"]) is None
    assert similarities(vectors(0), {}, ["c-1"]) is None


def test_a_group_follows_only_the_cluster_of_which_it_is_the_nearest_too() -> None:
    lost = {"c-1": span(0, 10)}
    groups, centroids = [span(100, 110), span(200, 210)], vectors(0.02, 0.01)
    assert follow(groups, lost, {}, {}, centroids, {"c-1": vectors(0)[0]}, 0.9) == {1: "c-1"}
    assert follow(groups, lost, {}, {1: "c-9"}, centroids, {"c-1": vectors(0)[0]}, 0.9) == {}
