"""`image-cluster duplicates` as a user and a pipe see it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.steps.categories import select_categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from tests.fakes import MeanColourEncoder
from tests.steps.test_duplicates import SLUG, jpeg, put, scene


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("library")
    for seed in range(3):
        put(root, f"scene{seed}.jpg", jpeg(scene(seed), 95))
    put(root, "light0.jpg", jpeg(scene(0), 60))
    put(root, "twin1.jpg", jpeg(scene(1), 95))
    data = root.parent / "duplicates-data"
    project = Project(
        Settings.model_validate({"data_dir": data, "source": {"url": str(root)}}), encoder=MeanColourEncoder
    )
    assert select_categories(project, ()) == [SLUG]
    manifest(project, SLUG)
    ingest(project, SLUG)
    return data


def test_it_prints_a_table_for_pipes_with_the_image_to_keep_first_and_why(data: Path) -> None:
    found = CliRunner().invoke(main, ["duplicates", SLUG, "--out", str(data)])
    assert found.exit_code == 0, found.output
    head, *rows = [line.split("\t") for line in found.stdout.splitlines()]
    table = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(row["level"], row["kept"], Path(row["key"]).stem) for row in table] == [
        ("exact", "yes", "twin1"), ("exact", "no", "scene1"), ("near", "yes", "scene0"), ("near", "no", "light0"),
    ]  # fmt: skip
    assert table[2]["reason"].startswith("more bytes: ")
    assert "Nothing was deleted" in found.stderr


def test_json_is_the_document_that_is_published_with_the_levels_asked_for(data: Path) -> None:
    found = CliRunner().invoke(main, ["duplicates", SLUG, "--out", str(data), "--level", "near", "--json", "--quiet"])
    document = json.loads(found.stdout)
    assert [group["level"] for group in document["groups"]] == ["near"]
    assert document["summary"]["proposedToGo"] == 1


def test_an_unknown_category_is_told_with_those_that_there_are(data: Path) -> None:
    found = CliRunner().invoke(main, ["duplicates", "posts", "--out", str(data)])
    assert found.exit_code == 2
    assert "Known: bollards" in found.stderr


def test_the_only_category_need_not_be_named(data: Path) -> None:
    options = ["--out", str(data), "--json", "--quiet"]
    named, unnamed = (CliRunner().invoke(main, ["duplicates", *name, *options]) for name in ([SLUG], []))
    assert unnamed.exit_code == 0, unnamed.output
    assert unnamed.stdout == named.stdout
