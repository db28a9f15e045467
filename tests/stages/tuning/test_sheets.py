"""Three settings side by side: which three, and each cluster once, in the row of the coarser one that holds it."""

import numpy as np

from pipeline.stages.tuning.sheets import MOST_CARDS, sheets, side_by_side
from tests.stages.identities.families import families_of_kinds
from tests.stages.tuning.trying import trial


def test_side_by_side_stand_settings_with_clearly_other_numbers_of_clusters() -> None:
    found = [trial(list(range(count)) * 2, f"0.{at}") for at, count in enumerate([3, 9, 10, 11, 30], start=1)]
    assert [one.clusters for one in side_by_side(found, found[2])] == [3, 10, 30]
    assert [one.clusters for one in side_by_side(found[1:4], found[2])] == [9, 10, 11]
    assert [one.clusters for one in side_by_side(found[2:3], found[2])] == [10]


def test_each_cluster_stands_once_in_the_row_of_the_coarser_cluster_that_holds_it() -> None:
    data = families_of_kinds(2)[0][:12]
    coarse = trial([0] * 6 + [1] * 4 + [-1] * 2, "0.1")
    fine = trial([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4], "0.9")
    found = sheets([coarse, fine], data, np.ones(12, dtype=np.int64), [str(row) for row in range(12)])
    assert [[card.group for card in row.columns[1]] for row in found.rows] == [[0, 1], [2, 3], [4]]
    assert [[card.group for card in row.columns[0]] for row in found.rows] == [[0], [1], []]
    for row in found.rows:
        for one, cards in zip(found.trials, row.columns, strict=True):
            for card in cards:
                assert {int(one.groups[point]) for point in card.points} == {card.group}
                assert card.images == (one.groups == card.group).sum()


def test_what_finds_no_place_is_counted() -> None:
    data = np.repeat(families_of_kinds(2)[0], 2, axis=0)
    coarse = trial([0] * 80, "0.1")
    fine = trial(np.repeat(np.arange(20), 4).tolist(), "0.9")
    [row] = sheets([coarse, fine], data, np.ones(80, dtype=np.int64), [str(one) for one in range(80)]).rows
    assert len(row.columns[1]) == MOST_CARDS
    assert row.hidden == [0, 20 - MOST_CARDS]
