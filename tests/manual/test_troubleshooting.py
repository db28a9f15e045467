"""docs/troubleshooting.md: each message is one of the program, and what a command can bring about is brought about."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
MESSAGES = re.findall(r"^### `(.*)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
GAP = "\0"


def texts_of_the_program() -> list[str]:
    """Every text in the code; what is filled in is a gap."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "pipeline").rglob("*.py"))
    return [
        "".join(parts(node)) for tree in trees for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.Constant)
    ]  # fmt: skip


def parts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from parts(part) if isinstance(part, ast.Constant) else GAP


TEXTS = texts_of_the_program()


COMMANDS = [
    ("run nowhere", "The folder … does not exist"),
    ("clusters list --out elsewhere", "There is nothing in … yet."),
    (
        "run empty --out new",
        "… holds no images: no folder with a file at its top and no image beside one. Nothing was done.",
    ),
    ("run empty --settings none.yaml", "There is no settings file …"),
    ("check empty --encoder packaged:efficientnet_lite9", "There is no encoder …"),
    ("check s3://bucket --endpoint-url http://127.0.0.1:9", "No credentials for …"),
    ("run r2://bucket", "… needs an endpoint"),
    ("serve --host 0.0.0.0 --port auto", "Listening on … lets other machines in, and there is no token."),
]
PRINTED = {message for _, message in COMMANDS}


def found_in(text: str, message: str) -> bool:
    return re.search(".*?".join(re.escape(piece) for piece in message.split("…")), text, re.DOTALL) is not None


@pytest.mark.parametrize("message", [one for one in MESSAGES if one not in PRINTED])
def test_the_program_has_this_message(message: str) -> None:
    assert any(found_in(text, message) for text in TEXTS), f"No text of the program is {message!r}."


def test_there_are_messages() -> None:
    assert len(MESSAGES) >= 30
    assert len(set(MESSAGES)) == len(MESSAGES)
    assert set(MESSAGES) >= PRINTED


@pytest.mark.parametrize(("command", "message"), COMMANDS)
def test_the_command_prints_the_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "R2_ACCESS_KEY_ID", "IMAGE_CLUSTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(main, command.split())
    assert found_in(done.output, message), done.output
