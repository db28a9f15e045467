"""Every Dagster that this project starts: nothing leaves the machine, as Dagster itself says."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import dev
from pipeline.dagster_home import QUIET_INSTANCE, dagster_environment
from pipeline.demo import run as demo_run

ASK = """
import dagster as dg
import os
with dg.DagsterInstance.get() as instance:
    print(instance.telemetry_enabled, instance.nux_enabled, os.getenv("DAGSTER_DISABLE_TELEMETRY") is not None)
"""


def answer_of_dagster(environment: dict[str, str]) -> str:
    """What a Dagster in that environment says: telemetry, newsletter dialogue, uploads off."""
    asked = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


class Started(Exception):  # noqa: N818
    """Raised in place of starting a process, with the environment that it would have got."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__()
        self.environment = environment


def instead(*_: Any, env: dict[str, str], **__: Any) -> Any:
    raise Started(env)


def test_the_demo_outside_a_checkout_leaves_the_telemetry_of_dagster_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setattr(demo_run, "_make", lambda *_: tmp_path)
    monkeypatch.setattr(demo_run.subprocess, "run", instead)
    with pytest.raises(Started) as started:
        demo_run.run_demo("bollards", [])
    monkeypatch.undo()
    assert answer_of_dagster(started.value.environment) == "False False True"
    assert (tmp_path / "data/dagster/dagster.yaml").read_text() == QUIET_INSTANCE


def test_dev_in_a_folder_without_settings_of_dagster_leaves_its_telemetry_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workspace.yaml").write_text("load_from: []\n")
    monkeypatch.setattr(dev.subprocess, "Popen", instead)
    with pytest.raises(Started) as started:
        dev.start("127.0.0.1", 3000, tmp_path)
    monkeypatch.undo()
    assert answer_of_dagster(started.value.environment) == "False False True"


def test_a_dagster_yaml_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("nux:\n  enabled: false\n")
    environment = dagster_environment(tmp_path)
    assert (tmp_path / "dagster.yaml").read_text() == "nux:\n  enabled: false\n"
    assert environment["DAGSTER_HOME"] == str(tmp_path)
    assert environment["DAGSTER_DISABLE_TELEMETRY"] == "yes"
