"""Versions are numbered folders: the newest few stay, and one that was not finished leaves nothing."""

from pathlib import Path

import pytest

from pipeline.storage.versions import VERSIONS_KEPT, new_version


def versions(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_versions_are_numbered_and_the_newest_stay(tmp_path: Path) -> None:
    for _ in range(VERSIONS_KEPT + 2):
        with new_version(tmp_path / "labels"):
            pass
    assert versions(tmp_path / "labels") == ["000003", "000004", "000005", "000006", "000007"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_version_that_was_not_finished_is_gone_and_all_others_stay(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def fail_half_way() -> None:
        with new_version(tmp_path) as target:
            (target / "half.parquet").touch()
            raise error

    for _ in range(VERSIONS_KEPT):
        with new_version(tmp_path):
            pass
    with pytest.raises(error):
        fail_half_way()
    assert versions(tmp_path) == [f"{number:06d}" for number in range(1, VERSIONS_KEPT + 1)]


def test_two_writers_get_two_numbers(tmp_path: Path) -> None:
    with new_version(tmp_path) as first, new_version(tmp_path) as second:
        assert (first.name, second.name) == ("000001", "000002")
