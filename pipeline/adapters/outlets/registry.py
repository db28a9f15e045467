"""Opens the outlet that a URL names: a folder, a bucket or a database.

What belongs here: parsing the URL, and the interface of outlets. Not here: writing a set to a folder or a bucket
(`storage/publications.py`), the tables in a database (`database.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.errors import SettingsError
from pipeline.settings import OutletSettings, SourceSettings
from pipeline.stages.manifest.bucket import Bucket
from pipeline.storage.publications import publish_to_bucket, publish_to_folder


class Outlet(Protocol):
    """A place that published sets are written to. Readers see the old set or the new one, never a mixture."""

    def place(self, slug: str, version: str, files: Mapping[str, bytes]) -> None:
        """Show this set to readers. Does nothing if it is already there. Any failure leaves the old set."""
        ...


def open_outlet(outlet: OutletSettings, source: SourceSettings) -> Outlet:
    """The outlet of these settings; nothing is written yet.

    A bucket without endpoint, time-out or retries takes those of the source. Raises `SettingsError` for an invalid
    address.
    """
    scheme, separator, _ = outlet.url.partition("://")
    if not separator:
        return FolderOutlet(Path(outlet.url))
    if scheme.partition("+")[0] in ("sqlite", "postgresql", "postgres"):
        from pipeline.adapters.outlets.database import DatabaseOutlet

        return DatabaseOutlet(outlet.url, prefix=outlet.table_prefix)
    if scheme not in ("s3", "r2", "file"):
        raise SettingsError(
            f"{outlet.shown!r} cannot be used as an outlet. Give a folder, s3://bucket/prefix, r2://bucket/prefix, "
            "sqlite:///file.db or postgresql://host/database."
        )
    from pipeline.adapters.buckets import open_bucket

    return BucketOutlet(
        open_bucket(
            outlet.url,
            endpoint_url=outlet.endpoint_url or source.endpoint_url,
            region=outlet.region,
            timeout_seconds=source.timeout_seconds,
            retries=source.retries,
            retry_seconds=source.retry_seconds,
        )
    )


@dataclass(frozen=True)
class FolderOutlet:
    """A folder: the link `root/SLUG` moves to the new set in one step."""

    root: Path

    def place(self, slug: str, version: str, files: Mapping[str, bytes]) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        publish_to_folder(self.root, slug, version, files)


@dataclass(frozen=True)
class BucketOutlet:
    """A bucket: writes the set below `SLUG/versions/VERSION/`, then `SLUG/clusters.json`."""

    bucket: Bucket

    def place(self, slug: str, version: str, files: Mapping[str, bytes]) -> None:
        publish_to_bucket(self.bucket, slug, version, files)
