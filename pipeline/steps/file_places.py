"""Where each original goes in an export: a folder per cluster, and names that every file system takes.

What belongs here: names of folders and files. Not here: choosing images and writing them (`export.py`).
"""

import re
import unicodedata
from collections.abc import Mapping

import polars as pl

METADATA = "metadata.csv"  # the name under which Hugging Face's `imagefolder` looks for labels
METADATA_COLUMNS = ("file_name", "label", "cluster_id", "key", "tags")  # of the ones that are written here
UNCLUSTERED = "unclustered"
LONGEST = 255  # bytes of a name on most file systems
LONGEST_ENDING = 20  # bytes of the extension that a cut name keeps
_RESERVED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029]')  # refused by a file system, or breaks a line
_MARKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # would show a name in another order than it has
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])( *\..*)?")  # kept by Windows
_COMMAND = re.compile(r"[=+@\-~]")  # an option, a home or a formula where programs read names


def file_places(images: pl.DataFrame) -> dict[str, str]:
    """Key → `cluster/file name`, different for every key, valid on every file system and never outside the folder."""
    folders = _folder_names(images)
    places: dict[str, str] = {}
    taken: set[str] = set()
    for key, image_id, cluster in images.select("key", "image_id", "cluster_id").iter_rows():
        folder, name = folders[cluster], _safe(key.rsplit("/", 1)[-1])
        place = f"{folder}/{name}"
        if _folded(place) in taken:
            place = f"{folder}/{_cut(f'{image_id}-{name}', LONGEST)}"
        taken.add(_folded(place))
        places[key] = place
    return places


def _folder_names(images: pl.DataFrame) -> Mapping[str | None, str]:
    folders: dict[str | None, str] = {None: UNCLUSTERED}
    taken = {UNCLUSTERED, METADATA}
    for cluster, name in images.select("cluster_id", "cluster_name").unique(maintain_order=True).iter_rows():
        if cluster is not None:
            folder = _safe(name or cluster)
            if _folded(folder) in taken:
                after = f" ({cluster})"
                folder = f"{_cut(folder, LONGEST - len(after))}{after}"
            taken.add(_folded(folder))
            folders[cluster] = folder
    return folders


def _folded(name: str) -> str:
    """A name without what some file systems ignore: case, and how accents are written. Equal for names that clash."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _safe(name: str) -> str:
    clean = _MARKS.sub("", _RESERVED.sub("_", name)).strip(" .") or "_"
    return _cut(f"_{clean}" if _DEVICES.fullmatch(clean) or _COMMAND.match(clean) else clean, LONGEST)


def _cut(name: str, most: int) -> str:
    """A name of at most `most` bytes, with its extension."""
    if len(name.encode()) <= most:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > LONGEST_ENDING:
        stem, dot, ending = name, "", ""
    left = most - len(f"{dot}{ending}".encode())
    return f"{stem.encode()[:left].decode(errors='ignore').strip(' .')}{dot}{ending}"
