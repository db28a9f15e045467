"""A sweep says what each granularity gives, in figures that mean what they say; the report needs no script."""

import re

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.settings import ClusterParams, IdentityParams
from pipeline.stages.identities.matching import Ledger, match
from pipeline.stages.tuning.chart import charts, picture
from pipeline.stages.tuning.page import Content, render
from pipeline.stages.tuning.sheets import MOST_CARDS, UNCLUSTERED, Sheets, sheets, side_by_side
from pipeline.stages.tuning.trials import Cloud, Trial, best, settings_to_try, survive, sweep, validity
from tests.stages.identities.test_superclusters import families_of_kinds

SETTINGS = ["auto", "0.1", "0.5", "0.8"]


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    data, _ = families_of_kinds(8, spread=0.7)
    return Cloud(data, data, np.ones(len(data), dtype=np.int64))


@pytest.fixture(scope="module")
def trials(cloud: Cloud) -> list[Trial]:
    return sweep(cloud, ClusterParams(), SETTINGS, runs=2)


def trial(groups: list[int], setting: str = "0.5", **figures: float | bool | None) -> Trial:
    held = np.array(groups, dtype=np.int32)
    values = {"validity": 0.2, "stability": 0.9, "largest": 0.4, **figures}
    return Trial(
        setting, float(setting) if setting[0].isdigit() else 0.5, int(held.max()) + 1, float((held < 0).mean()),
        groups=held, **values,  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


def test_a_sweep_tries_every_step_auto_and_the_one_in_force_once() -> None:
    assert settings_to_try([0.2, 0.1], "auto") == ["auto", "0.1", "0.2"]
    assert settings_to_try([0.2], "0.20") == ["auto", "0.2"]
    assert settings_to_try([0.2], "fine") == ["auto", "0.2", "fine"]
    assert settings_to_try([0.2], "0.37") == ["auto", "0.2", "0.37"]


def test_trials_go_from_coarse_to_fine_and_account_for_every_image(trials: list[Trial], cloud: Cloud) -> None:
    assert {one.setting for one in trials} == set(SETTINGS)
    assert [one.granularity for one in trials] == sorted(one.granularity for one in trials)
    assert [one.current for one in trials].count(True) == 1
    for one in trials:
        assert one.clusters == len(np.unique(one.groups[one.groups >= 0]))
        assert one.unclustered == pytest.approx((one.groups < 0).mean())
        assert 0 < one.largest <= 1


def test_the_figures_speak_for_the_granularity_that_finds_what_is_there(trials: list[Trial]) -> None:
    families, fine = (next(one for one in trials if one.setting == setting) for setting in ("0.1", "0.8"))
    assert families.clusters == 4
    assert adjusted_rand_score(np.repeat(np.arange(4), 40), families.groups) == 1.0
    assert (families.validity or 0) > 1.5 * (fine.validity or 0)
    assert (families.stability or 0) > (fine.stability or 0)
    assert best([one for one in trials if not one.current]) is families


def test_copies_count_as_images(cloud: Cloud) -> None:
    heavy = Cloud(cloud.vectors, cloud.embeddings, np.where(np.arange(len(cloud.vectors)) < 40, 100, 1))
    [one] = sweep(heavy, ClusterParams(), ["0.1"], runs=0)
    assert one.largest == pytest.approx(4000 / (4000 + 120))
    assert one.stability is None


def test_a_large_category_is_sampled_for_stability_only(cloud: Cloud) -> None:
    whole = sweep(cloud, ClusterParams(), ["auto"], runs=0)[0]
    told: list[tuple[int, int]] = []
    found = sweep(
        cloud, ClusterParams(), ["auto"], runs=2, sample=60, on_progress=lambda done, total: told.append((done, total))
    )[0]
    assert np.array_equal(found.groups, whole.groups)
    assert found.stability is not None
    assert told[-1] == (len(cloud.vectors) + 60 + 2 * 48,) * 2


def test_a_sweep_with_a_number_of_clusters_in_force_has_no_current_setting(cloud: Cloud) -> None:
    assert not any(one.current for one in sweep(cloud, ClusterParams(n_clusters=4), ["auto"], runs=0))


@pytest.mark.parametrize("method", ["hdbscan", "kmeans"])
def test_the_same_knob_moves_every_clusterer(method: str, cloud: Cloud) -> None:
    params = ClusterParams.model_validate({"method": method, "cluster_selection_method": "leaf"})
    found = sweep(cloud, params, ["0.2", "0.5", "0.9"], runs=0)
    assert [one.granularity for one in found] == pytest.approx([0.2, 0.5, 0.9], abs=0.06)
    assert found[0].clusters < found[-1].clusters


def test_leaving_images_out_does_not_make_a_clustering_valid() -> None:
    data, truth = families_of_kinds(8)
    thinned = truth.copy()
    thinned[::2] = UNCLUSTERED
    assert (validity(data, thinned) or 0) < 0.6 * (validity(data, truth) or 0)
    assert validity(data, np.zeros(len(data), dtype=int)) is None


def hashes(*numbers: int) -> frozenset[str]:
    return frozenset(f"h{number:03d}" for number in numbers)


def test_it_is_told_which_ids_and_names_would_go() -> None:
    today = match([hashes(1, 2, 3, 4), hashes(5, 6, 7, 8)], Ledger(), IdentityParams(), category="bollards")
    one, other = (found.cluster_id for found in today.identities)
    names = {one: "Red top", other: "Striped"}
    merged = survive([hashes(*range(1, 9))], today.ledger, names, IdentityParams(), category="bollards")
    assert (merged.ids, merged.kept, merged.names, merged.names_kept) == (2, 1, 2, 1)
    assert len(merged.lost) == 1
    same = survive([hashes(5, 6, 7, 8), hashes(1, 2, 3, 4)], today.ledger, names, IdentityParams(), category="bollards")
    assert (same.kept, same.lost) == (2, [])


def test_the_best_setting_is_valid_steady_and_clearly_better_than_the_one_in_force() -> None:
    pairs = [0, 0, 1, 1]
    now = trial(pairs, "0.5", validity=0.20, current=True)
    assert best([now, trial(pairs, "0.6", validity=0.205)]) is now
    better = trial(pairs, "0.7", validity=0.30)
    assert best([now, better]) is better
    assert best([now, trial(pairs, "0.7", validity=0.30, stability=0.5)]) is now
    assert best([now, trial(pairs, "0.1", validity=0.30, largest=0.95)]) is now
    assert best([trial([0, 0], validity=None)]) is None


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


def test_the_curves_mark_the_setting_in_force_and_are_safe_to_embed(trials: list[Trial]) -> None:
    drawn = charts(trials)
    assert len(drawn) == 5, "ids kept is no curve before there are ids"
    assert all(one.count('class="now-dot"') == 1 for one in drawn)
    whole = picture(trials)
    assert whole.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "<script" not in whole


def test_the_report_escapes_names_and_says_what_is_estimated(trials: list[Trial], cloud: Cloud) -> None:
    shown = side_by_side(trials, next(one for one in trials if one.current))
    found: Sheets = sheets(shown, cloud.embeddings, cloud.copies, [str(row) for row in range(len(cloud.vectors))])
    html = render(
        Content(
            category="<b>bollards", made="2026-11-21T03:00:00Z", images=160, method="community", trials=trials,
            best=best(trials), sheets=found, names={}, notes=["Measured on a part."], command="image-cluster tune x",
        ),
        lambda _: None,
    )  # fmt: skip
    assert "<b>bollards" not in html
    assert "21 November 2026, 03:00 UTC" in html
    assert "Measured on a part." in html
    assert "no thumbnail" in html
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", html)
