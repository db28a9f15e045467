"""A library of objects for tests about boxes: one picture shows two things and has a box around the first.

What belongs here: drawing it. Not here: what is asserted.
"""

from pathlib import Path

from tests.service.site import Site
from tests.steps.objects_library import add_scene, objects_library, scene

RED, BLUE = (0.1, 0.1, 0.25, 0.25), (0.6, 0.6, 0.25, 0.25)
BOTH, NONE = "posts/de/de-900.png", "posts/de/de-901.png"  # NONE has one thing and no box


def boxes_site(root: Path) -> Site:
    """The library after its first run."""
    library = objects_library(root / "library", 24)
    add_scene(library, BOTH, ["red"], [RED], 900)
    scene(["red", "blue"], [RED, BLUE], 900).save(library / BOTH)
    scene(["red"], [RED], 901).save(library / NONE)
    site = Site(root, objects={"unit": "object", "margin": 0.0})
    site.run()
    return site
