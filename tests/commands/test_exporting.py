"""`image-cluster export` as a person or a script uses it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.steps.test_run import Bench, add


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("export-command")
    for seed in range(16):
        add(root / "library", f"posts/de/{seed:03d}.png", ["red", "green"][seed % 2], seed)
    made = Bench(root / "library", root / "data")
    made.run()
    return made


def call(bench: Bench, *arguments: str) -> Result:
    settings = bench.data / "settings.yaml"
    settings.write_text(f"source: {{url: {bench.library}}}\n", encoding="utf-8")
    command = ["export", *arguments, "--out", str(bench.data), "--settings", str(settings)]
    return CliRunner().invoke(main, command)


def test_the_table_goes_to_stdout_for_pipes(bench: Bench) -> None:
    done = call(bench)
    assert done.exit_code == 0, done.output
    head, *rows = done.stdout.splitlines()
    assert head.startswith("key,image_id,content_hash,category,group,state,cluster_id,cluster_name")
    assert len(rows) == 16
    assert "Exported 16 images." in done.stderr


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "coco"])
def test_a_reader_that_goes_away_is_no_error(bench: Bench, form: str) -> None:
    words = f"{sys.executable} -m pipeline.cli export --as {form} --quiet --out {bench.data}"
    done = subprocess.run(
        ["bash", "-c", f"{words} | true; exit ${{PIPESTATUS[0]}}"], cwd=Path(__file__).parents[2], capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")


def test_files_need_a_place_and_say_how_many_were_written(bench: Bench, tmp_path: Path) -> None:
    refused = call(bench, "--as", "folders")
    assert refused.exit_code == 2
    assert "needs --to" in refused.stderr
    done = call(bench, "--as", "zip", "--to", str(tmp_path / "posts.zip"), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"images": 16, "missing": [], "foreign": [], "to": str(tmp_path / "posts.zip")}
    assert call(bench, "--as", "folders", "--to", str(tmp_path / "folders")).exit_code == 0
    assert len(list((tmp_path / "folders").rglob("*.png"))) == 16
    assert call(bench, "--as", "xmp", "--to", str(tmp_path / "xmp")).exit_code == 0


def test_a_coco_document_replaces_the_old_one_in_one_step(bench: Bench, tmp_path: Path) -> None:
    place, kept = tmp_path / "posts.json", tmp_path / "kept.json"
    place.write_text("old", encoding="utf-8")
    kept.hardlink_to(place)  # sees whatever is written into the old file
    done = call(bench, "--as", "coco", "--to", str(place), "--json")
    assert json.loads(done.stdout) == {"images": 16, "missing": [], "foreign": [], "to": str(place)}
    assert kept.read_text(encoding="utf-8") == "old"
    assert len(json.loads(place.read_bytes())["images"]) == 16


def test_the_originals_are_read_from_the_source_that_is_named(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "new" / "posts.zip"
    command = ["export", str(bench.library), "--as", "zip", "--to", str(place), "--out", str(bench.data), "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["images"] == 16


def test_a_cluster_that_is_not_there_is_named_and_nothing_is_written(bench: Bench, tmp_path: Path) -> None:
    done = call(bench, "--cluster", "Blue", "--as", "parquet", "--to", str(tmp_path / "posts.parquet"))
    assert done.exit_code == 2
    assert "There is no cluster 'Blue'" in done.stderr
    assert not (tmp_path / "posts.parquet").exists()
