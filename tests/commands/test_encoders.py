"""`image-cluster encoders`: what there is to choose from, and what a change would do."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGE_CLUSTER_SETTINGS", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["encoders", *arguments])


def rows(*arguments: str) -> dict[str, dict[str, Any]]:
    return {row["spec"]: row for row in json.loads(call("list", "--json", "--quiet", *arguments).stdout)}


def test_the_list_says_what_is_here_what_is_in_use_and_whose_licence_is_not_open(here: Path) -> None:
    found = call("list")
    assert found.exit_code == 0, found.output
    lines = [line.split("\t") for line in found.stdout.splitlines()]
    default = next(line for line in lines if line[0] == "packaged:efficientnet_lite0")
    assert (default[2], default[6], default[-1]) == ("1280", "here", "in use")
    dinov3 = next(line for line in lines if line[1] == "DINOv3")
    assert (dinov3[4], dinov3[6]) == ("DINOv3 License (not open)", "not here")
    assert not (here / "data").exists()


def test_an_encoder_of_the_settings_that_is_not_recommended_is_listed_too(here: Path) -> None:
    (here / "image-cluster.yaml").write_text("encoder:\n  spec: timm:resnet18\n")
    row = rows()["timm:resnet18"]
    assert row["now"] is True
    assert (row["licence"], row["weights_here"], row["reads"]) == (None, None, False)


def test_measuring_times_what_is_here_and_the_next_list_remembers_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.adapters.encoders import shortlist, speed

    only = [choice for choice in shortlist.SHORTLIST if choice.spec in ("packaged:efficientnet_lite0", DINOV2)]
    monkeypatch.setattr("pipeline.steps.encoders.SHORTLIST", only)
    monkeypatch.setattr(speed, "SECONDS", 0.1)
    monkeypatch.setenv("IMAGE_CLUSTER_CACHE", str(here / "models"))
    assert rows()["packaged:efficientnet_lite0"]["images_per_second"] is None
    measured = rows("--measure")
    assert measured["packaged:efficientnet_lite0"]["images_per_second"] > 0
    assert measured["packaged:efficientnet_lite0"]["device"].startswith("CPU")
    assert measured[DINOV2]["images_per_second"] is None
    assert rows() == measured


DINOV2 = "timm:vit_small_patch14_dinov2.lvd142m"
