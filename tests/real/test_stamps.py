"""The stamps library, whole graph: 633 photographs in, 633 accounted for."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.demo.stamps import EXPECTED, fetch_stamps
from pipeline.errors import DemoError

ROOT = Path(__file__).parents[2]


def test_where_apt_is_missing_the_message_says_what_to_do_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match=r"needs apt-get and dpkg-deb.*make demo"):
        fetch_stamps(tmp_path / "stamps")
    assert not (tmp_path / "stamps").exists()


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("apt-get") is None, reason="the stamps come from a Debian package")
def test_every_stamp_is_clustered_unclustered_or_set_aside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "demo", "--library", "stamps"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DAGSTER_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "data-stamps" / "published" / "all" / "clusters.json").read_bytes())
    summary = document["summary"]
    assert summary["images"] == EXPECTED == summary["clustered"] + summary["unclustered"] + summary["rejected"]
    assert summary["clusters"] >= 10
    keys = [image["key"] for cluster in document["clusters"] for image in cluster["images"]]
    keys += [image["key"] for image in document["unclustered"]] + [entry["key"] for entry in document["rejected"]]
    assert len(keys) == len(set(keys)) == EXPECTED
    again = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "Nothing is new" in again.stdout
