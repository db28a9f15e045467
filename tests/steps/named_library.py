"""A category of three kinds, each with a name, published; and what can happen to its decisions' database.

What belongs here: the bench and the harm. Not here: what is asserted.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from tests.steps.test_run import Bench, add

__all__ = ["Bench"]


def library(root: Path) -> Bench:
    made = Bench(root / "library", root / "data")
    for seed in range(36):
        add(made.library, f"posts/de/{seed:03d}-800w.png", ("red", "green", "blue")[seed % 3], seed)
    return made


def name_all(bench: Bench, prefix: str = "Kind") -> None:
    curation = bench.project().curation
    for number, cluster in enumerate(curation.curated("posts").clusters):
        curation.decide("posts", d.Rename(cluster=cluster, name=f"{prefix} {number}"), actor="ann")
    curation.close()


def published_library(root: Path) -> Bench:
    """A category of three kinds, each with a name, published."""
    made = library(root)
    made.run()
    name_all(made)
    made.run()
    return made


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A category of three kinds, each with a name, published."""
    return published_library(tmp_path)


def names(bench: Bench) -> list[str]:
    return sorted(str(one["name"]) for one in bench.document("posts")["clusters"])


def database(bench: Bench) -> Path:
    return bench.data / "curation.sqlite3"


def remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def empty(bench: Bench) -> None:
    remove(database(bench))
    database(bench).touch()


def deleted(bench: Bench) -> None:
    remove(database(bench))


def older_copy(bench: Bench) -> None:
    with sqlite3.connect(database(bench)) as connection:
        for table in ("event_cluster", "event_image", "event_state", "event"):
            connection.execute(f"DELETE FROM {table} WHERE number > 1")
        connection.execute("UPDATE category SET last_event = 1")


def other_database(bench: Bench) -> None:
    """As many decisions as before, but not these."""
    older = bench.data / "published"
    older.rename(bench.data / "aside")
    backups = bench.data / "backups"
    backups.rename(bench.data / "backups-aside")
    remove(database(bench))
    (bench.data / "decisions.json").unlink()
    name_all(bench, "Other")
    (bench.data / "aside").rename(older)
    (bench.data / "backups-aside").rename(backups)


def cut(bench: Bench) -> None:
    data = database(bench).read_bytes()
    remove(database(bench))
    database(bench).write_bytes(data[: len(data) // 2])


def noise(bench: Bench) -> None:
    size = database(bench).stat().st_size
    remove(database(bench))
    database(bench).write_bytes(bytes(n * 7919 % 251 for n in range(size)))


def noise_inside(bench: Bench) -> None:
    """What SQLite itself does not see: other letters in a decision."""
    with sqlite3.connect(database(bench)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = database(bench).read_bytes()
    assert b"Kind 1" in data
    database(bench).write_bytes(data.replace(b"Kind 1", b"Kynd 1"))


HARM: dict[str, tuple[Callable[[Bench], None], str]] = {
    "empty": (empty, "published from 3 decisions, but .*curation.sqlite3 holds none of it"),
    "deleted": (deleted, "published from 3 decisions, but .*curation.sqlite3 holds none of it"),
    "an older copy": (older_copy, "published from 3 decisions, but .*curation.sqlite3 holds 1 of it"),
    "another database": (other_database, "published from 3 decisions, and .* holds others under the same numbers"),
    "cut": (cut, "curation.sqlite3 is damaged, and was left as it is"),
    "noise": (noise, "curation.sqlite3 is damaged, and was left as it is: file is not a database"),
    "noise inside": (noise_inside, "published from 3 decisions, and .* holds others under the same numbers"),
}
