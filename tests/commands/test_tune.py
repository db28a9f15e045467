"""`image-cluster tune`: a table on stdout, talk on stderr, and a decision where it is asked for."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.steps.granularity import choice
from tests.steps.test_run import KINDS, Bench, add

SWEEP = ("--steps", "0.3,0.5", "--runs", "0")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("tune")
    for seed in range(18):
        add(root / "library", f"bollards/de/de-{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    made = Bench(root / "library", root / "data", reduced={"method": "none"})
    made.run()
    return made


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IMAGE_CLUSTER_SETTINGS", raising=False)
    return tmp_path


def call(bench: Bench, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["tune", *arguments, "--out", str(bench.data)])


def test_the_table_goes_to_stdout_and_says_what_is_in_force(bench: Bench, here: Path) -> None:
    found = call(bench, "bollards", *SWEEP, "--html", "sub/tune.html")
    assert found.exit_code == 0, found.output
    lines = found.stdout.splitlines()
    assert lines[0].split() == [
        "setting", "clusters", "unclustered", "largest", "validity", "stability", "ids", "kept", "names", "kept",
    ]  # fmt: skip
    assert len(lines) == 4
    assert next(line for line in lines if "now" in line).startswith("auto = ")
    assert "3 of 3" in found.stdout
    assert "Report: sub/tune.html" in found.stderr
    assert (here / "sub/tune.html").read_text().startswith("<!doctype html>")


def test_json_has_the_same_figures_in_one_document(bench: Bench, here: Path) -> None:
    found = json.loads(call(bench, "bollards", *SWEEP, "--json", "--quiet").stdout)
    assert found["category"] == "bollards"
    assert [row["setting"] for row in found["settings"] if row["current"]] == ["auto"] == [found["current"]]
    assert Path(found["report"]).is_file()
    assert {"clusters", "validity", "stability", "ids_kept", "names_lost"} <= set(found["settings"][0])


def test_apply_stores_a_decision_leaves_the_settings_file_alone_and_says_what_comes_next(
    bench: Bench, here: Path
) -> None:
    Path("image-cluster.yaml").write_text("labels:\n  granularity: auto  # by eye\n")
    found = call(bench, "bollards", "--apply", "0.60")
    assert found.exit_code == 0, found.output
    assert Path("image-cluster.yaml").read_text() == "labels:\n  granularity: auto  # by eye\n"
    assert f"image-cluster cluster --category bollards --out {bench.data}" in found.stderr
    assert "is now 0.6" in found.stderr
    assert found.stdout == ""
    assert "is 0.6 already" in call(bench, "bollards", "--apply", "0.6").stderr
    rows = json.loads(call(bench, "bollards", *SWEEP, "--json", "--quiet").stdout)["settings"]
    assert [row["setting"] for row in rows if row["current"]] == ["0.6"]
    assert "that of the settings, auto" in call(bench, "bollards", "--apply", "settings").stderr


def test_the_best_can_be_taken_over_at_once_and_undone(bench: Bench, here: Path) -> None:
    told = json.loads(call(bench, "bollards", *SWEEP, "--json", "--quiet").stdout)
    found = call(bench, "bollards", *SWEEP, "--apply", "best")
    assert found.exit_code == 0
    assert f"is now {told['best']}" in found.stderr
    undone = CliRunner().invoke(main, ["clusters", "undo", "--category", "bollards", "--out", str(bench.data)])
    assert undone.exit_code == 0, undone.output
    assert choice(bench.project(), "bollards").event is None


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["bolards"], 2, "Did you mean bollards?"),
        (["bollards", "--steps", "0.2,two"], 2, "0.2,0.4,0.6"),
        (["bollards", "--steps", "1.2"], 2, "from 0 (coarse) to 1 (fine)"),
        (["bollards", "--apply", "finer"], 2, "auto, coarse, fine, or a number"),
        (["bollards", "--apply", "2"], 2, "granularity"),
    ],
)
def test_trouble_is_one_clear_message_and_writes_nothing(
    bench: Bench, here: Path, arguments: list[str], code: int, says: str
) -> None:
    found = call(bench, *arguments)
    assert found.exit_code == code, found.output
    assert says in found.stderr
    assert list(here.iterdir()) == []
