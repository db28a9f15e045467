"""The data directory: its schema version, its own names, and where models are kept."""

import json
from pathlib import Path

import pytest

from pipeline.errors import DataDirectoryError, NewerSchemaError
from pipeline.storage.layout import OWN_NAMES, SCHEMA_VERSION, Layout, model_cache, open_layout


def test_a_data_directory_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    layout = open_layout(tmp_path)
    layout.marker.write_text(json.dumps({"schemaVersion": 99}))
    with pytest.raises(NewerSchemaError, match="99"):
        open_layout(tmp_path)


def test_a_data_directory_is_made_with_its_version_and_opens_again(tmp_path: Path) -> None:
    layout = open_layout(tmp_path / "data")
    assert json.loads(layout.marker.read_text()) == {"schemaVersion": SCHEMA_VERSION}
    assert open_layout(tmp_path / "data") == layout


def test_every_path_at_the_top_is_one_of_our_own_names(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    paths = [getattr(layout, name) for name, value in vars(Layout).items() if isinstance(value, property)]
    paths += [layout.artifact("cars", "labels"), layout.vectors("abc")]
    tops = {path.relative_to(tmp_path).parts[0] for path in paths}
    assert len(tops) >= 9
    assert tops <= OWN_NAMES


def test_converted_models_are_shared_by_all_data_directories_of_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE_CLUSTER_CACHE", str(tmp_path / "shared"))
    assert model_cache(open_layout(tmp_path / "a")) == model_cache(Layout(tmp_path / "b")) == tmp_path / "shared"


def test_models_lie_in_the_data_directory_where_the_shared_cache_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("IMAGE_CLUSTER_CACHE", str(tmp_path / "file" / "cache"))
    layout = Layout(tmp_path / "data")
    assert model_cache(layout) is None
    layout.cache.mkdir(parents=True)
    assert model_cache(layout) == layout.cache


def test_a_data_directory_that_is_no_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    for name, what in (("file", "file is no folder"), ("link", "link is a link to nowhere, which is no folder")):
        with pytest.raises(DataDirectoryError, match=what) as refused:
            open_layout(tmp_path / name)
        assert refused.value.exit_code == 2
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("folder")
    assert open_layout(tmp_path / "link").marker.exists()
