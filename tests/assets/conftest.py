"""Fixtures of the tests that go through Dagster."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from tests.assets.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Twenty-four pictures of three colours in the category bollards, and a fresh Dagster instance."""
    with dg.DagsterInstance.ephemeral() as instance:
        made = Bench(tmp_path, instance)
        made.add("bollards", range(24))
        yield made
