"""Dagster's command `dg` finds this project by pyproject.toml alone.

What belongs here: that its commands work on our definitions. Not here: what these hold (`tests/test_definitions.py`).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_definitions import LINEAGE

pytestmark = [pytest.mark.real, pytest.mark.slow]
ROOT = Path(__file__).parents[2]


def dg(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `dg` in the root of the checkout, with a home and an instance of its own."""
    shutil.copy(ROOT / "dagster.yaml", home)
    environment = {**os.environ, "HOME": str(home), "DAGSTER_HOME": str(home)}
    command = [str(Path(sys.executable).parent / "dg"), *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_dg_loads_every_definition_and_sends_nothing(tmp_path: Path) -> None:
    result = dg(tmp_path, "check", "defs")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "All definitions loaded successfully" in result.stdout + result.stderr
    assert not list(tmp_path.rglob("*telemetry*"))


def test_dg_lists_the_assets_jobs_and_automation_of_the_project(tmp_path: Path) -> None:
    result = dg(tmp_path, "list", "defs", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    listed = json.loads(result.stdout)
    assert {asset["asset_key"] for asset in listed["assets"]} == set(LINEAGE)
    assert [sensor["name"] for sensor in listed["sensors"]] == ["bucket_sensor"]
    assert [schedule["name"] for schedule in listed["schedules"]] == ["nightly"]
