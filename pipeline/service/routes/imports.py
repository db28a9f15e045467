"""Names and tags from another program: what they would decide, and deciding it.

What belongs here: HTTP, and the files of a request. Not here: what becomes of the names (`steps/adopt.py`), reading a
source for the first time (`source.py`).
"""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, UploadFile

from pipeline.service.context import Service, Shared
from pipeline.service.models import Shape
from pipeline.service.problems import Problem
from pipeline.service.routes.common import Slug, category_of
from pipeline.service.routes.curation import decide_all
from pipeline.settings import ServiceParams
from pipeline.steps.adopt import LARGEST_SIDECAR, Adoption, adopt_catalogue, adopt_documents, adopt_folders

Source = Literal["csv", "xmp", "folders"]
SHOWN = 200  # kinds, tags and file names of an answer; the counts are complete
MOST_SIDECARS = 20_000
MOST_UNPACKED = 500_000_000  # bytes of the sidecars in the zips of a request; one has a few thousand
XMP = ".xmp"
DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, NotImplementedError, OSError, EOFError, ValueError,
)  # fmt: skip


class ImportedKind(Shape):
    """A name and the cluster that it becomes: `named` (a cluster that has none takes it), `joined`, or `made`."""

    name: str
    cluster: str
    how: str
    images: int
    moved: int


class LosingCluster(Shape):
    """A cluster with a name that loses `lost` of its `images` to names of others; it ends if these are all."""

    name: str
    cluster: str
    lost: int
    images: int


class ImportReport(Shape):
    """What an import decides; lists are cut, counts are not. `events` are the numbers of the stored decisions, in
    their order; empty where nothing was stored."""

    kinds: list[ImportedKind]
    total_kinds: int
    tags: dict[str, int]
    total_tags: int
    matched: int
    decisions: int
    unknown: list[str]
    total_unknown: int
    contradicting: list[str]
    total_contradicting: int
    unreadable: list[str]
    total_unreadable: int
    losing: list[LosingCluster]
    total_losing: int
    stored: bool
    events: list[int]


def router(params: ServiceParams) -> APIRouter:
    """The route, with the limits of the settings."""
    made = APIRouter(tags=["decisions"])
    made.add_api_route(
        "/categories/{category}/import", import_names, methods=["POST"],
        max_body_size=int(params.max_upload_megabytes * 1e6),
        form_limits={"max_files": MOST_SIDECARS, "max_fields": 10},
    )  # fmt: skip
    return made


def import_names(
    service: Shared,
    category: Slug,
    source: Annotated[Source, Form(description="folders needs no file: each folder of the category is a kind.")],
    files: Annotated[list[UploadFile] | None, File(description="One CSV file; XMP sidecars, or a zip of them.")] = None,
    under: Annotated[str, Form(max_length=200, description="xmp: keywords below this one are names.")] = "",
    apply: Annotated[bool, Form(description="Store the decisions; without it, only say what they would be.")] = False,
    actor: Annotated[str, Form(min_length=1, max_length=100, pattern=r"\S")] = "api",
) -> ImportReport:
    """Take over names and tags of another program, in one transaction. Undo its `events` together to take it back."""
    snapshot = category_of(service, category)
    plan = _plan(service, snapshot.slug, source, files or [], under)
    events: list[int] = []
    if apply and plan.decisions:
        made = decide_all(service, {snapshot.slug: plan.decisions}, actor=actor, why=f"imported from {source}")
        events = [event.number for event in made]
    return ImportReport(
        kinds=[ImportedKind(name=one.name, cluster=one.cluster, how=one.how, images=one.images, moved=one.moved)
               for one in plan.kinds[:SHOWN]],
        total_kinds=len(plan.kinds), tags=dict(list(plan.tags.items())[:SHOWN]), total_tags=len(plan.tags),
        matched=plan.matched, decisions=len(plan.decisions), unknown=plan.unknown[:SHOWN],
        total_unknown=len(plan.unknown), contradicting=plan.contradicting[:SHOWN],
        total_contradicting=len(plan.contradicting), unreadable=plan.unreadable[:SHOWN],
        total_unreadable=len(plan.unreadable), total_losing=len(plan.losing),
        losing=[LosingCluster(name=one.name, cluster=one.cluster, lost=one.lost, images=one.images)
                for one in plan.losing[:SHOWN]],
        stored=bool(events), events=events,
    )  # fmt: skip


def _plan(service: Service, slug: str, source: Source, files: Sequence[UploadFile], under: str) -> Adoption:
    project = service.project
    if source == "folders":
        return adopt_folders(project, slug)
    if not files:
        raise Problem(422, "no-file", f"Send the {'CSV file' if source == 'csv' else 'sidecars'} as `files`.")
    if source == "csv":
        if len(files) > 1:
            raise Problem(422, "too-many-files", f"{len(files)} files were sent; an import reads one CSV file.")
        return adopt_catalogue(project, slug, files[0].file.read(), files[0].filename or "the file")
    return adopt_documents(project, slug, _sidecars(files), under, "of those sent")


def _sidecars(files: Sequence[UploadFile]) -> Iterator[tuple[str, bytes | None]]:
    """Path and content of each sidecar, also of those in a zip; None for one that is too large to be one."""
    left = MOST_UNPACKED
    for file in files:
        name, data = (file.filename or "").replace("\\", "/"), file.file.read()
        if name.casefold().endswith(XMP):
            yield name, data
        elif zipfile.is_zipfile(io.BytesIO(data)):
            with _archive(name, data) as archive:
                entries = [one for one in archive.infolist() if one.filename.casefold().endswith(XMP)][:MOST_SIDECARS]
                left -= sum(entry.file_size for entry in entries if _can_be_read(entry))
                if left < 0:
                    raise Problem(
                        413, "too-large", f"Unpacked, the sidecars of {name[:100]} and the zips before it have "
                        f"{(MOST_UNPACKED - left) / 1e6:,.0f} MB; an import reads {MOST_UNPACKED / 1e6:,.0f} MB. Send "
                        "them in several imports.",
                    )  # fmt: skip
                yield from _zipped(archive, entries)


def _archive(name: str, data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except DAMAGED as error:
        text = f"{name[:100]} is a damaged zip: {error}. Make it again, or send the sidecars as files."
        raise Problem(422, "damaged-zip", text) from error


def _can_be_read(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size <= LARGEST_SIDECAR and not entry.flag_bits & 1  # the first bit: it is encrypted


def _zipped(archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo]) -> Iterator[tuple[str, bytes | None]]:
    tops = {entry.filename.partition("/")[0] for entry in entries}
    # a folder that was zipped is the first part of every path
    start = len(next(iter(tops))) + 1 if len(tops) == 1 and all("/" in one.filename for one in entries) else 0
    for entry in entries:
        try:
            yield entry.filename[start:], archive.read(entry) if _can_be_read(entry) else None
        except DAMAGED:
            yield entry.filename[start:], None
