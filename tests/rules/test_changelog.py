"""What must hold of the changelog: the version in pyproject.toml is its newest one, with the day of its release."""

import datetime as dt
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
TITLE = re.compile(r"^## (?P<version>\d+\.\d+\.\d+) \((?P<day>\d{4}-\d{2}-\d{2})\)$", re.MULTILINE)


def test_the_newest_version_is_the_one_that_the_package_carries() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    newest = TITLE.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert newest is not None
    assert newest["version"] == project["version"]


def test_the_versions_go_down_in_time_below_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    days = [dt.date.fromisoformat(title["day"]) for title in TITLE.finditer(text)]
    assert days == sorted(days, reverse=True)
    assert re.findall(r"^## .*$", text, re.MULTILINE)[0] == "## Unreleased"
