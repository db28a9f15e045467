"""A sweep says what each granularity gives, in figures that mean what they say; the report needs no script."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from pipeline.settings import ClusterParams
from pipeline.stages.tuning.sheets import UNCLUSTERED
from pipeline.stages.tuning.trials import Cloud, Trial, best, settings_to_try, sweep, validity
from tests.stages.identities.families import families_of_kinds
from tests.stages.tuning.trying import SETTINGS, trial


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


def test_the_best_setting_is_valid_steady_and_clearly_better_than_the_one_in_force() -> None:
    pairs = [0, 0, 1, 1]
    now = trial(pairs, "0.5", validity=0.20, current=True)
    assert best([now, trial(pairs, "0.6", validity=0.205)]) is now
    better = trial(pairs, "0.7", validity=0.30)
    assert best([now, better]) is better
    assert best([now, trial(pairs, "0.7", validity=0.30, stability=0.5)]) is now
    assert best([now, trial(pairs, "0.1", validity=0.30, largest=0.95)]) is now
    assert best([trial([0, 0], validity=None)]) is None
