"""A codec that does harm to the processes that start while it is there.

What belongs here: the module that Python imports at its start, and that breaks Pillow. Not here: what becomes of a run.
"""

from pathlib import Path

_SITE = """
import os, signal, time
from PIL import ImageFile
before = ImageFile.ImageFile.load
def load(self):
    if self.size == {size}:
        {what}
    return before(self)
ImageFile.ImageFile.load = load
"""


def break_codec(folder: Path, what: str, size: tuple[int, int]) -> None:
    """Pillow does `what` before it decodes an image of this size, in processes with `folder` on their PYTHONPATH."""
    (folder / "sitecustomize.py").write_text(_SITE.format(what=what, size=size))
