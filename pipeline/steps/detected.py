"""Images → the boxes that a model finds in them. Reads only images that it has not seen yet.

What belongs here: choosing those images, reading them, storing what was found in chunks, so that a killed run continues
where it stopped. Not here: models (`adapters/detectors/`), boxes that people have (`annotated.py`), which boxes count
(`stages/objects/boxes.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from time import perf_counter

import polars as pl

from pipeline.adapters.detectors.registry import detector_identity
from pipeline.stages.images.decode import Rejected
from pipeline.stages.objects.boxes import Found
from pipeline.stages.objects.detector import Seen, detect_all
from pipeline.steps.crops import CHANGED, resolved_contents
from pipeline.steps.fingerprints import remembered
from pipeline.steps.project import Project
from pipeline.steps.reading import read_objects
from pipeline.storage.detections import DetectionStore

SECONDS_PER_PART = 30.0  # of work that a killed run may lose
UNREAD = "unread"  # the status of a box that stands for an image that could not be looked at


def detector_fingerprint(project: Project) -> str:
    """A digest that changes whenever other boxes may be found; loads the detector at most once per detector.

    Raises `UnknownNameError` and `EncoderError`.
    """
    params = project.settings.objects
    identity = detector_identity(params.detector, tuple(params.labels))
    return remembered(project, identity, lambda: project.detector.fingerprint)


def detect_objects(project: Project, slug: str, images: pl.DataFrame, fingerprint: str) -> dict[str, list[Found]]:
    """The boxes of these images (`IMAGES_SCHEMA`) by key. An image that could not be read now has a single one, unread.

    Raises `EncoderError` and what reading raises.
    """
    store = DetectionStore(project.layout.detections(fingerprint), project.settings.objects.detector)
    usable = images.filter(pl.col("status") == "ok").select("key", "content_hash")
    known, failed = store.read(slug), dict[str, Found]()
    first = usable.unique("content_hash", keep="first", maintain_order=True).sort("key")
    todo = dict(row for row in first.iter_rows() if row[1] not in known)
    if todo:
        others = [key for key, _ in usable.iter_rows() if key not in todo]
        for seen in _look(project, slug, todo, others, store):
            if isinstance(seen.found, Rejected):
                failed[todo[seen.key]] = Found(None, status=UNREAD, problem=seen.found.reason)
            else:
                known[todo[seen.key]] = seen.found
        store.compact(slug)
    return {
        key: [failed[content]] if content in failed else known.get(content, []) for key, content in usable.iter_rows()
    }


def _look(
    project: Project, slug: str, todo: Mapping[str, str], others: Sequence[str], store: DetectionStore
) -> Iterator[Seen]:
    """What was seen in each image of `todo` (key → content hash), stored in parts."""
    params, detector = project.settings, project.detector  # opened before anything is read
    known = resolved_contents(project)
    waiting: dict[str, list[Found]] = {}
    written = perf_counter()
    with closing(project.attempts(slug)) as attempts:
        try:
            found = detect_all(
                _read(project, todo, others), detector, params=params.images, threads=params.encoder.decode_threads,
                attempts=attempts,
            )  # fmt: skip
            for done, seen in enumerate(found, start=1):
                if not isinstance(seen.found, Rejected) and known.get(seen.digest, seen.digest) != todo[seen.key]:
                    yield Seen(seen.key, Rejected("missing", CHANGED), seen.digest)
                else:
                    if not isinstance(seen.found, Rejected):
                        waiting[todo[seen.key]] = seen.found
                    yield seen
                if perf_counter() - written > SECONDS_PER_PART:
                    store.append(slug, waiting)
                    waiting, written = {}, perf_counter()
                project.talk.progress("detect", done, len(todo))
        finally:
            store.append(slug, waiting)


def _read(project: Project, todo: Mapping[str, str], others: Sequence[str]) -> Iterator[tuple[str, bytes | Exception]]:
    """The images; `others` are those of the category that need not be read, and could be read before."""
    most = int(project.settings.images.max_megabytes * 1e6)
    yield from read_objects(project.bucket, todo, most=most, readable=others, others=len(others))


def uses_model(detector: str) -> bool:
    """Whether boxes come from a model, not from files beside the images."""
    return detector.partition(":")[0] != "annotations"
