"""Uploaded pictures → objects in the bucket, below their category.

What belongs here: which files are accepted, and their keys. Not here: reading and embedding them (`queue.py`).

A picture is accepted if it decodes completely; its file name is ignored. Its key is the hash of its content, so the
same picture is stored once and nobody can overwrite another one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.service.problems import Problem, unknown
from pipeline.service.search import Decoders
from pipeline.settings import Settings
from pipeline.stages.images.decode import Decoded, content_hash
from pipeline.stages.manifest.bucket_manifest import MANIFEST_KEY, is_foreign
from pipeline.stages.manifest.keys import compile_pattern, folder_of, image_id, parse_key, pattern_of
from pipeline.steps.project import Project
from pipeline.storage.categories import read_slugs

# Pillow's name of a format → extension and media type
FORMATS = {
    "JPEG": ("jpg", "image/jpeg"), "MPO": ("jpg", "image/jpeg"), "PNG": ("png", "image/png"),
    "GIF": ("gif", "image/gif"), "BMP": ("bmp", "image/bmp"), "TIFF": ("tif", "image/tiff"),
    "WEBP": ("webp", "image/webp"), "AVIF": ("avif", "image/avif"), "QOI": ("qoi", "image/qoi"),
    "JPEG2000": ("jp2", "image/jp2"), "ICO": ("ico", "image/vnd.microsoft.icon"), "SGI": ("sgi", "image/sgi"),
    "HEIF": ("heic", "image/heic"), "PCX": ("pcx", "image/vnd.zbrush.pcx"), "PPM": ("ppm", "image/x-portable-pixmap"),
}  # fmt: skip
GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")


@dataclass(frozen=True)
class Stored:
    """The result for one file. `key` and `image_id` are None if it was refused; `reason` says why."""

    name: str
    status: str
    content_hash: str
    key: str | None = None
    image_id: str | None = None
    reason: str | None = None
    new: bool = False


def store_uploads(
    project: Project, decoders: Decoders, category: str, group: str | None, files: Iterable[tuple[str, bytes]]
) -> tuple[str, list[Stored]]:
    """Store (name, bytes) pairs; returns the category's slug and the result for each. Raises `Problem`."""
    slug, category = _category(project, category)
    if group is not None and not GROUP.fullmatch(group):
        raise Problem(
            422, "invalid-group", "A group has 1 to 60 letters, digits, - and _, and begins with a letter or digit."
        )
    _refuse_with_manifest(project)
    return slug, [_store(project, decoders, category, group, name, data) for name, data in files]


def _category(project: Project, name: str) -> tuple[str, str]:
    slugs = read_slugs(project.layout)
    for slug, category in slugs.items():
        if name in (slug, category):
            return slug, category
    raise unknown("category", name, [*slugs, *slugs.values()], hint="Make its folder in the bucket and run once.")


def _refuse_with_manifest(project: Project) -> None:
    wanted = project.settings.source.manifest
    if wanted == "require" or (
        wanted == "auto"
        and project.bucket.head(MANIFEST_KEY) is not None
        and not is_foreign(project.bucket.read(MANIFEST_KEY))
    ):
        raise Problem(
            409, "bucket-has-a-manifest", f"The bucket's {MANIFEST_KEY} says which images exist, so an upload would "
            "stay unseen. Add the image there, or set source.manifest to ignore.",
        )  # fmt: skip


def _store(project: Project, decoders: Decoders, category: str, group: str | None, name: str, data: bytes) -> Stored:
    shown = name[:200]
    decoded = decoders.decode(data)
    if not isinstance(decoded, Decoded):
        return Stored(shown, decoded.status, content_hash(data), reason=decoded.reason)
    extension, media_type = FORMATS.get(decoded.format, ("bin", "application/octet-stream"))
    folder = group or project.settings.service.upload_folder
    rest = f"{folder}/{decoded.content_hash}.{extension}"
    parsed = _parse(project.settings, category, rest)
    top = folder_of(category, project.settings.source.categories)
    key = rest if top is None else f"{top}/{rest}"
    there = project.bucket.head(key) is not None
    if not there:
        project.bucket.write(key, data, content_type=media_type)
    return Stored(shown, "stored" if not there else "there already", decoded.content_hash, key,
                  image_id(category, *parsed), new=not there)  # fmt: skip


def _parse(settings: Settings, category: str, rest: str) -> tuple[str | None, str]:
    """Group and identifier of the key by the category's pattern. Raises `Problem` if it does not match."""
    written = pattern_of(category, settings.source.patterns)
    parsed = parse_key(rest, category, compile_pattern(category, written) if written is not None else None)
    if parsed is None:
        raise Problem(
            409, "pattern-refuses-uploads", f"source.patterns.{category} does not match {rest!r}, so an upload would "
            "stay unseen. Widen the pattern, or upload to the bucket itself.",
        )  # fmt: skip
    return parsed.group, parsed.identifier
