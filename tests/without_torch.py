"""Processes in which torch and what needs it are not installed, as after `pip install image-cluster`.

What belongs here: hiding packages from a child process. Not here: what must hold there
(`tests/steps/test_without_torch.py`).
"""

import os
from pathlib import Path

HIDDEN = ("torch", "torchvision", "timm", "open_clip", "transformers")
HIDE = f"""
from importlib.machinery import PathFinder
find_spec = PathFinder.find_spec
def find_the_rest(name, path=None, target=None):
    return None if name in {HIDDEN!r} else find_spec(name, path, target)
PathFinder.find_spec = find_the_rest
from importlib import metadata
from_name = metadata.Distribution.from_name
def from_other_name(name):
    if name.removesuffix("_torch") in {HIDDEN!r}:
        raise metadata.PackageNotFoundError(name)
    return from_name(name)
metadata.Distribution.from_name = from_other_name
"""


def environment(folder: Path) -> dict[str, str]:
    """The environment of such processes; `folder` gets the module that Python runs at its start."""
    (folder / "sitecustomize.py").write_text(HIDE, encoding="utf-8")
    return os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(Path.cwd())))}
