"""Known images that a file with a new key may show, told by its name. Its look decides (`identity.py`).

What belongs here: which names may belong together. Not here: comparing pictures (`identity.py`), what a key means
(`stages/manifest/keys.py`).

People convert a library to WebP, export it again at another quality or into another folder, or upload further widths.
Then every file has other pixels under another key, and only its name tells which image it may be.
"""

import polars as pl

MOST = 8  # known images for one name; where more have it, the name says nothing

_NEW = ("image_id", "key", "path")
_KNOWN = (*_NEW, "image", "gone")
# An ending with a letter first: scan.001 and scan.002 are two pictures.
_ENDING = r"([^/])\.[A-Za-z][A-Za-z0-9]{1,7}$"


def images_of_other_names(new: pl.DataFrame, known: pl.DataFrame) -> dict[str, list[str]]:
    """Key → known images that it may show, at most `MOST`, by the first of these rules that finds any:

    1. the same image by its name: another width of it is read now,
    2. the same path but for its ending and case: `a/1.jpg`, `a/1.webp` and `a/1.JPG`,
    3. the same file name but for its ending and case, of an image that is gone: it was moved.

    `new` are files without an image: `image_id`, `key`, and `path`, the key within its category. `known` are files that
    an earlier run used, in addition with `image` (its content hash) and `gone`, whether there is no such file any more.
    """
    new, known = _with_names(new.select(_NEW)), _with_names(known.select(_KNOWN))
    found: dict[str, list[str]] = {}
    for name, former in (("image_id", known), ("place", known), ("file", known.filter("gone"))):
        pairs = new.join(former, on=name, how="inner", suffix="_known", maintain_order="left_right")
        images = pairs.group_by("key", maintain_order=True).agg(pl.col("image").unique(maintain_order=True))
        fitting = images.filter(pl.col("image").list.len() <= MOST)
        found = {**dict(fitting.iter_rows()), **found}
    return found


def _with_names(frame: pl.DataFrame) -> pl.DataFrame:
    place = pl.col("path").str.replace(_ENDING, "$1").str.to_lowercase()
    return frame.with_columns(place=place, file=place.str.extract(r"([^/]*)$", 1))
