"""A folder read as one library stays one, and a data directory is not turned from one way into the other by a flag."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.steps.test_run import KINDS, add


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed in range(12):
        add(tmp_path / "photos", f"{['food', 'town'][seed % 2]}/{seed:03d}.png", list(KINDS)[seed % 3], seed)
    return tmp_path / "photos"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["run", *arguments, "--reducer", "pca", "--json"])


def test_a_library_of_all_folders_stays_one_when_single_is_forgotten(photos: Path) -> None:
    assert run("photos", "--single").exit_code == 0
    again = run("photos")
    assert again.exit_code == 0, again.stderr
    assert [row["category"] for row in json.loads(again.stdout)] == ["all"]
    assert "one library, as in the last run" in again.stderr
    Path("image-cluster.yaml").write_text(f"source:\n  url: {photos}\n")
    assert [row["category"] for row in json.loads(run().stdout)] == ["all"]
    assert json.loads(CliRunner().invoke(main, ["check", "photos", "--json"]).stdout)[1]["text"].endswith(": all")


def test_another_source_or_written_categories_are_not_taken_from_the_last_run(photos: Path) -> None:
    assert run("photos", "--single").exit_code == 0
    add(photos.parent / "other", "signs/1.png", "red", 1)
    found = CliRunner().invoke(main, ["check", "other", "--json"])
    assert json.loads(found.stdout)[1]["text"].endswith(": signs")
    Path("image-cluster.yaml").write_text("source:\n  categories: all\n")
    found = CliRunner().invoke(main, ["check", "photos", "--json"])
    assert json.loads(found.stdout)[1]["text"].endswith(": food, town")


@pytest.mark.parametrize("first", [True, False])
def test_a_directory_of_the_other_way_is_refused_before_anything_changes(photos: Path, *, first: bool) -> None:
    assert run("photos", *(["--single"] if first else [])).exit_code == 0
    before = sorted(path for path in Path("data/published").rglob("*"))
    if first:
        Path("image-cluster.yaml").write_text("source:\n  categories: all\n")
    found = run("photos", *([] if first else ["--single"]))
    assert found.exit_code == 2
    assert found.stdout == ""
    assert "--out" in found.stderr
    assert ("all" if first else "food, town") in found.stderr
    assert sorted(path for path in Path("data/published").rglob("*")) == before
    assert run("photos", "--single", "--out", "new").exit_code == 0


def test_a_first_run_that_was_stopped_before_it_clustered_can_be_made_one_library(photos: Path) -> None:
    assert CliRunner().invoke(main, ["embed", "photos"]).exit_code == 0
    assert [row["category"] for row in json.loads(run("photos", "--single").stdout)] == ["all"]


def test_dagster_goes_on_with_the_source_of_the_last_run_where_no_settings_name_one(photos: Path) -> None:
    """Its sensor and its nightly run would otherwise read another folder, and every image would count as gone."""
    from resources.bucket import BucketResource
    from resources.project import ProjectResource

    assert run("photos", "--single").exit_code == 0
    source = ProjectResource(bucket=BucketResource()).settings().source
    assert (source.url, source.categories) == (str(photos), "single")
    Path("image-cluster.yaml").write_text("source:\n  url: other\n")
    assert ProjectResource(bucket=BucketResource()).settings().source.url == "other"
