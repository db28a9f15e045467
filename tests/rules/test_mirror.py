"""What must hold of the tests: each module that computes something has a test module of its name, and no other is."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("stages", "curation", "storage", "runtime")

# Modules without a test module of their name → the one that tests them, because they make sense only together.
ELSEWHERE = {
    "stages/*/contract.py": "stages/test_contract.py",  # what links store: columns and facts, held against each other
    "storage/curation/migrations/versions/*.py": "storage/curation/test_store.py",  # it runs all migrations, both ways
}


def excepted(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in ELSEWHERE)


def modules() -> dict[str, Path]:
    """The modules of the rooms by their path below `pipeline/`."""
    found = (path for room in ROOMS for path in (ROOT / "pipeline" / room).rglob("*.py"))
    return {path.relative_to(ROOT / "pipeline").as_posix(): path for path in sorted(found)}


def computes(path: Path) -> bool:
    """Whether there is a function in a module, a method included; those of an interface have no body."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(not isinstance(line, ast.Expr) for function in functions for line in function.body)


def mirrored() -> set[str]:
    """The test modules of the rooms by the path below `pipeline/` of the module that they are about."""
    found = (path for room in ROOMS for path in (ROOT / "tests" / room).rglob("test_*.py"))
    return {
        path.with_name(path.name.removeprefix("test_")).relative_to(ROOT / "tests").as_posix() for path in sorted(found)
    }


def test_every_module_that_computes_something_has_a_test_module_of_its_name() -> None:
    without = {name for name, path in modules().items() if computes(path) and not excepted(name)} - mirrored()
    assert not without, (
        f"{len(without)} modules have no test module: {sorted(without)}. The tests of pipeline/stages/x/y.py stand in "
        "tests/stages/x/test_y.py."
    )


def test_every_test_module_is_about_a_module() -> None:
    strange = mirrored() - set(modules())
    assert not strange, (
        f"{len(strange)} test modules are named after no module: {sorted(strange)}. Move their tests to the modules "
        "that they are about, and shared helpers into a plain module beside them."
    )


@pytest.mark.parametrize(("pattern", "test"), ELSEWHERE.items())
def test_what_is_tested_elsewhere_is_tested_there_and_only_there(pattern: str, test: str) -> None:
    if any(fnmatch(name, pattern) for name in modules()):
        assert (ROOT / "tests" / test).exists(), f"{test} should test {pattern}, and is gone"
    own = [name for name in mirrored() if fnmatch(name, pattern)]
    assert not own, f"{own} have a test module of their own: take {pattern} off the list"


def test_no_test_module_imports_from_another() -> None:
    borrowed = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {node.module}"
        for room in ROOMS
        for path in sorted((ROOT / "tests" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    ]
    assert not borrowed, f"helpers that are shared stand in a plain module beside the tests: {borrowed}"
