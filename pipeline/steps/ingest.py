"""Objects → images and embeddings, in one pass. Reads each new or changed object once and decodes it at most once.

What belongs here: deciding what must be read, streaming it, and storing rows, thumbnails and vectors in chunks, so that
a killed run continues where it stopped. Not here: decoding (`stages/images/decode.py`), the overlap of decoding and
forward pass (`stages/embeddings/stream.py`), skipping a run without changes (`ingest_cache.py`).
"""

import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from pipeline.errors import AllImagesRejectedError
from pipeline.stages.embeddings.stream import Outcome, stream
from pipeline.stages.images.contract import IMAGES_SCHEMA, Facts
from pipeline.stages.images.decode import ImageInfo, image_row
from pipeline.stages.images.identity import CONTENTS_SCHEMA, KnownImages, Likeness, likeness
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps import ingest_cache
from pipeline.steps.as_listed import AsListed
from pipeline.steps.decode_attempts import CarefulAttempts
from pipeline.steps.distributed import facts_of_workers, outcomes_of_workers, workers_of
from pipeline.steps.embedded import store_embeddings, vectors_fingerprint
from pipeline.steps.lost_contents import read_again, take_out_lost
from pipeline.steps.objects import objects
from pipeline.steps.project import Project, Report, timed
from pipeline.steps.reading import ASKED_AGAIN, read_objects
from pipeline.steps.renamed import recognise
from pipeline.storage.artifacts import Artifact, digest
from pipeline.storage.layout import TABLE_SUFFIX
from pipeline.storage.vectors import VectorStore

ROWS_AT_ONCE = 1024
CODE = 4  # increase when decoding returns something else, so that stored rows are computed again
USABLE_SINCE = 1  # rows of usable images are kept from this CODE on; only rejected images are tried again


def ingest(project: Project, slug: str, *, embed: bool = True) -> list[Report]:
    """Bring `images`, `objects` and, with `embed`, `embeddings` of one category up to date.

    `objects` is reported only if objects are the unit (`objects.unit`). Carries over results if the category was
    renamed. Decoding is logged (`storage/attempts.py`), so that a file that killed an earlier run is decoded in a
    process of its own. Raises `AllImagesRejectedError`.
    """
    category = project.category_of(slug)
    images, embeddings = Report("images", category), Report("embeddings", category)
    with_objects = project.settings.objects.unit == "object"
    reports = [images]
    with project.lock(slug):
        with timed(images):
            source = project.store.require(slug, "manifest")
            whole = embed and not with_objects
            fingerprint = vectors_fingerprint(project) if whole else ""
            seen = ingest_cache.seen(source, fingerprint, _decode_settings(project))
            lost = bool(take_out_lost(project, slug))
            if lost or not ingest_cache.reuse_last_run(project, slug, seen, fingerprint, images, embeddings):
                _update(project, slug, source, fingerprint, seen, images, embeddings, embed=whole, lost=lost)
        images.seconds -= embeddings.seconds  # one pass makes both
        if with_objects:
            reports += objects(project, slug, embed=embed)
        elif embed:
            reports.append(embeddings)
    recognise(project, slug)
    return reports


def _update(
    project: Project,
    slug: str,
    source: Artifact,
    fingerprint: str,
    seen: str,
    images: Report,
    embeddings: Report,
    *,
    embed: bool,
    lost: bool,
) -> None:
    """`lost`: whether resolved contents are to be made again."""
    present = source.table("manifest", MANIFEST_SCHEMA).filter(pl.col("change") != "removed")
    rows = _reusable_rows(project, slug, present)
    missing = present.filter(~pl.col("image_id").is_in(rows["image_id"].implode()))
    vectors = project.vectors(fingerprint) if embed else None
    with_vector: set[str] = vectors.known() if vectors else set()
    ok = rows.filter(pl.col("status") == "ok")
    unembedded = ok.filter(~pl.col("content_hash").is_in(list(with_vector))).unique("content_hash", maintain_order=True)
    again = present.join(unembedded.select("image_id"), on="image_id", how="semi", maintain_order="left")
    todo = pl.concat([missing, again]) if embed else missing
    images.counts["read"] = todo.height
    work = _Work(project, slug, vectors, with_vector, _known_images(project, slug, todo))
    work.readable, work.others = ok["key"].tail(ASKED_AGAIN).to_list(), present.height - todo.height
    work.go(todo)
    rows = pl.concat([rows, work.frame]).unique("image_id", keep="last").sort("key")
    if lost:
        read_again(project, slug, present, rows, _known_images(project, slug, present))
    project.contents.compact(slug)
    project.cameras(slug).compact()
    _store_images(project, slug, rows, images)
    if vectors is not None:
        vectors.compact(slug)
        embeddings.facts |= work.workers
        ok = rows.filter(pl.col("status") == "ok")
        store_embeddings(project, slug, ok, fingerprint, work.embedded, work.seconds, embeddings)
    _require_usable_image(project, rows, images.category)
    _remember_contents(project, slug)
    ingest_cache.remember(project, slug, seen, rows, images, vectors)
    images.counts["decoded"] = work.decoded


class _Work:
    """One pass over the objects that must be read."""

    def __init__(
        self, project: Project, slug: str, vectors: VectorStore | None, with_vector: set[str], images: KnownImages
    ) -> None:
        """`with_vector` are the content hashes that have a vector."""
        self.project, self.slug, self.vectors, self.with_vector, self.images = (
            project,
            slug,
            vectors,
            with_vector,
            images,
        )
        self.journal = project.layout.journal(slug)
        self.rows: list[dict[str, Any]] = []
        self.pending: list[tuple[str, Any]] = []
        self.cameras: list[tuple[str, str]] = []
        self.frames: list[pl.DataFrame] = []
        self.readable: Sequence[str] = ()  # keys of some usable images that are there
        self.others = 0  # images that are not read
        self.decoded = self.embedded = 0
        self.seconds = 0.0
        self.listed = AsListed()
        self.workers: dict[str, float] = {}  # what they did, for people

    @property
    def frame(self) -> pl.DataFrame:
        return pl.concat([pl.DataFrame(schema=IMAGES_SCHEMA), *self.frames])

    def go(self, todo: pl.DataFrame) -> None:
        """Read and embed the objects of these manifest rows, in their order."""
        if not todo.height:
            return
        with closing(self.project.attempts(self.slug)) as attempts:
            self._stream(todo, attempts)

    def _stream(self, todo: pl.DataFrame, attempts: CarefulAttempts) -> None:
        started = perf_counter()
        doing = "embed" if self.vectors is not None else "read"
        self.listed = AsListed(dict(todo.select("key", "size").iter_rows()))
        outcomes = self._outcomes(todo["key"].to_list(), attempts)
        try:
            of_outcome = zip(outcomes, _iterate_rows(todo))  # noqa: B905 — a failure ends the outcomes early
            for done, (outcome, row) in enumerate(of_outcome, start=1):
                self._take(outcome, row)
                self.project.talk.progress(f"{doing} {self.slug}", done, todo.height)
                if len(self.rows) >= self.project.settings.encoder.chunk_size:
                    self._flush()
        finally:
            # also after Ctrl-C, so that finished work is kept
            self._flush()
            self.seconds = perf_counter() - started
            self.workers = facts_of_workers(self.project, self.seconds, embed=self.vectors is not None)

    def _outcomes(self, keys: list[str], attempts: CarefulAttempts) -> Iterator[Outcome[str]]:
        """By the workers of `execution.engine`, or in this process."""
        if self.project.settings.execution.engine == "local":
            return self._outcomes_here(keys, attempts)
        return outcomes_of_workers(
            workers_of(self.project, embed=self.vectors is not None), keys,
            contents=self.project.contents.read(lambda _damaged: None),
            with_vector=self.with_vector, images=self.images, is_known=self._is_known,
            here=lambda some: self._outcomes_here(some, attempts),
            apart=lambda some: self._outcomes_here(some, attempts.of_every_file()),
            keys_per_task=self.project.settings.execution.ray.keys_per_task,
        )  # fmt: skip

    def _outcomes_here(self, keys: list[str], attempts: CarefulAttempts) -> Iterator[Outcome[str]]:
        settings = self.project.settings
        return stream(
            self.listed.watch(read_objects(
                self.project.bucket, keys, readable=self.readable, others=self.others,
                most=int(settings.images.max_megabytes * 1e6),
            )),
            image_params=settings.images,
            # opened before anything is read: without an encoder the reading would be in vain
            encoder=self.project.encoder if self.vectors is not None else None,
            batch_size=settings.encoder.batch_size,
            threads=settings.encoder.decode_threads,
            thumbnail_pixels=settings.images.thumbnail_pixels,
            skip=self._is_known,
            images=self.images,
            attempts=attempts,
            on_notice=self.project.talk.notice,
        )  # fmt: skip

    def _is_known(self, image: str) -> bool:
        """Whether neither a vector nor a thumbnail is to be made of an image."""
        return image in self.with_vector and self.project.thumbnails.has(image)

    def _take(self, outcome: Outcome[str], row: dict[str, Any]) -> None:
        if outcome.token != row["key"]:
            raise RuntimeError(f"The reader gave {outcome.token} where {row['key']} was asked for.")
        self.rows.append(image_row(row, self.listed.judge(row["key"], outcome.image)))
        if outcome.image.content_hash is None:
            return
        if isinstance(outcome.image, ImageInfo) and outcome.image.camera is not None:
            self.cameras.append((outcome.image.content_hash, outcome.image.camera))
        if outcome.thumbnail is not None:
            self.decoded += not outcome.vector_known
            turned = self.images.may_be_turned(outcome.image.content_hash)
            self.project.thumbnails.write(outcome.image.content_hash, outcome.thumbnail, again=turned)
        if outcome.vector is not None and outcome.image.content_hash not in self.with_vector:
            self.embedded += 1
            self.with_vector.add(outcome.image.content_hash)
            self.pending.append((outcome.image.content_hash, outcome.vector))

    def _flush(self) -> None:
        import numpy as np

        if self.vectors is not None and self.pending:
            self.vectors.append(self.slug, [name for name, _ in self.pending], np.stack([v for _, v in self.pending]))
            self.pending = []
        self.project.contents.append(self.slug, self.images.new_rows)
        self.images.new_rows.clear()
        self.project.cameras(self.slug).append(self.cameras)
        self.cameras.clear()
        if self.rows:
            frame = pl.DataFrame(self.rows, schema=IMAGES_SCHEMA)
            self.journal.mkdir(parents=True, exist_ok=True)
            part = self.journal / f"{len(self.frames):06d}-{secrets.token_hex(4)}{TABLE_SUFFIX}"
            staged = part.with_name(f".{part.name}")
            frame.write_parquet(staged)
            staged.replace(part)
            self.frames.append(frame)
            self.rows = []


def _known_images(project: Project, slug: str, todo: pl.DataFrame) -> KnownImages:
    """What earlier runs stored of the images behind these manifest rows."""
    if not todo.height:
        return KnownImages(pl.DataFrame(schema=CONTENTS_SCHEMA), {}, set(), lambda _image, _thumbnail: None)
    shown = pl.DataFrame(schema={"key": pl.String, "content_hash": pl.String})
    current = project.store.current(slug, "images")
    if current is not None:
        rows = current.table("images", IMAGES_SCHEMA, ["key", "content_hash", "status"])
        shown = rows.filter(pl.col("status") == "ok").select(shown.columns)
    changed = shown.join(todo.select("key"), on="key", how="semi")

    def looks_like(image: str, thumbnail: bytes) -> Likeness | None:
        stored_thumbnail = project.thumbnails.read(image)
        alike = likeness(stored_thumbnail, thumbnail) if stored_thumbnail is not None else None
        return None if alike == "turned" and project.settings.objects.unit == "object" else alike

    def damaged(path: Path) -> None:
        project.talk.notice(f"{path} cannot be read: its files are recognised by key and look instead.")

    stored, named = project.contents.read(damaged), set(shown["content_hash"].to_list())
    return KnownImages(stored, dict(changed.iter_rows()), named, looks_like)


def _iterate_rows(frame: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as dictionaries, in slices: all at once they would take several times the memory of the frame."""
    for part in frame.iter_slices(ROWS_AT_ONCE):
        yield from part.iter_rows(named=True)


def _reusable_rows(project: Project, slug: str, present: pl.DataFrame) -> pl.DataFrame:
    """Rows of earlier runs, finished or killed, whose object and settings did not change."""
    settings = _decode_settings(project)
    frames: list[pl.DataFrame] = []
    current = project.store.current(slug, "images")
    if current is not None and current.provenance.params == settings:
        frames.append(current.table("images", IMAGES_SCHEMA))
    elif current is not None and _still_usable(current.provenance.params, settings):
        frames.append(current.table("images", IMAGES_SCHEMA).filter(pl.col("status") == "ok"))
    journal, written_for = project.layout.journal(slug), project.layout.journal_settings(slug)
    if journal.exists() and written_for.exists() and written_for.read_text() == digest(settings):
        parts = (path for path in sorted(journal.glob(f"*{TABLE_SUFFIX}")) if not path.name.startswith("."))
        frames.extend(pl.read_parquet(path, glob=False) for path in parts)
    else:
        shutil.rmtree(journal, ignore_errors=True)
        journal.mkdir(parents=True)
        written_for.write_text(digest(settings))
    if not frames:
        return pl.DataFrame(schema=IMAGES_SCHEMA)
    earlier = pl.concat(frames).unique("image_id", keep="last").filter(pl.col("status") != "missing")
    same = present.select("image_id", "key", "etag", "size", "group", "identifier")
    return (
        earlier.drop("group", "identifier")
        .join(same, on=["image_id", "key", "etag", "size"], how="inner")
        .select(list(IMAGES_SCHEMA))
        .sort("key")
    )


def _still_usable(before: dict[str, Any], settings: dict[str, Any]) -> bool:
    """Whether usable rows stay valid: same limits, and decoded with version `USABLE_SINCE` or later."""
    return before | {"code": CODE} == settings and before.get("code", 0) >= USABLE_SINCE


def _decode_settings(project: Project) -> dict[str, Any]:
    images = project.settings.images
    return {"code": CODE, "max_megapixels": images.max_megapixels, "max_megabytes": images.max_megabytes}


def _remember_contents(project: Project, slug: str) -> None:
    stored, parts = project.store.require(slug, "images"), project.contents.parts(slug)
    if stored.facts(Facts).contents != parts:
        project.store.update_facts(stored, Facts(contents=parts))


def _store_images(project: Project, slug: str, rows: pl.DataFrame, report: Report) -> None:
    current = project.store.current(slug, "images")
    fingerprint = digest(rows, _decode_settings(project))
    report.unchanged = current is not None and current.provenance.fingerprint == fingerprint
    if not report.unchanged:
        current = project.store.write(
            slug, "images", {"images": (rows, IMAGES_SCHEMA)}, fingerprint=fingerprint, created_at=project.now(),
            params=_decode_settings(project), facts=Facts(contents=project.contents.parts(slug)),
        )  # fmt: skip
    shutil.rmtree(project.layout.journal(slug), ignore_errors=True)
    status: Counter[str] = Counter(rows["status"].to_list())
    report.counts.update({"images": rows.height, "ok": status.pop("ok", 0), **status})
    report.data_version = fingerprint
    report.path = current.folder if current else Path()
    report.sample = rows.filter(pl.col("status") != "ok").select("key", "status", "reason").head(10).to_dicts()
    report.facts["bytes"] = int(rows["size"].sum())


def _require_usable_image(project: Project, rows: pl.DataFrame, category: str) -> None:
    if rows.height and not (rows["status"] == "ok").any():
        counts = dict(Counter(rows["status"].to_list()).most_common())
        first = rows.row(0, named=True)
        raise AllImagesRejectedError(
            f"None of the {rows.height} images of {category} could be used: "
            f"{', '.join(f'{number} {status}' for status, number in counts.items())}. "
            f"The first is {first['key']}: {first['reason']}. What was published before stays in place. "
            f"See the images table in {project.layout.root}."
        )
