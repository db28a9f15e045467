"""The curation store: what is decided is there once, whoever wrote at the same time, and nothing half done stays."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from pipeline.curation import decisions as d
from pipeline.curation.events import ClusterState, Event
from pipeline.curation.review import Flag
from pipeline.errors import ConflictError, CurationDatabaseError, NewerSchemaError
from pipeline.storage.curation import store as store_module
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.engine import database_url
from pipeline.storage.curation.reading import SqliteFile
from pipeline.storage.curation.store import CurationStore, Transaction

NOW = "2026-11-21T00:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> CurationStore:
    return CurationStore(database_url(tmp_path / "curation.sqlite3", None))


def append(store: CurationStore, decision: d.Decision, **options: object) -> Event:
    with store.transaction("bollards") as tx:
        return _append(tx, decision, **options)


def _append(tx: Transaction, decision: d.Decision, **options: object) -> Event:
    return tx.append(decision, at=NOW, actor="ann", **options)  # pyright: ignore[reportArgumentType]


def test_events_come_back_as_they_were_decided_in_another_process(store: CurationStore, tmp_path: Path) -> None:
    state = {"c-1": ClusterState("Red", "active", frozenset({"x", "y"}), "All red")}
    made = append(store, d.Rename(cluster="c-1", name="Crimson “é” 🚦"), why="darker", state=state)
    append(store, d.Tag(images=("x",), tag="night"))
    again = CurationStore(database_url(tmp_path / "curation.sqlite3", None))
    assert again.events("bollards")[0] == made
    assert [event.number for event in again.events("bollards")] == [1, 2]
    assert again.events("follow-cars") == []


def test_what_fails_half_way_leaves_nothing(store: CurationStore) -> None:
    append(store, d.Rename(cluster="c-1", name="Red"))
    with pytest.raises(ConflictError), store.transaction("bollards") as tx:  # noqa: PT012  # the second one fails
        _append(tx, d.Rename(cluster="c-1", name="Blue"))
        _append(tx, d.Undo(event=99))
    assert len(store.events("bollards")) == 1
    assert append(store, d.Rename(cluster="c-1", name="Green")).number == 2


def test_a_key_is_stored_once(store: CurationStore) -> None:
    first = append(store, d.Rename(cluster="c-1", name="Red"), key="abc")
    with store.transaction("bollards") as tx:
        assert tx.with_key("abc") == first
        assert tx.with_key("def") is None


def test_the_history_of_a_cluster_holds_its_undos_too(store: CurationStore) -> None:
    append(store, d.Rename(cluster="c-1", name="Red"))
    append(store, d.Rename(cluster="c-2", name="Blue"))
    append(store, d.Undo(event=1))
    append(store, d.Undo(event=3))
    assert [event.number for event in store.touching("bollards", cluster="c-1")] == [4, 3, 1]
    assert store.revision("bollards", "c-1") == 4
    assert store.revision("bollards", "c-3") == 0


def test_nothing_is_undone_twice(store: CurationStore) -> None:
    append(store, d.Rename(cluster="c-1", name="Red"))
    append(store, d.Undo(event=1))
    with pytest.raises(ConflictError, match="already undone"):
        append(store, d.Undo(event=1))
    with pytest.raises(ConflictError, match="no event 9"):
        append(store, d.Undo(event=9))


def test_a_flag_is_raised_once_and_remembers_what_was_decided_before(store: CurationStore) -> None:
    append(store, d.Rename(cluster="c-1", name="Red"))
    flag = Flag("c-1", "split", "was split", "run-7")
    store.raise_flags("bollards", [flag, flag], at=NOW)
    append(store, d.Review(cluster="c-1"))
    store.raise_flags("bollards", [flag], at=NOW)
    assert store.flags("bollards") == [Flag("c-1", "split", "was split", "run-7", 1)]


def test_the_migrations_make_the_tables_that_the_code_knows(store: CurationStore) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert [
            change for change in compare_metadata(context, t.metadata) if "alembic_version" not in str(change)
        ] == []
    folder = Path(store_module.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == store_module.HEAD


def made_by_the_first_schema(tmp_path: Path) -> str:
    """A database as the first schema left it: a renamed cluster, and an image that was left out."""
    url = database_url(tmp_path / "curation.sqlite3", None)
    store = CurationStore(url)
    append(store, d.Rename(cluster="c-1", name="Red"))
    append(store, d.Exclude(images=("x",)))
    with store.engine.connect().execution_options(writing=True) as connection, connection.begin():
        store_module.migrate(connection, "0001")
    with store.engine.connect() as connection:
        assert connection.dialect.has_table(connection, "image_exclusion")
    store.close()
    return url


def test_a_database_of_the_first_schema_opens_and_keeps_every_event(tmp_path: Path) -> None:
    store = CurationStore(made_by_the_first_schema(tmp_path))
    assert [event.decision for event in store.events("bollards")] == [
        d.Rename(cluster="c-1", name="Red"), d.Exclude(images=("x",))]  # fmt: skip
    assert store.excluded("bollards") == {"x": 2}
    assert append(store, d.Include(images=("x",))).number == 3
    assert store.excluded("bollards") == {}
    with store.engine.connect() as connection:
        assert not connection.dialect.has_table(connection, "image_exclusion")


def test_a_read_only_view_reads_the_first_schema_as_it_is(tmp_path: Path) -> None:
    url = made_by_the_first_schema(tmp_path)
    assert CurationStore(url, read_only=True).excluded("bollards") == {"x": 2}
    reader = SqliteFile(tmp_path / "curation.sqlite3")
    assert reader.is_current()
    assert reader.excluded("bollards") == {"x": 2}
    with create_engine(url).connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0001"


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    url = database_url(tmp_path / "curation.sqlite3", None)
    CurationStore(url).close()
    with create_engine(url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerSchemaError, match="9999"):
        CurationStore(url)


def test_a_read_only_store_takes_no_decision(tmp_path: Path) -> None:
    url = database_url(tmp_path / "curation.sqlite3", None)
    CurationStore(url).close()
    with pytest.raises(CurationDatabaseError, match="read-only"), CurationStore(url, read_only=True).transaction("x"):
        pass


WRITER = """
import sys
from pipeline.curation.decisions import Rename
from pipeline.storage.curation.store import CurationStore
store = CurationStore(sys.argv[1])
for number in range(int(sys.argv[3])):
    with store.transaction("bollards") as tx:
        tx.append(Rename(cluster="c-1", name=f"{sys.argv[2]} {number}"), at="now", actor=sys.argv[2])
"""


def test_processes_that_start_and_write_at_once_lose_nothing(tmp_path: Path) -> None:
    url = database_url(tmp_path / "curation.sqlite3", None)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{n}", "15"]) for n in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    found = CurationStore(url).events("bollards")
    assert [event.number for event in found] == list(range(1, 61))
    names = [event.decision.model_dump()["name"] for event in found]
    assert sorted(names) == sorted(f"w{n} {k}" for n in range(4) for k in range(15))
    for writer in range(4):
        own = [name for name in names if name.startswith(f"w{writer} ")]
        assert own == [f"w{writer} {k}" for k in range(15)], "each writer's decisions keep their order"


def test_nothing_is_written_to_a_file_that_was_deleted_or_replaced_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "curation.sqlite3"
    store = CurationStore(database_url(file, None))
    append(store, d.Rename(cluster="c-1", name="Red"))
    other = CurationStore(database_url(tmp_path / "other.sqlite3", None))
    append(other, d.Rename(cluster="c-1", name="Blue"))
    other.close()
    file.unlink()
    with pytest.raises(CurationDatabaseError, match="is gone"):
        append(store, d.Rename(cluster="c-1", name="Green"))
    for ending in ("-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    (tmp_path / "other.sqlite3").rename(file)
    append(store, d.Rename(cluster="c-1", name="Green"))
    names = [event.decision.model_dump()["name"] for event in store.events("bollards")]
    assert names == ["Blue", "Green"]
    assert SqliteFile(file).last("bollards") == 2


def test_every_database_has_an_identity_of_its_own_that_stays(tmp_path: Path) -> None:
    urls = [database_url(tmp_path / f"{name}.sqlite3", None) for name in ("one", "other")]
    one, other = (CurationStore(url).identity() for url in urls)
    assert None not in (one, other)
    assert one != other
    assert CurationStore(urls[0]).identity() == SqliteFile(tmp_path / "one.sqlite3").identity() == one
    assert SqliteFile(tmp_path / "none.sqlite3").identity() is None
