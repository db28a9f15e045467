"""What must hold of the code itself: the direction of imports, and that every module says what belongs in it."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for room in ("pipeline", "assets", "resources") for path in (ROOT / room).rglob("*.py"))
KNOWN = [path.relative_to(ROOT).as_posix() for path in (*SHIPPED, *(ROOT / "tests").rglob("*.py"))]
MOST_LINES = 350  # of a module; about 300 is the aim
MOST_LINES_OF_A_FUNCTION = 60  # about 40 is the aim

# lower floors first: a module may import its own floor and those below it
FLOORS = [
    ("pipeline.errors", "pipeline.runtime", "pipeline.settings", "pipeline.settings_text"),
    ("pipeline.stages", "pipeline.curation"),
    ("pipeline.storage", "pipeline.adapters"),
    ("pipeline.steps",),
    (
        "pipeline.console",
        "pipeline.dagster_home",
        "pipeline.demo",
        "pipeline.dev",
        "pipeline.entry",
        "pipeline.json_log",
        "pipeline.manual",
        "pipeline.commands",
        "pipeline.cli",
        "pipeline.service",
    ),
    ("resources",),
    ("assets",),
    ("pipeline.automation",),
    ("pipeline.definitions",),
    ("pipeline.dagster_run",),
]


def floor(module: str) -> int | None:
    for number, names in enumerate(FLOORS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    return None


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_never_climb(path: Path) -> None:
    module = name_of(path)
    own = floor(module)
    assert own is not None or module == "pipeline", f"{module} stands on no floor: add it to FLOORS"
    for name in imports(path):
        other = floor(name)
        if other is not None and own is not None:
            assert other <= own, f"{module} imports {name}, which stands above it"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_opens_by_saying_what_belongs_in_it(path: Path) -> None:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split()).lower()
    assert text, f"{path} has no docstring"
    if path.name != "__init__.py":
        assert "belongs here" in text, f"{path} does not say what belongs in it"
        assert "not here" in text, f"{path} does not say what does not belong in it"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_a_docstring_names_exists(path: Path) -> None:
    named = re.findall(r"`([\w/]+\.py)`", ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
    gone = [name for name in named if not any(f"/{other}".endswith(f"/{name}") for other in KNOWN)]
    assert not gone, f"{path} names modules that are not there: {gone}"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short_enough_to_be_read_at_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MOST_LINES, f"{path} has {lines} lines. Move one of its ideas to a module of its own."
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    long = [f"{node.name}: {size}" for node in functions
            if (size := (node.end_lineno or 0) - node.lineno + 1) > MOST_LINES_OF_A_FUNCTION]  # fmt: skip
    assert not long or "migrations" in path.parts, f"{path} has functions of more than one idea: {long}"


def test_the_command_line_starts_without_dagster_and_without_anything_heavy() -> None:
    heavy = ["dagster", "torch", "polars", "numpy", "duckdb", "faiss", "umap", "hdbscan", "openvino", "obstore", "rich"]
    code = f"import sys, pipeline.cli; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "[]"


def test_the_steps_run_without_dagster() -> None:
    code = "import sys, pipeline.steps.run; print('dagster' in sys.modules, 'torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.strip() == "False False"


def test_the_three_packages_are_those_of_this_checkout() -> None:
    code = "import pipeline, assets, resources; print(pipeline.__path__[0], assets.__path__[0], resources.__path__[0])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.split() == [str(ROOT / name) for name in ("pipeline", "assets", "resources")]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-core.lock"])
def test_the_lock_names_no_registry(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--hash=sha256:" in text


def locked(name: str) -> dict[str, str]:
    """The versions in a lock file, by package."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([a-z0-9_.-]+)==([^ ;]+)", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


def test_the_core_is_a_part_of_the_whole_installation_and_holds_neither_torch_nor_what_needs_it() -> None:
    core, everything = locked("requirements-core.lock"), locked("requirements.lock")
    assert core.items() < everything.items()
    heavy = {"torch", "torchvision", "timm", "open-clip-torch", "transformers", "triton"}
    assert heavy < everything.keys()
    assert not heavy & core.keys()
    assert not [name for name in core if name.startswith("nvidia")]


# Names in the data directory: only `pipeline/storage/` spells them.
STORED = {
    ".versions", ".history", ".lock", "journal", "current.json", "categories.json", "renames.json",
    "image-cluster.json", "decisions.json", "curation.sqlite3", "service.sqlite3",
}  # fmt: skip
OUTSIDE = [path for path in SHIPPED if not path.is_relative_to(ROOT / "pipeline" / "storage")]


def path_literals(tree: ast.Module) -> list[str]:
    """What names a place in the data directory: a stored name, or a text joined to a path of the layout."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            media_type = node.value.startswith("application/")
            table = node.value.endswith(".parquet") and len(node.value.split()) == 1 and not media_type
            if node.value in STORED or table:
                found.append(f"line {node.lineno}: {node.value!r}")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            text = isinstance(node.right, ast.JoinedStr) or (
                isinstance(node.right, ast.Constant) and isinstance(node.right.value, str)
            )
            if text and any(name in ast.unparse(node.left) for name in ("layout", "data_dir")):
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_in_the_data_directory_is_spelled_outside_storage(path: Path) -> None:
    found = path_literals(ast.parse(path.read_text(encoding="utf-8")))
    assert not found, f"{path} spells paths that pipeline/storage/layout.py should give: {found}"


@pytest.mark.parametrize(
    "code", ['layout.root / "categories"', 'a / ".versions"', 'folder.glob("*.parquet")', 'layout.cache / f"{a}.json"']
)
def test_a_spelled_path_is_noticed(code: str) -> None:
    assert path_literals(ast.parse(code))


def test_no_files_import_each_other_in_a_circle() -> None:
    modules = {name_of(path): path for path in SHIPPED}
    arrows = {name: {other for other in imports(path) if other in modules} - {name} for name, path in modules.items()}
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle
