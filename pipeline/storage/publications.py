"""Published sets: documents that appear together or not at all.

What belongs here: writing a set of files to a folder or a bucket so that no reader sees half of it. Not here: the
documents (`stages/published/`), the history of publications (`history.py`).

In a folder, a set is a directory that never changes, and the symbolic link `SLUG` moves to it in one step. An object
store has no such step, so a set has its own immutable prefix, `SLUG/versions/VERSION/`, and `SLUG/clusters.json`, a
single object, is replaced last.

Sets lie below `.versions/SLUG/` and are named by an increasing number and the digest of their content. Writers hold the
category's lock, so an incomplete set was left by a killed process.
"""

import errno
import filecmp
import os
import re
import secrets
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.storage.files import sync_directory, write_atomically
from pipeline.storage.layout import DOCUMENT, published_set, published_sets

if TYPE_CHECKING:
    from pipeline.stages.manifest.bucket import Bucket

SETS_KEPT = 5  # at an outlet; for the data directory, a setting
CONTENT_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".ts": "text/plain; charset=utf-8"}
_OURS = re.compile(r"[0-9]{6,}-[0-9a-f]{12}")
_SUFFIXES = "|".join(re.escape(suffix) for suffix in CONTENT_TYPES)
_SET = rf"(?P<version>(?:[^/]+/versions|\.versions/[^/]+)/{_OURS.pattern})/"
_PLACES = rf"[^/]+/|{_SET}"
_PUBLISHED = re.compile(rf"(?:{_PLACES})(?P<name>[^/]+(?:{_SUFFIXES}))")  # a key at an outlet


def publish_to_folder(root: Path, slug: str, version: str, files: Mapping[str, bytes]) -> Path:
    """Place `files` at `root/slug/NAME` in one step; returns `root/slug`."""
    stage_set(root, slug, version, files)
    link = swing(root, slug, version)
    drop_old_sets(root, slug, keep=_newest(published_sets(root, slug)) | {version})
    return link


def stage_set(root: Path, slug: str, version: str, files: Mapping[str, bytes]) -> Path:
    """Write a complete set without showing it to readers; does nothing if it exists. Returns its folder."""
    versions = published_sets(root, slug)
    target = versions / version
    _remove_leftovers(root, slug)
    if not target.exists():
        staged = versions / f".{version}.{secrets.token_hex(4)}"
        staged.mkdir(parents=True)
        try:
            for name, data in files.items():
                write_atomically(staged / name, data)
            sync_directory(staged)
            staged.replace(target)
            sync_directory(versions)
        except BaseException:  # also Ctrl-C: a half-written set must not stay behind
            shutil.rmtree(staged, ignore_errors=True)
            raise
    return target


def swing(root: Path, slug: str, version: str) -> Path:
    """Point the link `root/slug` to an existing set in one step; returns the link.

    A folder in its place, as tools leave that copy links as what they lead to, is replaced if it is a copy of a set.
    Raises `FileExistsError` for any other folder.
    """
    link = root / slug
    fresh, aside = (root / f".{slug}.{secrets.token_hex(4)}" for _ in range(2))
    fresh.symlink_to(published_set(Path(), slug, version))
    if link.is_dir() and not link.is_symlink():
        if not _is_copy_of_a_set(root, slug):
            fresh.unlink()
            raise FileExistsError(
                errno.EEXIST, "a folder with other files is where a link to the published files would be; move it away",
                str(link),
            )  # fmt: skip
        link.rename(aside)
    fresh.replace(link)
    shutil.rmtree(aside, ignore_errors=True)
    sync_directory(root)
    return link


def linked_version(root: Path, slug: str) -> str | None:
    """The name of the set that readers see; None if there is none yet."""
    link = root / slug
    return link.readlink().name if link.is_symlink() and link.exists() else None


def _is_copy_of_a_set(root: Path, slug: str) -> bool:
    copied = {path.name: path for path in (root / slug).iterdir()}
    for version in _sets(published_sets(root, slug)):
        files = {path.name: path for path in version.iterdir()}
        if files.keys() == copied.keys() and all(
            copied[name].is_file() and filecmp.cmp(path, copied[name], shallow=False) for name, path in files.items()
        ):
            return True
    return False


def drop_old_sets(root: Path, slug: str, keep: Collection[str]) -> None:
    """Remove every set that is not in `keep`."""
    for path in _sets(published_sets(root, slug)):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


def publish_to_bucket(bucket: "Bucket", slug: str, version: str, files: Mapping[str, bytes]) -> str:
    """Write `files` below `SLUG/versions/VERSION/` and then `SLUG/clusters.json`; returns the key of the latter.

    Skips objects that exist with the same size, because a version never changes.
    """
    for name, data in files.items():
        key = f"{slug}/versions/{version}/{name}"
        there = bucket.head(key)
        if there is None or there.size != len(data):
            bucket.write(key, data, content_type=_content_type(name))
    key = f"{slug}/clusters.json"
    bucket.write(key, files["clusters.json"], content_type=_content_type(key))
    _drop_old_versions(bucket, slug, keep=version)
    return key


def is_outlet(keys: Iterable[str], ignored: Callable[[str], bool]) -> bool:
    """Whether the files of a folder, as keys below it, are published sets and nothing else but `ignored` ones."""
    published = False
    for key in keys:
        match = _PUBLISHED.fullmatch(key)
        if match is None and not ignored(key):
            return False
        published = published or (match is not None and (match["name"] == DOCUMENT or match["version"] is not None))
    return published


def _content_type(name: str) -> str:
    return CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")


def _drop_old_versions(bucket: "Bucket", slug: str, keep: str) -> None:
    """Remove all but the newest versions. Prefixes with other names are not ours and stay."""
    prefix = f"{slug}/versions/"
    keys: dict[str, list[str]] = {}
    for page in bucket.pages(prefix):
        for entry in page:
            name = entry.key.removeprefix(prefix).partition("/")[0]
            if _OURS.fullmatch(name):
                keys.setdefault(name, []).append(entry.key)
    for name in sorted(keys, key=_number)[:-SETS_KEPT]:
        if name != keep:
            for key in keys[name]:
                bucket.delete(key)


def _number(version: str) -> int:
    return int(version.partition("-")[0])


def _sets(versions: Path) -> list[Path]:
    return [path for path in versions.iterdir() if not path.name.startswith(".")] if versions.exists() else []


def _newest(versions: Path) -> set[str]:
    return {path.name for path in sorted(_sets(versions), key=os.path.getmtime)[-SETS_KEPT:]}


def _remove_leftovers(root: Path, slug: str) -> None:
    """Remove what a killed process left behind: incomplete sets, a link that was not moved yet, and a replaced copy."""
    versions = published_sets(root, slug)
    for path in versions.glob(".*") if versions.exists() else ():
        shutil.rmtree(path, ignore_errors=True)
    for path in root.glob(f".{slug}.*"):
        if not re.fullmatch(r"[0-9a-f]{8}", path.name.removeprefix(f".{slug}.")):
            continue
        if path.is_symlink():
            path.unlink(missing_ok=True)
        elif path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
