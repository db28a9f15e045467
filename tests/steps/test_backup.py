"""Decisions can be copied out and brought back, and nothing that is there is given up without a word."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.errors import BackupError
from pipeline.steps.backup import backup, restore
from pipeline.storage.curation import copies
from tests.steps.named_library import HARM, Bench, bench, database, deleted, library, name_all, names

__all__ = ["bench"]


@pytest.mark.parametrize("kind", [kind for kind in HARM if kind not in ("another database", "noise inside")])
def test_the_latest_copy_brings_every_name_back(bench: Bench, kind: str) -> None:
    before = (bench.data / "published" / "posts").readlink()
    HARM[kind][0](bench)
    said = restore(bench.project(), "latest")
    assert said.startswith("3 decisions are back, as of 2026-11-21")
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    assert (bench.data / "published" / "posts").readlink() == before
    assert ("What was there before is kept in" in said) == (kind not in ("empty", "deleted"))


@pytest.mark.parametrize("kind", ["another database", "noise inside"])
def test_other_decisions_that_are_there_are_replaced_only_on_an_explicit_word(bench: Bench, kind: str) -> None:
    HARM[kind][0](bench)
    with pytest.raises(BackupError, match=r"lacks decisions that are there \(posts has 3, the copy 3\), so nothing"):
        restore(bench.project(), "latest")
    assert "is kept in" in restore(bench.project(), "latest", replace=True)
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]


def test_newer_decisions_are_not_given_up_for_an_older_copy(bench: Bench) -> None:
    name_all(bench, "Later")
    with pytest.raises(BackupError, match=r"posts has 6, the copy 3"):
        restore(bench.project(), "latest")
    bench.run()
    assert names(bench) == ["Later 0", "Later 1", "Later 2"]


def test_a_copy_in_a_file_of_its_own_is_brought_back_into_an_empty_directory(bench: Bench, tmp_path: Path) -> None:
    copy = backup(bench.project(), tmp_path / "away" / "copy.sqlite3")
    assert (copy.events, copies.is_good(copy)) == (3, True)
    with pytest.raises(BackupError, match="is there already"):
        backup(bench.project(), copy.file)
    deleted(bench)
    for path in (bench.data / "backups" / "decisions").iterdir():
        path.unlink()
    with pytest.raises(BackupError, match="no good copy"):
        restore(bench.project(), "latest")
    restore(bench.project(), str(copy.file))
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]


def test_nothing_is_brought_back_from_a_damaged_copy(bench: Bench, tmp_path: Path) -> None:
    data = database(bench).read_bytes()
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(data[: len(data) // 2])
    with pytest.raises(BackupError, match="is no usable copy"):
        restore(bench.project(), str(broken))
    with pytest.raises(BackupError, match="There is no copy"):
        restore(bench.project(), str(tmp_path / "nowhere"))
    assert database(bench).read_bytes() == data


def test_where_nothing_was_decided_there_is_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="Nothing was decided"):
        backup(library(tmp_path).project(), None)


def test_the_commands_print_what_can_be_piped_and_exit_codes_say_the_rest(bench: Bench, tmp_path: Path) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(main, [*arguments, "--out", str(bench.data)])
        return found.exit_code, found.stdout

    code, said = call("backup")
    assert code == 0
    assert Path(said.strip()).parent == bench.data / "backups" / "decisions"
    code, said = call("backup", str(tmp_path / "copy.sqlite3"), "--json")
    assert (code, json.loads(said)["decisions"], json.loads(said)["categories"]) == (0, 3, {"posts": 3})
    deleted(bench)
    assert call("publish")[0] == 1
    code, said = call("restore", "latest")
    assert (code, said[:21]) == (0, "3 decisions are back,")
    assert call("restore", str(tmp_path / "nothing"))[0] == 1
