"""The command line names its commands as the user started it, so that they can be pasted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.console import as_started

ROOT = Path(__file__).parents[2]
TYPED = ".venv/bin/image-cluster"


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A folder with the program in .venv/bin, which is not on the search path."""
    program = tmp_path / TYPED
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\nfrom pipeline.entry import main\nmain()\n")
    program.chmod(0o755)
    return tmp_path


def call(where: Path, *words: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path}
    return subprocess.run(words, cwd=where, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["cluster"], f"Run `{TYPED} run SOURCE` first"),
        (["gui"], f"Did you mean: {TYPED} serve?"),
        (["--out", "d", "clusters", "list"], f"as in: {TYPED} clusters list --out"),
        (["run", "--nonsense"], f"Usage: {TYPED} run [OPTIONS]"),
        (["run", "--help"], f"  {TYPED} run ./photos"),
        (["clusters", "--help"], f"  {TYPED} clusters undo"),
        (["--help"], f"  {TYPED} serve --open"),
        (["clusters", "merge", "--help"], f"  {TYPED} clusters merge c-7k3m9qwx"),
    ],
)
def test_a_program_that_is_not_on_the_path_names_itself_as_it_was_typed(
    started: Path, words: list[str], says: str
) -> None:
    done = call(started, TYPED, *words)
    told = done.stdout + done.stderr
    assert says in told
    assert not re.search(r"(?<![/\w])image-cluster [a-z-]", told)


def test_a_program_on_the_path_has_its_plain_name(started: Path) -> None:
    done = call(started, "image-cluster", "cluster", path=f"{started / '.venv/bin'}:/usr/bin:/bin")
    assert "Run `image-cluster run SOURCE` first" in done.stderr


def test_the_version_is_told_without_a_path(started: Path) -> None:
    assert call(started, TYPED, "--version").stdout.startswith("image-cluster, version ")


def test_a_shell_completes_commands_however_the_program_is_started(started: Path) -> None:
    words = f"""eval "$(_IMAGE_CLUSTER_COMPLETE=bash_source {TYPED})"
    complete -p image-cluster; COMP_WORDS=({TYPED} clusters re) COMP_CWORD=2
    _image_cluster_completion {TYPED} re clusters; echo "${{COMPREPLY[@]}}" """
    done = call(started, "bash", "-c", words)
    assert "_image_cluster_completion image-cluster" in done.stdout
    assert done.stdout.splitlines()[-1] == "rename representative review"


def test_only_commands_are_named_as_they_were_started(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(started)
    monkeypatch.setattr(sys, "argv", [TYPED])
    monkeypatch.setenv("PATH", "/usr/bin")
    for text in (
        "pip install 'image-cluster[torch]'", "an export of image-cluster. To read", "Upgrade image-cluster, or name",
        "image-cluster.yaml", "/opt/image-cluster run", f"{TYPED} run",
    ):  # fmt: skip
        assert as_started(text) == text
    assert as_started("(image-cluster pairs); image-cluster --help") == f"({TYPED} pairs); {TYPED} --help"


def test_what_follows_the_programs_name_in_a_text_is_a_command_of_it() -> None:
    """Else the name in a sentence would be printed as a path, or a command that is gone would be proposed."""
    from pipeline.cli import main

    known = {*main.commands, "--help", "digest", "session"}  # the last two stand in bytes that no one reads
    texts = {file.name: file.read_text() for file in (ROOT / "pipeline").rglob("*.py")}
    words = {name: set(re.findall(r"(?<![\w./-])image-cluster ([a-z-]+)", text)) for name, text in texts.items()}
    assert not {name: found - known for name, found in words.items() if found - known}
