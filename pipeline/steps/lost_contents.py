"""Makes a lost or damaged part of the resolved contents again: reads the pixels of its images once more.

What belongs here: noticing the loss and reading the images. Not here: storing (`storage/contents.py`), the rule
(`stages/images/identity.py`).
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import polars as pl

from pipeline.stages.embeddings.stream import stream
from pipeline.stages.images.contract import Facts
from pipeline.stages.images.identity import KnownImages
from pipeline.steps.project import Project
from pipeline.steps.reading import read_among


def take_out_lost(project: Project, slug: str) -> Sequence[Path]:
    """The recorded parts of a category that are lost. Removes what is left of them, and gives a notice of each."""
    current = project.store.current(slug, "images")
    lost = project.contents.lost(slug, current.facts(Facts).contents) if current is not None else []
    for path in lost:
        project.talk.notice(f"{path} was damaged or gone. The images that it told of are read again, to know them by "
                            "their pixels; nothing is embedded for that.")  # fmt: skip
        path.unlink(missing_ok=True)
    return lost


def read_again(project: Project, slug: str, present: pl.DataFrame, rows: pl.DataFrame, known: KnownImages) -> int:
    """Resolve the images whose contents are not known any more; returns how many.

    `present` has `MANIFEST_SCHEMA`, `rows` has `IMAGES_SCHEMA`. Nothing else is stored of these images.
    """
    stored = project.contents.read(lambda _: None)["image"]
    unknown = rows.filter(pl.col("status") == "ok", ~pl.col("content_hash").is_in(stored.implode()))
    todo = present.join(unknown.select("image_id"), on="image_id", how="semi", maintain_order="left")
    settings = project.settings.images
    with closing(project.attempts(slug)) as attempts:
        outcomes = stream(
            read_among(project.bucket, todo["key"].to_list(), rows, most=int(settings.max_megabytes * 1e6)),
            image_params=settings, encoder=None, batch_size=0, threads=project.settings.encoder.decode_threads,
            thumbnail_pixels=settings.thumbnail_pixels, images=known, attempts=attempts,
        )  # fmt: skip
        for done, _ in enumerate(outcomes, start=1):
            project.talk.progress(f"read {slug}", done, todo.height)
    project.contents.append(slug, known.new_rows)
    known.new_rows.clear()
    return todo.height
