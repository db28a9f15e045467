"""The demo's data directory takes no photos of others."""

from pathlib import Path

import pytest

from pipeline.demo.own_data import require_no_demo
from pipeline.errors import SettingsError


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/demo.yaml").write_text("data_dir: data\nsource:\n  url: demo-library\n  categories: all\n")
    return Path("data")


@pytest.mark.parametrize("source", ["photos", "/home/ann/photos", "s3://my-bucket"])
def test_after_the_demo_a_run_of_ones_own_photos_says_what_to_do_first(data: Path, source: str) -> None:
    with pytest.raises(SettingsError, match=r"data/ holds the results of the demo.*make clean.*--out my-data"):
        require_no_demo(data, source)


@pytest.mark.parametrize("source", ["demo-library", "./demo-library/", ""])
def test_the_demo_itself_can_be_run_again(data: Path, source: str) -> None:
    require_no_demo(data, source)
    require_no_demo(Path("elsewhere"), "photos")
