"""What the command line says while it works."""

import pytest

from pipeline.console import Console


def test_before_the_first_image_is_done_progress_says_how_many_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.console.monotonic", lambda: now)
    console = Console()
    console.progress("embed", 0, 1)
    now = 6.0
    console.progress("embed", 0, 1)
    console.progress("embed", 1, 1)
    said = capsys.readouterr().err
    assert "0 of 1" not in said
    assert said.splitlines() == ["embed: 1 image …", "embed: 1 of 1, 0 images/s"]


def test_only_phases_of_images_give_their_speed_in_images(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.console.monotonic", lambda: now)
    console = Console()
    for phase in ("embed all", "tune all"):
        console.progress(phase, 0, 40)
    now = 10.0
    for phase in ("embed all", "tune all"):
        console.progress(phase, 20, 40)
    assert capsys.readouterr().err.splitlines() == [
        "embed all: 20 of 40, 2 images/s, 10 s left", "tune all: 20 of 40, 10 s left",
    ]  # fmt: skip
