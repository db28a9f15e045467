"""The values of clusters: the home of an image, and finding a cluster by an id that was merged into it."""

from pipeline.curation import decisions as d
from pipeline.curation.replay import replay
from tests.curation.library import TWO, events


def test_every_image_has_its_computed_cluster_as_home_and_the_unclustered_have_none() -> None:
    assert (TWO.home["1"], TWO.home["5"], TWO.home["8"]) == ("a", "b", None)
    assert len(TWO.home) == 9


def test_a_cluster_is_found_by_its_id_and_by_the_id_of_one_that_was_merged_into_it() -> None:
    curated = replay(TWO, events(d.Merge(clusters=("a", "b"), into="a")))
    assert curated.find("b") == curated.find("a") == curated.clusters["a"]
    assert curated.find("c") is None


def test_an_unnamed_cluster_is_among_the_names_without_one() -> None:
    assert replay(TWO, events(d.Rename(cluster="a", name="Red"))).names == {"a": "Red", "b": None}
