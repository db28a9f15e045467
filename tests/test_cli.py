"""The command line: data on stdout, talk on stderr, exit codes 0, 1 and 2, and help for everything."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.steps.test_run import KINDS, add

ROOT = Path(__file__).parents[1]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed in range(24):
        add(tmp_path / "library", f"bollards/de/{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    return tmp_path / "library"


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_list_of_commands_begins_with_what_a_newcomer_needs_and_names_each_once() -> None:
    listed = re.findall(r"^  ([a-z-]+)  ", call("--help").stdout.partition("Start:")[2], re.MULTILINE)
    assert listed[:2] == ["run", "serve"]
    assert sorted(listed) == sorted(main.commands)


def test_every_command_has_help_with_an_example() -> None:
    for name, command in main.commands.items():
        text = command.get_help(click.Context(command, info_name=name))
        assert "image-cluster " in text.split("Example", 1)[-1], f"{name} shows no example"
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, f"{name} {option.name} says nothing"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["run", "/nowhere/at/all"], 2, "/nowhere/at/all"),
        (["run", "r2://bucket"], 2, "endpoint"),
        (["run", ".", "--encoder", "packaged:efficientnet_lite7"], 2, "efficientnet_lite0"),
        (["run", ".", "--encoder", "clip"], 2, "packaged:"),
        (["run", ".", "--min-cluster-size", "1"], 2, "min-cluster-size"),
        (["run", ".", "--settings", "none.yaml"], 2, "none.yaml"),
        (["cluster", "--out", "empty"], 1, "image-cluster run SOURCE"),
        (["cluster", "--out", "empty", "--category", "x"], 2, "no category 'x'"),
        (["similar", "x.png", "--out", "empty"], 2, "no library"),
        (["rum"], 2, "run"),
    ],
)  # fmt: skip
def test_trouble_is_one_clear_message_and_the_right_exit_code(
    library: Path, arguments: list[str], code: int, says: str
) -> None:
    Path("library/top.png").write_bytes((library / "bollards/de/000-800w.png").read_bytes())
    found = call(*arguments)
    assert found.exit_code == code, found.output
    assert says in found.stderr
    assert found.stdout == ""
    assert "Traceback" not in found.output


@pytest.mark.parametrize(
    "command",
    [
        "clusters list", "clusters show c-7k3m9qwx", "clusters history", "clusters waiting", "clusters undo",
        "clusters rename c-7k3m9qwx Wet", "similar x.png", "changes", "publish --candidates", "publish --history",
        "duplicates", "tune", "pairs list", "objects list x.png", "sql SELECT", "export", "doctor",
        "backup copy.sqlite3",
    ],
)  # fmt: skip
def test_a_command_that_needs_a_library_makes_none_where_the_folder_is_mistyped(library: Path, command: str) -> None:
    Path("photos").mkdir()
    for place in ("mistyped/data", "photos"):
        found = call(*command.split(), "--out", place)
        assert found.exit_code == 2, found.output
        assert f"There is nothing in {place} yet. It holds no library" in found.stderr
    assert not Path("mistyped").exists()
    assert not list(Path("photos").iterdir())


@pytest.mark.parametrize("json_wanted", [False, True])
def test_a_folder_of_unusable_files_is_told_and_the_sound_one_beside_it_is_published(
    library: Path, json_wanted: bool
) -> None:
    (library / "iphone").mkdir()
    for number in range(3):
        (library / f"iphone/IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64 + number))
    found = call("run", "library", "--out", "d", *(["--json"] if json_wanted else []))
    assert found.exit_code == 1
    assert Path("d/published/bollards/clusters.json").exists()
    assert "1 of 2 categories failed. The other was finished.\n  iphone: None of the 3 images" in found.stderr
    if json_wanted:
        rows = {row["category"]: row for row in json.loads(found.stdout)}
        assert rows["bollards"]["images"] == 24
        assert "3 broken" in rows["iphone"]["failed"]
    else:
        assert "FAILED" in found.stdout


def test_a_first_run_says_how_folders_were_understood_and_single_makes_one_library(library: Path) -> None:
    add(library, "signs/001.png", "red", 1)
    found = call("run", "library", "--out", "d", "--reducer", "pca")
    assert "2 categories, one for each top folder: bollards, signs." in found.stderr
    assert "one for each top folder" not in call("run", "library", "--out", "d", "--reducer", "pca").stderr
    [summary] = json.loads(call("run", "library", "--out", "e", "--reducer", "pca", "--single", "--json").stdout)
    assert (summary["category"], summary["images"]) == ("all", 25)


def test_a_typo_in_the_settings_file_names_the_line(library: Path) -> None:
    Path("image-cluster.yaml").write_text("labels:\n  min_cluster_sise: 3\n")
    found = call("run", "library")
    assert found.exit_code == 2
    assert "image-cluster.yaml, line 2" in found.stderr
    assert "Did you mean min_cluster_size?" in found.stderr


@pytest.mark.slow
def test_the_four_commands_one_after_another_do_what_run_does(library: Path) -> None:
    assert call("download", "library", "--out", "d").exit_code == 0
    assert call("embed", "d/originals", "--out", "d").exit_code == 0
    assert call("cluster", "--out", "d", "--reducer", "pca").exit_code == 0
    shown = call("visualize", "--out", "d")
    assert Path(shown.stdout.strip()).is_file()
    document = json.loads(Path("d/published/bollards/clusters.json").read_text())
    done = call("run", "library", "--out", "e", "--reducer", "pca", "--json")
    [summary] = json.loads(done.stdout)
    assert summary["images"] == document["summary"]["images"] == 24
    assert summary["clusters"] == document["summary"]["clusters"]
    again = call("run", "library", "--out", "e", "--reducer", "pca")
    assert "Nothing is new" in again.stdout
    found = call("similar", "bollards/de/000-800w.png", "--out", "e", "--top-k", "3")
    assert found.stdout.splitlines()[0] == "score\tkey\timage_id"
    assert found.stdout.splitlines()[1].split("\t")[1] == "bollards/de/000-800w.png"
    ranking = call("similar", "bollards/de/000-800w.png", "--out", "e", "--top-k", "3", "--csv")
    assert ranking.stdout.splitlines() == [line.replace("\t", ",") for line in found.stdout.splitlines()]
    asked = call("sql", "SELECT count(*) AS n FROM images", "--out", "e", "--json")
    assert json.loads(asked.stdout) == [{"n": 24}]


@pytest.mark.slow
def test_check_names_what_is_wrong_and_goes_on(library: Path) -> None:
    found = call("check", "nowhere", "--out", "d")
    assert found.exit_code == 1
    assert re.search(r"FAIL\s+bucket: .*nowhere", found.stdout)
    assert re.search(r"ok\s+encoder: packaged:efficientnet_lite0 loads: 1280 numbers", found.stdout)
    assert call("check", "library", "--out", "d").exit_code == 0
    assert not Path("d").exists(), "a check changes nothing"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_half_way_goes_on_from_there(tmp_path: Path, number: int) -> None:
    for seed in range(240):
        add(tmp_path / "library", f"bollards/de/{seed:03d}.png", list(KINDS)[seed % 3], seed)
    settings = tmp_path / "settings.yaml"
    settings.write_text("encoder: {chunk_size: 8, batch_size: 4, decode_threads: 1}\nreduced: {method: pca}\n")
    command = [sys.executable, "-m", "pipeline.cli", "run", str(tmp_path / "library"), "--out", str(tmp_path / "d"),
               "--settings", str(settings), "--json"]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    deadline = time.monotonic() + 120
    # three chunks: the promise is that at most the chunk in work is lost, so the first must be safe by the second
    while len(list((tmp_path / "d").glob("vectors/*/bollards/part-*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    started.send_signal(number)
    output, talk = started.communicate(timeout=60)
    if number == signal.SIGINT:
        assert started.returncode in (130, -signal.SIGINT)  # the same for a shell
        assert "the same command continues from there" in talk
    assert output == ""
    finished = subprocess.run(command, capture_output=True, env=environment, text=True, check=True)
    [summary] = json.loads(finished.stdout)
    assert summary["images"] == 240
    assert 0 < summary["read"] <= 240 - 2 * 8


def test_a_run_ends_with_the_command_that_shows_the_clusters_unless_nothing_is_new(library: Path) -> None:
    look = "Look at the clusters and name them: "
    assert re.search(rf"{look}\S*image-cluster serve --open --out d\n", call("run", "library", "--out", "d").stderr)
    assert look not in call("run", "library", "--out", "d").stderr
    assert look not in call("run", "library", "--out", "e", "--quiet").stderr


@pytest.mark.parametrize("command", ["run", "embed"])
def test_the_demo_is_not_taken_for_a_library_whose_images_are_gone(library: Path, command: str) -> None:
    Path("data").mkdir()
    Path("data/demo.yaml").write_text("source:\n  url: demo-library\n")
    found = call(command, "library")
    assert found.exit_code == 2
    assert "data/ holds the results of the demo" in found.stderr
