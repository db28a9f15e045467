"""Fixtures of this folder: one library that tests only read, and a fresh one for those that write.

What belongs here: fixtures. Not here: drawing and serving (`site.py`).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.site import Client, Site


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that was run once, to be copied."""
    root = tmp_path_factory.mktemp("drawn")
    Site(root).run()
    return root


@pytest.fixture(scope="session")
def shared(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service that tests only read from."""
    root = tmp_path_factory.mktemp("shared") / "site"
    shutil.copytree(drawn, root, symlinks=True)
    with Site(root).serve() as client:
        yield client


@pytest.fixture
def site(drawn: Path, tmp_path: Path) -> Site:
    """A library of one's own."""
    root = tmp_path / "site"
    shutil.copytree(drawn, root, symlinks=True)
    return Site(root)
