"""Published documents: a set of companions that appears as a whole or not at all.

What belongs here: placing a set of files in a folder or a bucket so that no reader sees half of it. Not here: what the
files say (`stages/published/`), and which sets were published when (`history.py`).

In a folder a set is a directory that is never changed, and `SLUG` is a symbolic link that is swung over to it in one
step. An object store has no such step, so there a set lies under its own immutable prefix, `SLUG/versions/VERSION/`,
and `SLUG/clusters.json`, a single object that is replaced as a whole, is written last.

Sets lie below `.versions/SLUG/`, named by a number that counts up and the digest of what they say. Whoever places one
holds the category's lock, so whatever half-made set is found there was left by a process that was killed.
"""

import os
import re
import secrets
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.storage.files import sync_directory, write_atomically
from pipeline.storage.layout import published_set, published_sets

if TYPE_CHECKING:
    from pipeline.stages.manifest.build import Bucket

SETS_KEPT = 5  # at an outlet; how many the data directory keeps is a setting
CONTENT_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".ts": "text/plain; charset=utf-8"}
_OURS = re.compile(r"[0-9]{6,}-[0-9a-f]{12}")


def publish_to_folder(root: Path, slug: str, version: str, files: Mapping[str, bytes]) -> Path:
    """Place `files` at `root/slug/NAME` in one step; returns `root/slug`."""
    stage_set(root, slug, version, files)
    link = swing(root, slug, version)
    drop_old_sets(root, slug, keep=_newest(published_sets(root, slug)) | {version})
    return link


def stage_set(root: Path, slug: str, version: str, files: Mapping[str, bytes]) -> Path:
    """Write a set whole, beside the one that readers see; a no-op where it is there. Returns its folder."""
    versions = published_sets(root, slug)
    target = versions / version
    _sweep(root, slug)
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
    """Let `root/slug` lead to a set that is there, in one step; returns the link."""
    link = root / slug
    fresh = root / f".{slug}.{secrets.token_hex(4)}"
    fresh.symlink_to(published_set(Path(), slug, version))
    fresh.replace(link)
    sync_directory(root)
    return link


def linked_version(root: Path, slug: str) -> str | None:
    """The name of the set that readers see; None before the first."""
    link = root / slug
    return link.readlink().name if link.is_symlink() and link.exists() else None


def drop_old_sets(root: Path, slug: str, keep: Collection[str]) -> None:
    """Remove every set that is not in `keep`."""
    for path in _sets(published_sets(root, slug)):
        if path.name not in keep:
            shutil.rmtree(path, ignore_errors=True)


def publish_to_bucket(bucket: "Bucket", slug: str, version: str, files: Mapping[str, bytes]) -> str:
    """Write `files` below `SLUG/versions/VERSION/` and then `SLUG/clusters.json`; returns the key of the latter.

    What is there already with the same size is not written again: a version never changes.
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


def _content_type(name: str) -> str:
    return CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")


def _drop_old_versions(bucket: "Bucket", slug: str, keep: str) -> None:
    """Remove all but the newest versions that we wrote; what is named otherwise is not ours to remove."""
    prefix = f"{slug}/versions/"
    found: dict[str, list[str]] = {}
    for page in bucket.pages(prefix):
        for one in page:
            name = one.key.removeprefix(prefix).partition("/")[0]
            if _OURS.fullmatch(name):
                found.setdefault(name, []).append(one.key)
    for name in sorted(found, key=_number)[:-SETS_KEPT]:
        if name != keep:
            for key in found[name]:
                bucket.delete(key)


def _number(version: str) -> int:
    return int(version.partition("-")[0])


def _sets(versions: Path) -> list[Path]:
    return [path for path in versions.iterdir() if not path.name.startswith(".")] if versions.exists() else []


def _newest(versions: Path) -> set[str]:
    return {path.name for path in sorted(_sets(versions), key=os.path.getmtime)[-SETS_KEPT:]}


def _sweep(root: Path, slug: str) -> None:
    """Remove what a killed process left: half-made sets, and a link that was never swung."""
    versions = published_sets(root, slug)
    for path in versions.glob(".*") if versions.exists() else ():
        shutil.rmtree(path, ignore_errors=True)
    for path in root.glob(f".{slug}.*"):
        if path.is_symlink() and re.fullmatch(r"[0-9a-f]{8}", path.name.removeprefix(f".{slug}.")):
            path.unlink(missing_ok=True)
