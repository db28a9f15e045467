"""Images that a listing left out although they are there, so that they are not taken for gone.

What belongs here: asking the bucket before images count as gone. Not here: listing and the diff (`manifest.py`,
`stages/manifest/build.py`), how a bucket is asked (`adapters/`).

A listing can end early without an error: a captive portal or a web server answers with a page of its own, which reads
as an empty listing; a server or a proxy loses a page.
"""

from collections.abc import Callable, Iterable

import polars as pl

from pipeline.errors import BucketUnreachableError
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.keys import within_category
from pipeline.steps.project import Project


def left_out(
    project: Project, category: str, frame: pl.DataFrame, objects: Callable[[], Iterable[ObjectInfo]]
) -> list[str]:
    """Keys of images that count as removed although the bucket holds them; the bucket is asked for a sample.

    `frame` has `MANIFEST_SCHEMA`. Keys among `objects` are no finding: a listed image counts as removed if the settings
    no longer take it for an image.
    """
    source = project.settings.source
    removed = [
        key
        for key in frame.filter(pl.col("change") == "removed")["key"].to_list()
        if within_category(key, category, source.categories, source.skip_names) is not None
    ]
    there = project.bucket.unlisted(removed) if removed else []
    if not there:
        return []
    listed = {info.key for info in objects() if info.key in set(there)}
    return [key for key in there if key not in listed]


def refuse(project: Project, category: str, lacking: list[str]) -> None:
    """Raise `BucketUnreachableError` if a second listing left out images too."""
    if lacking:
        raise BucketUnreachableError(
            f"The listing of {category} in {project.bucket.url} leaves out images that are there, for example "
            f"{lacking[0]!r}, also when asked again. Nothing was taken for gone. Try later; if it stays so, check the "
            "endpoint and the network, or ask those who run the server."
        )
