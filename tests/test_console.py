"""What the command line says while it works."""

import json
import re
from typing import Any

import pytest

from pipeline.console import Console, print_json, print_rows, print_summary


def test_before_the_first_image_is_done_progress_says_how_many_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.console.monotonic", lambda: now)
    console = Console()
    console.progress("embed", 0, 1)
    now = 6.0
    console.progress("embed", 0, 1)
    console.progress("embed", 1, 1)
    said = capsys.readouterr().err
    assert "0 of 1" not in said
    assert said.splitlines() == ["embed: 1 image …", "embed: 1 of 1, 0.2 images/s"]


def test_only_phases_of_images_give_their_speed_in_images(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.console.monotonic", lambda: now)
    console = Console()
    for phase in ("embed all", "tune all"):
        console.progress(phase, 0, 40)
    now = 10.0
    for phase in ("embed all", "tune all"):
        console.progress(phase, 20, 40)
    assert capsys.readouterr().err.splitlines() == [
        "embed all: 20 of 40, 2 images/s, 10 s left", "tune all: 20 of 40, 10 s left",
    ]  # fmt: skip


def test_the_first_few_images_foretell_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo began with “1 of 196, 0 images/s, 1454 s left”, and took two minutes."""
    now = 0.0
    monkeypatch.setattr("pipeline.console.monotonic", lambda: now)
    console = Console()
    for at, done in ((0.0, 0), (7.0, 1), (14.0, 7)):
        now = at
        console.progress("draw", done, 196)
    assert capsys.readouterr().err.splitlines() == ["draw: 1 of 196", "draw: 7 of 196, 0.5 images/s, 6 min left"]


@pytest.mark.parametrize(("total", "left"), [(1_000, "99 s left"), (10_000, "16 min left"), (100_000, "3 h left")])
def test_a_long_time_left_is_not_told_in_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int, left: str
) -> None:
    now = 0.0
    monkeypatch.setattr("pipeline.console.monotonic", lambda: now)
    console = Console()
    for at, done in ((0.0, 0), (10.0, 100)):
        now = at
        console.progress("embed", done, total if total > 1_000 else 1_090)
    assert capsys.readouterr().err.strip().endswith(left)


def test_the_figures_of_a_run_are_in_words_that_need_no_second_look(capsys: pytest.CaptureFixture[str]) -> None:
    summary: dict[str, Any] = {
        "category": "all", "images": 405, "clusters": 12, "unclustered": 17, "unclustered_share": 0.042,
        "set_aside": 4, "set_aside_reasons": {"broken": 3, "not_an_image": 1}, "largest_cluster_share": 0.17,
        "read": 405, "embedded": 389, "nothing_new": False, "headline": "", "warning": "", "clustering": "",
        "seconds": {"manifest": 0.1, "embeddings": 45.4, "reduced": 2.5, "published": 0.01},
        "clusters_json": "data/clusters.json", "clusters_html": "data/clusters.html",
    }  # fmt: skip
    print_summary(summary)
    said = capsys.readouterr().out
    assert "set aside        4 (3 broken, 1 not an image)" in said
    assert "new              405 read, 389 embedded" in said
    assert "seconds          48.0: embeddings 45.4, reduced 2.5" in said
    print_summary(summary | {"read": 0, "embedded": 0, "seconds": {"manifest": 0.01}})
    said = capsys.readouterr().out
    assert "new              nothing" in said
    assert "seconds          under 0.1" in said


def test_images_that_were_set_aside_are_named_with_the_reason_and_the_command_that_lists_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary: dict[str, Any] = {
        "category": "all", "images": 9, "clusters": 1, "unclustered": 0, "unclustered_share": 0.0, "set_aside": 4,
        "set_aside_reasons": {"broken": 4}, "largest_cluster_share": 1, "read": 9, "embedded": 5, "nothing_new": False,
        "set_aside_examples": [{"key": f"de/{n}.png", "status": "broken", "reason": "cut off"} for n in range(3)],
        "headline": "", "warning": "", "clustering": "", "seconds": {}, "clusters_json": "", "clusters_html": "",
    }  # fmt: skip
    print_summary(summary, " --out d")
    said = capsys.readouterr().out
    assert re.search(
        r"set aside +4 \(4 broken\)\n +de/0.png: cut off\n +de/1.png: cut off\n +de/2.png: cut off\n", said
    )
    assert "All: image-cluster sql \"SELECT key, reason FROM images WHERE status <> 'ok'\" --out d\n" in said
    print_summary(summary | {"set_aside": 3})
    assert "All: " not in capsys.readouterr().out


def test_a_terminal_obeys_no_name_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    name = "esc\x1b]0;title\x07\x1b[2J\r\x9b31m"
    Console().notice(f"Skipped: {name}\nand more")
    print_rows([{"key": name, "tab": "a\tb"}])
    print_summary({"category": name, "failed": name})
    said = capsys.readouterr()
    assert said.err == "Skipped: esc\\x1b]0;title\\x07\\x1b[2J\\x0d\\x9b31m\nand more\n"
    assert not [letter for letter in said.out if ord(letter) < 32 and letter not in "\n\t"]
    print_json([name])
    assert json.loads(capsys.readouterr().out) == [name]


@pytest.mark.parametrize("columns", [80, 60, 40, 20])
def test_ids_stay_whole_in_a_table_however_narrow_the_terminal_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    ids = ["c-5u5e8u9g", "c-u3vyy3b6", "03a880e7a3b6c83f", "000001-9e303bee19b3", "12345", "c-dcydf45k"]
    print_rows([
        {"category": "bollards in the north", "id": ids[0], "name": "White Cylindrical With a Band", "size": 12345,
         "what": f"merged {ids[1]} into {ids[0]}", "image": ids[2], "version": ids[3], "review": "", "into": ids[5],
         "reason": "the images of this cluster differ more than those of others"},
    ])  # fmt: skip
    shown = capsys.readouterr().out
    assert [text for text in ids if text not in shown] == []
    assert max(map(len, shown.splitlines())) <= columns or "size      12345\n" in shown


def test_a_table_that_fits_is_a_table_and_one_that_does_not_has_a_line_for_each_value(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"id": "c-5u5e8u9g", "name": "White Cylindrical", "size": 8, "review": ""}]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    print_rows(rows)
    assert re.search(r"\n *c-5u5e8u9g +White Cylindrical +8 *\n", capsys.readouterr().out)
    monkeypatch.setenv("COLUMNS", "30")
    print_rows(rows)
    assert capsys.readouterr().out == "\nid      c-5u5e8u9g\nname    White Cylindrical\nsize    8\n"
