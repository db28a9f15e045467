"""Pictures of which the names say that they are one in several widths, read and compared.

What belongs here: reading them, and telling people what was found. Not here: which ones
(`stages/manifest/variants.py`),
when two thumbnails show one picture (`stages/images/identity.py`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import closing

from pipeline.settings import ImageParams
from pipeline.stages.images.attempts import Attempts
from pipeline.stages.images.decode import Decoded, Rejected, content_hash, decode, thumbnail
from pipeline.stages.images.identity import same_in_another_size
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.keys import parse_key, within_category
from pipeline.stages.manifest.variants import (
    Answers,
    ImageName,
    Several,
    names_as_text,
    still_true,
    to_look_at,
)
from pipeline.steps.project import Project

THUMBNAIL_PIXELS = 192


def compared(
    project: Project, slug: str, several: Several, objects: Callable[[], Iterable[ObjectInfo]], before: Answers
) -> Answers:
    """The answers of before that still hold, and those of the images that must be looked at now.

    `objects` lists the category once more; it is called only where something must be looked at.
    """
    category, answers = project.category_of(slug), still_true(before, several.images)
    while names := to_look_at(category, several.images, answers):
        keys = _keys(project, category, set(names), objects())
        with closing(project.attempts(slug)) as attempts:
            for name in names:
                answers[name] = (several.images[name], _one_picture(project, keys[name], attempts))
    found = {name for name, (_, same) in answers.items() if not same and before.get(name) != answers[name]}
    if found:
        project.tell_once(
            f"Names of {category} that differ by a width, but of different pictures, so each is an image: "
            f"{names_as_text(found, several.images)}."
        )
    return answers


def _keys(
    project: Project, category: str, names: set[ImageName], objects: Iterable[ObjectInfo]
) -> dict[ImageName, list[str]]:
    source = project.settings.source
    keys: dict[ImageName, list[str]] = defaultdict(list)
    for info in objects:
        rest = None if info.trouble else within_category(info.key, category, source.categories, source.skip_names)
        parsed = parse_key(rest, category) if rest is not None else None
        if parsed is not None and parsed.variant is not None and (parsed.group, parsed.identifier) in names:
            keys[parsed.group, parsed.identifier].append(info.key)
    return keys


def _one_picture(project: Project, keys: list[str], attempts: Attempts) -> bool:
    """Whether all objects that can be read show one picture."""
    images = project.settings.images
    first: bytes | None = None
    for _, data in project.bucket.read_many(keys, most=int(images.max_megabytes * 1e6)):
        decoded = _decoded(data, images, attempts) if isinstance(data, bytes) else None
        if not isinstance(decoded, Decoded):  # it gets its row and its reason when it is read in
            continue
        small = thumbnail(decoded.pixels, THUMBNAIL_PIXELS)
        if first is not None and not same_in_another_size(first, small):
            return False
        first = first or small
    return True


def _decoded(data: bytes, params: ImageParams, attempts: Attempts) -> Decoded | Rejected:
    """The picture; in a process of its own if an earlier run did not survive it."""
    digest = content_hash(data)
    with attempts.during(digest):
        if attempts.is_suspect(digest):
            return attempts.apart(data, digest, digest)
        return decode(data, params, digest=digest)
