"""Published documents: a set of companions that appears as a whole or not at all.

What belongs here: placing a set of files in a folder or a bucket so that no reader sees half of it. Not here: what the
files say (`stages/published/`).

In a folder a set is a directory that is never changed, and `SLUG` is a symbolic link that is swung over to it in one
step. An object store has no such step, so there a set lies under its own immutable prefix, `SLUG/versions/VERSION/`,
and `SLUG/clusters.json`, a single object that is replaced as a whole, is written last: it names its companions.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipeline.stages.manifest import Bucket
from pipeline.storage.files import sync_directory, write_atomically

SETS_KEPT = 5
CONTENT_TYPES = {".json": "application/json", ".html": "text/html; charset=utf-8", ".ts": "text/plain; charset=utf-8"}


def publish_to_folder(root: Path, slug: str, version: str, files: Mapping[str, bytes]) -> Path:
    """Place `files` at `root/slug/NAME` in one step; returns `root/slug`."""
    versions = root / ".versions" / slug
    target = versions / version
    if not target.exists():
        staged = versions / f".{version}.{secrets.token_hex(4)}"
        staged.mkdir(parents=True)
        try:
            for name, data in files.items():
                write_atomically(staged / name, data)
            sync_directory(staged)
            staged.replace(target)
        except BaseException:  # also Ctrl-C: a half-written set must not stay behind
            shutil.rmtree(staged, ignore_errors=True)
            raise
    link = root / slug
    swing = root / f".{slug}.{secrets.token_hex(4)}"
    swing.symlink_to(Path(".versions") / slug / version)
    swing.replace(link)
    sync_directory(root)
    _drop_old_sets(versions, keep=version)
    return link


def publish_to_bucket(bucket: Bucket, slug: str, version: str, files: Mapping[str, bytes]) -> str:
    """Write `files` below `SLUG/versions/VERSION/` and then `SLUG/clusters.json`; returns the key of the latter."""
    for name, data in files.items():
        bucket.write(f"{slug}/versions/{version}/{name}", data, content_type=_content_type(name))
    key = f"{slug}/clusters.json"
    bucket.write(key, files["clusters.json"], content_type=_content_type(key))
    return key


def _content_type(name: str) -> str:
    return CONTENT_TYPES.get(Path(name).suffix, "application/octet-stream")


def _drop_old_sets(versions: Path, keep: str) -> None:
    sets = sorted((path for path in versions.iterdir() if not path.name.startswith(".")), key=os.path.getmtime)
    for path in sets[:-SETS_KEPT]:
        if path.name != keep:
            shutil.rmtree(path, ignore_errors=True)
