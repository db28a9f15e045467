"""One sweep that the tests of this folder share."""

import numpy as np
import pytest

from pipeline.settings import ClusterParams
from pipeline.stages.tuning.trials import Cloud, Trial, sweep
from tests.stages.identities.families import families_of_kinds
from tests.stages.tuning.trying import SETTINGS


@pytest.fixture(scope="package")
def cloud() -> Cloud:
    data, _ = families_of_kinds(8, spread=0.7)
    return Cloud(data, data, np.ones(len(data), dtype=np.int64))


@pytest.fixture(scope="package")
def trials(cloud: Cloud) -> list[Trial]:
    return sweep(cloud, ClusterParams(), SETTINGS, runs=2)
