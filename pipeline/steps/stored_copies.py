"""The copies of a library that a bucket holds.

What belongs here: opening and listing them. Not here: copying (`data_copy.py`), the objects of a copy
(`adapters/snapshot_store.py`).
"""

from dataclasses import dataclass

from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.adapters.snapshot_store import SnapshotStore
from pipeline.errors import SettingsError
from pipeline.steps.project import Project
from pipeline.storage.snapshot import Snapshot


@dataclass(frozen=True)
class StoredCopy:
    """One copy of a library in a bucket, made at `at` (ISO 8601): `size` in bytes, `decisions` counts their events."""

    snapshot: str
    at: str
    files: int
    size: int
    decisions: int


def open_copies(project: Project, url: str) -> SnapshotStore:
    """The copies at `url`, with endpoint, time-out and retries of the source. Raises `SettingsError`."""
    source, data = project.settings.source, project.settings.data
    endpoint = data.endpoint_url if url == data.url else None
    bucket = open_bucket(
        url, endpoint_url=endpoint or source.endpoint_url, region=source.region, concurrency=source.concurrency,
        timeout_seconds=source.timeout_seconds, retries=source.retries, retry_seconds=source.retry_seconds,
        notice=project.talk.notice,
    )  # fmt: skip
    if not isinstance(bucket, ObstoreBucket):
        raise SettingsError(f"{url} is no bucket. Give s3://bucket/prefix or r2://bucket/prefix.")
    return SnapshotStore(bucket)


def list_copies(project: Project, url: str) -> list[StoredCopy]:
    """The copies in a bucket, newest first. Empty if there is none."""
    store = open_copies(project, url)
    if store.newest() is None:
        return []
    return [_stored_copy(name, store.read(name)) for name in reversed(store.names())]


def _stored_copy(name: str, library: Snapshot) -> StoredCopy:
    events = sum(category.events for category in library.decisions.values())
    return StoredCopy(name, library.at, len(library.files), library.size, events)
