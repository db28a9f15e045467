"""Objects → vectors of their crops. Reads only images with an object that has no vector.

What belongs here: choosing crops, reading their images, storing vectors and thumbnails in chunks, so that a killed run
continues where it stopped. Not here: cutting and embedding (`stages/embeddings/crops.py`), boxes (`objects.py`).
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from queue import SimpleQueue
from time import perf_counter

import numpy as np
import polars as pl

from pipeline.stages.embeddings.crops import Crop, Embedded, Image, embed_crops
from pipeline.stages.images.attempts import Attempts
from pipeline.stages.images.decode import Rejected
from pipeline.stages.objects.boxes import Box
from pipeline.steps.project import Project
from pipeline.steps.reading import read_among

CHANGED = "it was changed while it was read; the next run looks at it again"


@dataclass
class Crops:
    """What was done: how many were embedded, in how many seconds; failed objects by id, with status and reason."""

    embedded: int = 0
    seconds: float = 0.0
    failed: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])


def embed_objects(
    project: Project, slug: str, images: pl.DataFrame, objects: pl.DataFrame, known: pl.DataFrame, fingerprint: str
) -> Crops:
    """Embed the objects that have no vector or no thumbnail. The frames have the schemas of `images`, and of `objects`
    and `known` in `stages/objects/contract.py`; `fingerprint` is that of the vectors, without names.

    Raises `EncoderError` and what reading raises.
    """
    vectors = project.vectors(fingerprint)
    todo = _todo(project, images, objects, known, vectors.known())
    done = Crops()
    if not todo:
        return done
    started = perf_counter()
    with closing(project.attempts(slug)) as attempts:
        _embed(project, slug, todo, images, fingerprint, attempts, done)
    done.seconds = perf_counter() - started
    vectors.compact(slug)
    return done


def _todo(
    project: Project, images: pl.DataFrame, objects: pl.DataFrame, known: pl.DataFrame, stored: set[str]
) -> list[Image]:
    """The images with objects that must be embedded; of copies of an image, one."""
    boxes = known.filter(pl.col("here")).select("content_hash", "crop", "x", "y", "w", "h")
    wanted = (
        objects.filter(pl.col("status") == "ok").select("image_id", "content_hash").unique("content_hash", keep="first")
        .join(boxes, on="content_hash")
        .join(images.select("image_id", "key", image_hash="content_hash"), on="image_id")
        .sort("key", "content_hash")
    )  # fmt: skip
    todo: dict[str, Image] = {}
    for row in wanted.iter_rows(named=True):
        if row["crop"] in stored and project.thumbnails.has(row["content_hash"]):
            continue
        crop = Crop(row["crop"], row["content_hash"], Box(row["x"], row["y"], row["w"], row["h"]))
        image = todo.get(row["key"]) or Image(row["key"], row["image_hash"], ())
        todo[row["key"]] = Image(image.key, image.content_hash, (*image.crops, crop))
    return list(todo.values())


def _embed(
    project: Project, slug: str, todo: list[Image], images: pl.DataFrame, fingerprint: str, attempts: Attempts,
    done: Crops,
) -> None:  # fmt: skip
    params, resolved = project.settings.encoder, resolved_contents(project)
    notices: SimpleQueue[str] = SimpleQueue()
    encoder = project.encoder  # opened before anything is read: without one the reading would be in vain
    results = embed_crops(
        _read(project, todo, images), encoder, params=project.settings.images, margin=project.settings.objects.margin,
        batch_size=params.batch_size, threads=params.decode_threads,
        attempts=attempts, notices=notices,
    )  # fmt: skip
    pending: list[tuple[str, np.ndarray]] = []
    total, seen = sum(len(image.crops) for image in todo), 0
    try:
        for result in results:
            seen += len(result.image.crops)
            pending += _take(project, result, resolved, done)
            if len(pending) >= params.chunk_size:
                _flush(project, slug, fingerprint, pending, done)
            while not notices.empty():
                project.talk.notice(notices.get())
            project.talk.progress("embed", seen, total)
    finally:
        _flush(project, slug, fingerprint, pending, done)


def _read(project: Project, todo: list[Image], images: pl.DataFrame) -> Iterator[tuple[Image, bytes | Exception]]:
    """The images with their bytes, in the order of `todo`."""
    most = int(project.settings.images.max_megabytes * 1e6)
    keys = [image.key for image in todo]
    for image, (key, data) in zip(todo, read_among(project.bucket, keys, images, most=most), strict=True):
        if key != image.key:
            raise RuntimeError(f"The reader gave {key} where {image.key} was asked for.")
        yield image, data


def resolved_contents(project: Project) -> dict[str, str]:
    """Hash of bytes → content hash of the image, where they differ: the file was changed and still shows that image."""
    stored = project.contents.read(lambda _: None)
    other = stored.filter(pl.col("content_hash") != pl.col("image"))
    return dict(other.select("content_hash", "image").iter_rows())


def _take(
    project: Project, result: Embedded, resolved: dict[str, str], done: Crops
) -> Iterator[tuple[str, np.ndarray]]:
    """The vectors of one image by name; writes the thumbnails."""
    cuts = result.cuts
    if not isinstance(cuts, Rejected) and resolved.get(result.digest, result.digest) != result.image.content_hash:
        cuts = Rejected("missing", CHANGED)
    if isinstance(cuts, Rejected):
        done.failed |= {crop.content_hash: (cuts.status, cuts.reason) for crop in result.image.crops}
        return
    for cut in cuts:
        if cut.vector is None:
            done.failed[cut.crop.content_hash] = ("broken", cut.reason)
            continue
        project.thumbnails.write(cut.crop.content_hash, cut.thumbnail, again=True)  # its box may be another now
        yield cut.crop.name, cut.vector


def _flush(project: Project, slug: str, fingerprint: str, pending: list[tuple[str, np.ndarray]], done: Crops) -> None:
    if pending:
        store = project.vectors(fingerprint)
        store.append(slug, [name for name, _ in pending], np.stack([vector for _, vector in pending]))
        done.embedded += len(pending)
        pending.clear()
