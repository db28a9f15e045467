"""The documentation as a site: it builds with strict links, needs no other server, and has the anchors of /help."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.manual.pages import names
from pipeline.manual.render import render

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", root)
    shutil.copytree(ROOT / "docs", root / "docs")
    command = [str(Path(sys.executable).parent / "zensical"), "build", "--strict"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return root / "site"


def page_of(built: Path, name: str) -> str:
    path = built / "index.html" if name == "index" else built / name.removesuffix("/index") / "index.html"
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", names())
def test_the_site_has_the_page_with_the_anchors_of_the_help_and_loads_nothing_from_elsewhere(
    built: Path, name: str
) -> None:
    html = page_of(built, name)
    ids = re.findall(r'<h[1-6] id="([^"]*)"', html)
    assert ids == [one.anchor for one in render(name).sections]
    loaded = re.findall(
        r'<(?:script|img|iframe)[^>]* src="([^"]*)"|<link[^>]*rel="stylesheet"[^>]*href="([^"]*)"', html
    )
    assert [goal for pair in loaded for goal in pair if "//" in goal] == []


@pytest.mark.parametrize("name", names())
def test_both_renderers_see_the_same_tables_lists_and_code(built: Path, name: str) -> None:
    article = re.search(r"<article.*?</article>", page_of(built, name), re.DOTALL)
    assert article is not None
    theirs, ours = article[0], render(name).html
    for tag in ("<table", "<pre", "<img", "<li>", "<tr"):
        assert theirs.count(tag) == ours.count(tag), tag
