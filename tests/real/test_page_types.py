"""The page's scripts, checked by TypeScript at its strictest from the types in their comments."""

from pathlib import Path

import pytest

from tests.real.typescript import TypeScript

pytestmark = pytest.mark.real

CONFIGURATION = Path(__file__).parent / "tsconfig.page.json"


def test_every_script_of_the_page_holds_under_strict_types(tsc: TypeScript) -> None:
    found = tsc(["--pretty", "false", "-p", str(CONFIGURATION)])
    assert found.stdout == ""
    assert found.returncode == 0


def test_the_check_sees_a_mistake(tsc: TypeScript, tmp_path: Path) -> None:
    (tmp_path / "wrong.js").write_text('// @ts-check\nexport const n = document.getElementById("x").value;\n')
    text = CONFIGURATION.read_text().replace("../../pipeline/service/page/static", ".")
    (tmp_path / "tsconfig.json").write_text(text)
    assert "TS2531" in tsc(["--pretty", "false", "-p", str(tmp_path / "tsconfig.json")]).stdout
