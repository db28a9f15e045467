"""Run configuration made of the parameter classes: every scalar knob, none with a value of its own."""

from enum import Enum
from typing import get_args

import pytest

from assets.overrides import chosen, overrides
from pipeline.errors import SettingsError
from pipeline.settings import ClusterParams, EncoderParams, Params, PublishParams, ReductionParams, Settings
from resources.project import with_overrides


@pytest.mark.parametrize("params", [ReductionParams, ClusterParams, EncoderParams])
def test_every_knob_is_offered_with_its_description_and_unset(params: type[Params]) -> None:
    made = overrides(params)
    assert set(made.model_fields) == set(params.model_fields) - {"weights"}  # a map
    assert chosen(made()) == {}
    for name, field in made.model_fields.items():
        assert str(params.model_fields[name].description) in str(field.description)


def test_lists_stay_with_the_settings_file() -> None:
    assert "outlets" not in overrides(PublishParams).model_fields


def test_a_choice_is_offered_as_words_and_read_back_as_a_word() -> None:
    made = overrides(ReductionParams)
    kind = next(kind for kind in made.model_fields["method"].annotation.__args__ if issubclass(kind, Enum))  # type: ignore[union-attr]
    assert tuple(word.value for word in kind) == get_args(ReductionParams.model_fields["method"].annotation)
    assert chosen(made(method=kind("pca"), seed=0)) == {"method": "pca", "seed": 0}


def test_an_override_wins_over_the_file_and_leaves_its_neighbours() -> None:
    settings = Settings(reduced=ReductionParams(method="pca", n_components=7))
    changed = with_overrides(settings, {"reduced": {"n_components": 3}, "labels": {}})
    assert (changed.reduced.method, changed.reduced.n_components) == ("pca", 3)
    assert settings.reduced.n_components == 7


def test_a_value_out_of_bounds_names_the_knob() -> None:
    with pytest.raises(SettingsError, match=r"run configuration: labels\.min_cluster_size is 1"):
        with_overrides(Settings(), {"labels": {"min_cluster_size": 1}})
