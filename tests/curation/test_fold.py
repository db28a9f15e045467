"""The state after all events, before it meets the clusters."""

from pipeline.curation import decisions as d
from pipeline.curation.fold import fold
from tests.curation.library import events


def test_the_last_name_counts_and_the_one_before_is_a_former_name() -> None:
    folded = fold(events(d.Rename(cluster="a", name="Red"), d.Rename(cluster="a", name="Crimson")))
    assert folded.name == {"a": (2, "Crimson")}
    assert folded.former_names == {"a": ["Red"]}


def test_a_cluster_whose_name_was_removed_has_none() -> None:
    folded = fold(events(d.Rename(cluster="a", name="Red"), d.Rename(cluster="a", name=None)))
    assert folded.names() == frozenset()


def test_a_merge_of_a_merged_cluster_leads_to_the_last_one() -> None:
    folded = fold(events(d.Merge(clusters=("a", "b"), into="b"), d.Merge(clusters=("b", "c"), into="c")))
    assert folded.resolve("a") == "c"


def test_an_undone_exclusion_is_not_in_the_state() -> None:
    folded = fold(
        events(d.Exclude(images=("1", "2")), d.Include(images=("1",)), d.Exclude(images=("3",)), d.Undo(event=3))
    )
    assert folded.excluded == {"2": 1}
