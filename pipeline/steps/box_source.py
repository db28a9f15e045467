"""Where the boxes of a category come from: files beside the images, or a model.

What belongs here: choosing between the two. Not here: reading files (`annotated.py`), running a model (`detected.py`).
"""

from dataclasses import dataclass

import polars as pl

from pipeline.steps.annotated import Annotated, BoxFiles, box_files, read_boxes, wanted_format
from pipeline.steps.detected import detect_objects, detector_fingerprint, uses_model
from pipeline.steps.project import Project


@dataclass(frozen=True)
class BoxSource:
    """The files of a format, or the fingerprint of a detector."""

    files: BoxFiles | None
    form: str | None
    fingerprint: str

    @property
    def digest(self) -> str:
        """Changes whenever other boxes may come."""
        return self.files.digest if self.files is not None else self.fingerprint

    def read(self, project: Project, slug: str, images: pl.DataFrame) -> Annotated:
        """The boxes of these images (`IMAGES_SCHEMA`). Raises what reading and detecting raise."""
        if self.files is not None:
            return read_boxes(project, slug, self.files, images, self.form)
        return Annotated(detect_objects(project, slug, images, self.fingerprint))


def box_source(project: Project, slug: str) -> BoxSource:
    """The source that `objects.detector` names. Raises `UnknownNameError`, `EncoderError`, `BucketError`."""
    detector = project.settings.objects.detector
    if uses_model(detector):
        return BoxSource(None, None, detector_fingerprint(project))
    form = wanted_format(detector)
    return BoxSource(box_files(project, slug, form), form, "")
