"""The pointer to the newest copy of a library: many writers at once, on a real server."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.adapters.snapshot_store import SnapshotStore
from pipeline.errors import DataCopyError
from pipeline.storage.snapshot import Entry, Snapshot
from tests.servers import S3Server, make_bucket

pytestmark = pytest.mark.real
WRITERS, EACH = 8, 5


def opened(server: S3Server, name: str) -> SnapshotStore:
    bucket = open_bucket(f"s3://{name}/library", endpoint_url=server.endpoint, environment=server.environment)
    assert isinstance(bucket, ObstoreBucket)
    return SnapshotStore(bucket)


def test_eight_writers_of_one_pointer_lose_no_update(moto_server: S3Server) -> None:
    """Each adds a file to what is the newest; who was too late is refused, reads again and repeats."""
    name = make_bucket(moto_server)
    at = "2026-11-21T02:00:00Z"

    def works(writer: int) -> int:
        store, refused, number = opened(moto_server, name), 0, 0
        while number < EACH:
            before = store.newest()
            files = store.read(before.name).files if before is not None else {}
            try:
                store.publish(Snapshot(at, {**files, f"categories/m{writer}-{number}": Entry("d", 1)}, {}), before)
            except DataCopyError:
                refused += 1
            else:
                number += 1
        return refused

    with ThreadPoolExecutor(WRITERS) as pool:
        refused = sum(pool.map(works, range(WRITERS)))
    store = opened(moto_server, name)
    newest = store.newest()
    assert newest is not None
    assert sorted(store.read(newest.name).files) == [
        f"categories/m{writer}-{number}" for writer in range(WRITERS) for number in range(EACH)
    ]
    assert refused > 0
