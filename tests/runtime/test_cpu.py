"""As many threads as there are cores to run them: the container's quota counts, not the machine."""

import os
from pathlib import Path

import pytest

from pipeline.runtime import cpu as counting
from pipeline.runtime.cpu import POOLS, tell_libraries, usable_cores

MANY = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", MANY), ("50000 100000", 1), ("100000 100000", 1), ("150000 100000", min(2, MANY)),
     ("6400000 100000", MANY), ("", MANY), ("nonsense", MANY), ("100000 0", MANY)],
)  # fmt: skip
def test_a_container_may_use_what_its_quota_says(tmp_path: Path, limit: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", MANY), ("100000", 1)])
def test_an_older_kernel_says_it_in_two_files(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert usable_cores(tmp_path) == cores


def test_without_any_such_file_the_affinity_decides(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "none") == MANY


def test_libraries_that_count_cores_for_themselves_are_told_of_the_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_visible", lambda: 64)
    (tmp_path / "cpu.max").write_text("400000 100000")
    told = {"OMP_NUM_THREADS": "2"}
    tell_libraries(told, tmp_path)
    assert told == dict.fromkeys(POOLS, "4") | {"OMP_NUM_THREADS": "2"}


def test_without_a_quota_nobody_is_told_anything(tmp_path: Path) -> None:
    told: dict[str, str] = {}
    tell_libraries(told, tmp_path)
    assert told == {}
