"""What earlier runs know of the images that this run reads: by bytes, pixels, key and name.

What belongs here: gathering it from what is stored. Not here: the rule (`stages/images/identity.py`), which names may
belong together (`stages/images/other_names.py`), reading images (`ingest.py`).
"""

from pathlib import Path

import polars as pl

from pipeline.stages.images.identity import CONTENTS_SCHEMA, KnownImages, Likeness, likeness
from pipeline.stages.images.other_names import images_of_other_names
from pipeline.steps.categories import category_names
from pipeline.steps.project import Project
from pipeline.steps.renamed import is_gone
from pipeline.steps.usable_images import last_usable, with_paths
from pipeline.storage.categories import read_slugs


def known_images(project: Project, slug: str, todo: pl.DataFrame, present: pl.DataFrame) -> KnownImages:
    """What is known of the images of `todo`, which are to be read, among those `present` (both `MANIFEST_SCHEMA`)."""
    if not todo.height:
        return KnownImages(pl.DataFrame(schema=CONTENTS_SCHEMA), {}, set(), lambda _image, _thumbnail: None)
    usable = last_usable(project, slug, project.category_of(slug))
    shown = usable.select("key", "content_hash").join(todo.select("key"), on="key", how="semi")
    new = with_paths(project, project.category_of(slug), todo.select("image_id", "key"))
    new = new.join(usable, on="key", how="anti")

    def looks_like(image: str, thumbnail: bytes) -> Likeness | None:
        stored_thumbnail = project.thumbnails.read(image)
        alike = likeness(stored_thumbnail, thumbnail) if stored_thumbnail is not None else None
        return None if alike == "turned" and project.settings.objects.unit == "object" else alike

    def damaged(path: Path) -> None:
        project.talk.notice(f"{path} cannot be read: its files are recognised by key and look instead.")

    return KnownImages(
        project.contents.read(damaged), dict(shown.iter_rows()), set(usable["content_hash"]), looks_like,
        _by_name(project, slug, new, usable, present) if new.height else {},
    )  # fmt: skip


def _by_name(
    project: Project, slug: str, new: pl.DataFrame, usable: pl.DataFrame, present: pl.DataFrame
) -> dict[str, list[str]]:
    """Known images that new files may show by their names: of this category, and of one that went as this one came."""
    gone = ~pl.col("key").is_in(present["key"].implode())
    known = [usable.with_columns(gone=gone)]
    if not usable.height:
        known += [rows.with_columns(gone=pl.lit(value=True)) for rows in _of_gone_categories(project, slug)]
    return images_of_other_names(new, pl.concat(known).rename({"content_hash": "image"}))


def _of_gone_categories(project: Project, slug: str) -> list[pl.DataFrame]:
    stored, here = read_slugs(project.layout), set(category_names(project))
    others = [name for name in project.store.slugs_with("images") if name != slug and name in stored]
    return [
        rows
        for other in others
        if stored[other] not in here
        and (rows := last_usable(project, other, stored[other])).height
        and is_gone(project, other)
    ]
