"""`image-cluster objects …` as a person or a script uses it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from tests.steps.objects_library import Bench, objects_bench

KEY = "posts/de/de-003.png"
Run = Callable[..., Result]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = objects_bench(tmp_path)
    made.run()
    return made


@pytest.fixture
def run(bench: Bench) -> Run:
    return lambda *arguments: CliRunner().invoke(main, [*arguments, "--out", str(bench.data)])


def test_a_wrong_box_and_a_missing_one_are_told_followed_by_the_next_run_and_undone(bench: Bench, run: Run) -> None:
    (before,) = json.loads(run("objects", "list", KEY, "--json").stdout)
    removed = run("objects", "remove", before["object"], "--why", "a shadow", "--actor", "ann")
    assert removed.exit_code == 0, removed.output
    assert "is wrong" in removed.stdout
    added = run("objects", "add", KEY, "0.8", "0.8", "0.2", "0.2", "--label", "cap")
    assert added.exit_code == 0, added.output
    assert "drew a box “cap”" in added.stdout
    waiting = [row["status"] for row in json.loads(run("objects", "list", KEY, "--json").stdout)]
    assert waiting == ["ok", "to be removed", "to be added"]
    bench.run()
    rows = json.loads(run("objects", "list", KEY, "--json").stdout)
    assert [(row["status"], row["x"]) for row in rows] == [("ok", 0.8), ("wrong_box", pytest.approx(before["x"]))]
    history = json.loads(run("clusters", "history", "--json").stdout)
    assert {row["actor"] for row in history} >= {"ann"}
    assert run("clusters", "undo", "1").exit_code == 0
    bench.run()
    rows = json.loads(run("objects", "list", KEY, "--json").stdout)
    assert before["object"] in {row["object"] for row in rows if row["status"] == "ok"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("remove", "nothing"), "no object nothing"),
        (("add", "posts/de/de-03.png", "0.1", "0.1", "0.2", "0.2"), "nearest is posts/de/de-0"),
        (("add", KEY, "0.9", "0.1", "0.3", "0.2"), "outside the image"),
        (("add", KEY, "0.1", "0.1", "0", "0.2"), "no area"),
        (("add", KEY, "0.1", "0.1", "1.5", "0.2"), "1.5"),
    ],
)
def test_what_cannot_be_decided_is_told_and_nothing_is_stored(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = run("objects", *arguments)
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert json.loads(run("clusters", "history", "--json").stdout) == []
