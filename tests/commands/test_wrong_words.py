"""What a mistyped command or option was meant as is said with the line to type instead."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["list"], "image-cluster clusters list"),
        (["rename", "c-7k3m9qwx", "Birds"], "image-cluster clusters rename"),
        (["cluster", "list"], "image-cluster clusters list"),
        (["cluster", "renam"], "image-cluster clusters rename"),
        (["clusters", "run"], "image-cluster run"),
        (["clusters", "renam"], "image-cluster clusters rename"),
        (["ls"], "image-cluster clusters list"),
        (["index", "photos"], "image-cluster run"),
        (["gui"], "image-cluster serve"),
        (["clusters", "delete", "x"], "image-cluster clusters exclude"),
        (["clusters", "names.csv"], "image-cluster clusters --help"),
        (["xyzzy"], "image-cluster --help"),
        (["clusters", "delet", "x"], "image-cluster clusters exclude"),
        (["serve", "."], "--out ."),
        (["changes", "birds"], "--category birds"),
        (["demo", "stamps"], "--library stamps"),
        (
            ["--out", "data", "clusters", "list"],
            "--out stands after the command, as in: image-cluster clusters list --out",
        ),
        (["clusters", "--category", "birds", "list"], "--category stands after the command"),
    ],
)
def test_a_wrong_command_is_told_with_the_one_that_was_probably_meant(typed: list[str], says: str) -> None:
    found = CliRunner().invoke(main, typed)
    assert found.exit_code == 2
    assert says in found.stderr, found.stderr
    assert found.stderr.count("Error: ") == 1


def test_every_command_that_is_proposed_exists() -> None:
    from pipeline.commands.wrong_words import MEANT, commands_of

    assert set(MEANT.values()) <= dict(commands_of(main)).keys()
    assert not set(MEANT) & set(main.commands)


def test_the_data_directory_may_be_called_data(tmp_path: Path) -> None:
    found = CliRunner().invoke(main, ["clusters", "list", "--data", str(tmp_path / "mine")])
    assert f"There is nothing in {tmp_path / 'mine'} yet" in found.stderr
