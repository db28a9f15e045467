"""The database outlet on a real PostgreSQL: one transaction, old rows or new for readers, no secret is shown."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.adapters.outlets.database import DatabaseOutlet
from pipeline.errors import OutletError
from pipeline.steps.published_sets import accept, rollback
from tests.adapters.test_database_outlet import files
from tests.servers import PostgresServer, postgres_server
from tests.stages.published.library import cluster, image
from tests.steps.publishing import PublishingBench, view_of

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def database(server: PostgresServer) -> str:
    return server.make_database()


def ask(server: PostgresServer, database: str, query: str) -> list[list[object]]:
    with server.connect(database) as connection:
        return connection.run(query)


def test_the_rows_are_those_of_the_document(server: PostgresServer, database: str) -> None:
    made = files(
        cluster("c-1", *(image("de", str(n)) for n in range(2500)), name="O'Neill \U0001f6a6 \u2028", aliases=("old",)),
        cluster("c-2", image("fr", "1")),
    )
    DatabaseOutlet(server.url(database)).place("bollards", "000001-aa", made)
    summary = json.loads(made["clusters.json"])["summary"]
    assert ask(server, database, "SELECT count(*) FROM images") == [[summary["images"]]]
    found = ask(server, database, "SELECT name, aliases->>0, images_count FROM clusters WHERE id = 'c-1'")
    assert found == [["O'Neill \U0001f6a6 \u2028", "old", 2500]]
    index = "SELECT indexdef FROM pg_indexes WHERE tablename = 'images' AND indexdef LIKE '%(cluster_id)'"
    assert len(ask(server, database, index)) == 1


def test_a_failure_midway_leaves_the_old_rows_whole(server: PostgresServer, database: str) -> None:
    outlet = DatabaseOutlet(server.url(database))
    outlet.place("bollards", "000001-aa", files())
    before = [ask(server, database, f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("clusters", "images")]
    # the third chunk of images breaks a rule that was not there before
    ask(server, database, "ALTER TABLE images ADD CONSTRAINT odd CHECK (identifier <> '2100')")
    with pytest.raises(OutletError, match="Its previous content is unchanged"):
        outlet.place("bollards", "000002-bb", files(cluster("c-9", *(image("de", str(n)) for n in range(2500)))))
    assert [ask(server, database, f"SELECT * FROM {name} ORDER BY 1, 2") for name in ("clusters", "images")] == before


def test_a_reader_sees_one_version_or_the_other(server: PostgresServer, database: str) -> None:
    outlet = DatabaseOutlet(server.url(database))
    sets = [files(cluster("c-1", *(image("de", str(n)) for n in range(size)))) for size in (300, 900)]
    outlet.place("bollards", "000000-aa", sets[0])
    seen: set[tuple[object, object]] = set()
    stop = threading.Event()

    def read() -> None:
        query = "SELECT (SELECT images_count FROM clusters), (SELECT count(*) FROM images WHERE cluster_id = 'c-1')"
        with server.connect(database) as connection:
            while not stop.is_set():
                seen.update((one, other) for one, other in connection.run(query))

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 7):
        outlet.place("bollards", f"{n:06d}-aa", sets[n % 2])
    stop.set()
    reader.join()
    assert seen <= {(300, 300), (900, 900)}
    assert len(seen) == 2


def test_publishing_accepting_and_rolling_back_reach_the_database(
    server: PostgresServer, database: str, tmp_path: Path
) -> None:
    bench = PublishingBench(tmp_path, server.url(database), guard={"max_cluster_share": 1})
    sizes = "SELECT images_count FROM clusters ORDER BY 1 DESC"
    bench.publish()
    assert ask(server, database, sizes) == [[6], [5], [4]]
    bench.view = view_of([15])
    waiting = bench.publish_held()
    assert ask(server, database, sizes) == [[6], [5], [4]]
    accept(bench.project(), "bollards", waiting.candidate)
    assert ask(server, database, sizes) == [[15]]
    rollback(bench.project(), "bollards")
    assert ask(server, database, sizes) == [[6], [5], [4]]
    told = [*bench.notices, str(waiting), str(bench.history()), *(
        path.read_text(errors="replace") for path in bench.data.rglob("*") if path.is_file()
    )]  # fmt: skip
    assert any("postgresql://tester:***@127.0.0.1" in text for text in told)
    assert not any(server.password in text or server.url(database) in text for text in told)


def test_a_wrong_password_is_said_and_not_shown(server: PostgresServer, database: str) -> None:
    wrong = server._replace(password="wr0ng-and-secret")
    with pytest.raises(OutletError, match="password authentication failed") as refused:
        DatabaseOutlet(wrong.url(database)).place("bollards", "000001-aa", files())
    assert wrong.password not in str(refused.value)


def test_the_password_may_come_from_the_environment(
    server: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", server.password)
    url = f"postgresql://{server.user}@{server.host}:{server.port}/{database}"
    DatabaseOutlet(url).place("bollards", "000001-aa", files())
    assert ask(server, database, "SELECT count(*) FROM images") == [[12]]
