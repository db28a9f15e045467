"""Reading decisions from the SQLite file: the same as through the store, without making or changing anything."""

import sqlite3
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.events import ClusterState
from pipeline.curation.review import Flag
from pipeline.errors import CurationDatabaseError, DamagedDatabaseError
from pipeline.storage.curation.engine import database_url
from pipeline.storage.curation.reading import SqliteFile
from pipeline.storage.curation.store import CurationStore

NOW = "2026-11-21T10:00:00Z"
STATE = {"c-1": ClusterState("White", "active", frozenset({"a1", "b2"}), "All white")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "curation.sqlite3"


def decide(store: CurationStore) -> None:
    decisions = [
        d.Rename(cluster="c-1", name="Wet"),
        d.Tag(images=("a1",), tag="night"),
        d.Exclude(images=("b2", "c3")),
        d.Undo(event=1),
    ]
    for decision in decisions:
        state = STATE if isinstance(decision, d.Rename) else None
        with store.transaction("bollards") as tx:
            tx.append(decision, at=NOW, actor="ann", why="it is", state=state)


def test_a_file_that_is_not_there_holds_nothing_and_is_not_made(file: Path) -> None:
    reader = SqliteFile(file)
    assert reader.is_current()
    assert (list(reader.events("bollards")), reader.last("bollards"), reader.flags("bollards")) == ([], 0, [])
    assert (reader.excluded("bollards"), reader.revision("bollards", "c-1")) == ({}, 0)
    assert not file.exists()


def test_a_file_that_another_process_is_making_holds_nothing_yet(file: Path) -> None:
    reader = SqliteFile(file)
    with sqlite3.connect(file, isolation_level=None) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("CREATE TABLE event (number INTEGER)")
        assert (list(reader.events("bollards")), reader.last("bollards")) == ([], 0)
        writer.execute("ROLLBACK")
    writer.close()
    decide(CurationStore(database_url(file, None)))
    assert reader.last("bollards") == 4


def test_the_file_says_what_the_store_says(file: Path) -> None:
    store = CurationStore(database_url(file, None))
    reader = SqliteFile(file)
    assert reader.is_current()
    assert reader.last("bollards") == 0
    decide(store)
    flag = Flag("c-1", "split", "was split", "run-7")
    store.raise_flags("bollards", [flag], at=NOW)
    assert list(reader.events("bollards")) == list(store.events("bollards"))
    assert reader.events("bollards")[0].state == STATE
    assert reader.last("bollards") == store.last("bollards") == 4
    assert reader.excluded("bollards") == store.excluded("bollards") == {"b2": 3, "c3": 3}
    assert reader.flags("bollards") == store.flags("bollards") == [Flag("c-1", "split", "was split", "run-7", 4)]
    assert [one.number for one in reader.touching("bollards", cluster="c-1")] == [4, 1]
    assert [one.number for one in reader.touching("bollards", image="a1")] == [2]
    assert reader.revisions("bollards") == store.revisions("bollards") == {"c-1": 4}
    assert [one.number for one in reader.touching("bollards", limit=2)] == [4, 3]


def test_what_is_decided_after_the_first_look_is_seen_at_the_next(file: Path) -> None:
    store, reader = CurationStore(database_url(file, None)), SqliteFile(file)
    assert list(reader.events("bollards")) == []
    decide(store)
    before = reader.events("bollards")
    with store.transaction("bollards") as tx:
        tx.append(d.Note(cluster="c-1", text="Look again"), at=NOW, actor="bob")
    assert [one.number for one in reader.events("bollards")] == [1, 2, 3, 4, 5]
    assert len(before) == 4


def test_another_schema_is_left_to_the_store_and_no_database_at_all_is_refused(file: Path) -> None:
    CurationStore(database_url(file, None)).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    assert not SqliteFile(file).is_current()
    file.unlink()
    file.write_bytes(b"not a database, but longer than the head of one " * 4)
    with pytest.raises(DamagedDatabaseError, match="is damaged, and was left as it is: file is not a database"):
        SqliteFile(file).is_current()
    with pytest.raises(CurationDatabaseError, match="cannot be read"):
        SqliteFile(file).last("bollards")
    file.write_bytes(b"")  # somebody is about to make it
    assert SqliteFile(file).last("bollards") == 0
