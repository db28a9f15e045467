"""The curation store on a real PostgreSQL: the same promises as on SQLite."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from pipeline.curation import decisions as d
from pipeline.curation.events import ClusterState
from pipeline.curation.review import Flag
from pipeline.errors import ConflictError, CurationDatabaseError, LostDecisionsError
from pipeline.steps.backup import restore
from pipeline.storage.curation import copies
from pipeline.storage.curation import tables as t
from pipeline.storage.curation.reading import SqliteFile
from pipeline.storage.curation.store import CurationStore
from tests.servers import PostgresServer, postgres_server
from tests.steps.named_library import library, name_all, names
from tests.storage.curation.test_store import WRITER, append

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.url(server.make_database())


def test_events_are_kept_undone_and_read_by_another_process(url: str) -> None:
    store = CurationStore(url)
    state = {"c-1": ClusterState("Red", "active", frozenset({"x", "y"}))}
    made = append(store, d.Rename(cluster="c-1", name="Crimson “é”"), state=state, key="k")
    append(store, d.Tag(images=("x", "y"), tag="night"))
    append(store, d.Undo(event=1))
    store.raise_flags("bollards", [Flag("c-1", "split", "was split", "run-7")], at="now")
    again = CurationStore(url)
    assert again.events("bollards")[0] == made
    assert [event.number for event in again.touching("bollards", cluster="c-1")] == [3, 1]
    assert again.flags("bollards")[0].after_event == 3
    with pytest.raises(ConflictError):
        append(again, d.Undo(event=1))
    assert len(CurationStore(url).events("bollards")) == 3


def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    with CurationStore(url).engine.connect() as connection:
        changes = compare_metadata(MigrationContext.configure(connection), t.metadata)
    assert [change for change in changes if "alembic_version" not in str(change)] == []


def test_processes_that_start_and_write_at_once_lose_nothing(url: str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{n}", "20"]) for n in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0, 0]
    found = CurationStore(url).events("bollards")
    assert [event.number for event in found] == list(range(1, 81))
    assert len({event.decision.model_dump()["name"] for event in found}) == 80


def test_a_wrong_password_is_told_without_showing_it(url: str) -> None:
    wrong = url.replace("s3cr3t", "s3cr3d")
    with pytest.raises(CurationDatabaseError) as found:
        CurationStore(wrong)
    assert "s3cr3d" not in str(found.value)
    assert "***" in str(found.value)


def test_another_or_an_empty_database_stops_a_run_and_the_export_holds_every_event(
    server: PostgresServer, url: str, tmp_path: Path
) -> None:
    bench = library(tmp_path)
    bench.settings["curation"] = {"database_url": url}
    bench.run()
    name_all(bench)
    bench.run()
    store = CurationStore(url)
    (copy,) = copies.newest_first(bench.data / "backups" / "decisions")
    assert copies.is_good(copy)
    assert copy.database == store.identity() is not None
    assert dict(copy.categories) == copies.contents(store)
    assert SqliteFile(copy.file).events("posts") == store.events("posts")
    bench.settings["curation"] = {"database_url": server.url(server.make_database())}
    with pytest.raises(LostDecisionsError, match=r"published from 3 decisions, but .* holds none of it") as told:
        bench.run()
    assert server.password not in str(told.value)
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    restore(bench.project(), "latest")
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    assert len(bench.project().curation.log.events("posts")) == 3
    bench.settings["curation"] = {"database_url": url}
    bench.run()


def test_a_category_of_the_same_name_in_another_database_is_not_ours(
    server: PostgresServer, url: str, tmp_path: Path
) -> None:
    bench = library(tmp_path)
    bench.settings["curation"] = {"database_url": url}
    bench.run()
    other = server.url(server.make_database())
    with CurationStore(other).transaction("posts") as tx:
        tx.append(d.Rename(cluster="c-1", name="Theirs"), at="now", actor="bob")
    bench.settings["curation"] = {"database_url": other}
    with pytest.raises(LostDecisionsError, match=r"published without decisions, and .* is another database"):
        bench.run()
