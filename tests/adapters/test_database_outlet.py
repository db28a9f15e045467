"""The database outlet on SQLite: rows say what clusters.json says, a category at a time, whole or not at all."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.outlets import database, database_address
from pipeline.adapters.outlets.database import DatabaseOutlet
from pipeline.adapters.outlets.registry import open_outlet
from pipeline.errors import OutletError, OutletUnreachableError, SettingsError
from pipeline.settings import OutletSettings, SourceSettings, without_secrets
from pipeline.stages.published import canonical, document
from tests.stages.published.library import GENERATED_AT, cluster, image, library
from tests.stages.published.objects import objects_document

SECRET = "s3cr3t-that-must-never-be-seen"


def files(*clusters: document.ClusterView, **fields: object) -> dict[str, bytes]:
    made = document.build_document(library(*clusters, **fields), generated_at=GENERATED_AT)
    return {"clusters.json": canonical.encode(made)}


def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(path) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def outlet(path: Path) -> DatabaseOutlet:
    return DatabaseOutlet(f"sqlite:///{path}")


def test_every_image_and_cluster_of_the_document_is_a_row(outlet: DatabaseOutlet, path: Path) -> None:
    made = files()
    outlet.place("bollards", "000001-aa", made)
    said = json.loads(made["clusters.json"])
    counts = dict(ask(path, "SELECT status, count(*) FROM images GROUP BY status"))
    assert counts == {name: said["summary"][name] for name in ("clustered", "unclustered", "rejected")}
    assert ask(path, "SELECT id, slug, name, status, images_count FROM clusters ORDER BY images_count DESC, id") == [
        (one["id"], one["slug"], one["name"], one["status"], one["size"]) for one in said["clusters"]
    ]
    joined = "SELECT c.id, count(*) FROM images i JOIN clusters c ON c.id = i.cluster_id GROUP BY c.id"
    assert dict(ask(path, joined)) == {one["id"]: one["size"] for one in said["clusters"]}
    assert ask(path, "SELECT category, version, images, clusters FROM publications") == [
        ("bollards", "000001-aa", 12, 3)
    ]
    assert ask(path, "PRAGMA foreign_key_check") == []
    indexed = {row[0] for row in ask(path, "SELECT name FROM sqlite_master WHERE type = 'index'")}
    assert "ix_images_cluster_id" in indexed


def test_a_category_is_replaced_and_others_are_untouched(outlet: DatabaseOutlet, path: Path) -> None:
    outlet.place("cars", "000007-cc", files(cluster("c-car", image("de", "1", "cars")), category="cars", rejected=(),
                                            unclustered=(), total_images=1))  # fmt: skip
    outlet.place("bollards", "000001-aa", files())
    before = ask(path, "SELECT * FROM images WHERE category = 'cars'")
    outlet.place("bollards", "000002-bb", files(cluster("c-new", image("de", "1"), name="New")))
    assert ask(path, "SELECT id FROM clusters ORDER BY id") == [("c-car",), ("c-new",)]
    assert ask(path, "SELECT * FROM images WHERE category = 'cars'") == before
    assert dict(ask(path, "SELECT category, version FROM publications")) == {
        "cars": "000007-cc", "bollards": "000002-bb",
    }  # fmt: skip


def test_the_same_version_is_written_once(outlet: DatabaseOutlet, path: Path) -> None:
    outlet.place("bollards", "000001-aa", files())
    ask(path, "UPDATE clusters SET name = 'touched'")
    outlet.place("bollards", "000001-aa", files())
    assert {name for (name,) in ask(path, "SELECT name FROM clusters")} == {"touched"}


@pytest.mark.parametrize("table", ["clusters", "images", "publications"])
def test_a_failure_at_any_table_leaves_the_old_rows_whole(outlet: DatabaseOutlet, path: Path, table: str) -> None:
    outlet.place("bollards", "000001-aa", files())
    before = [ask(path, f"SELECT * FROM {name}") for name in ("clusters", "images", "publications")]
    ask(path, f"CREATE TRIGGER no BEFORE INSERT ON {table} WHEN (SELECT count(*) FROM {table}) >= "
              f"{0 if table == 'publications' else 1} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")  # fmt: skip
    with pytest.raises(OutletError, match=r"refused the rows: the disk is full. Its previous content is unchanged"):
        outlet.place("bollards", "000002-bb", files())
    assert [ask(path, f"SELECT * FROM {name}") for name in ("clusters", "images", "publications")] == before


def test_rows_are_inserted_in_bounded_chunks(
    outlet: DatabaseOutlet, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ROWS_PER_INSERT", 7)
    many = [cluster(f"c-{n}", *(image("de", f"{n}-{k}") for k in range(9))) for n in range(8)]
    outlet.place("bollards", "000001-aa", files(*many))
    assert ask(path, "SELECT count(*) FROM images WHERE cluster_id IS NOT NULL") == [(72,)]


def test_tables_of_these_names_that_are_not_ours_are_refused(outlet: DatabaseOutlet, path: Path) -> None:
    ask(path, "CREATE TABLE images (id INTEGER, photo TEXT)")
    ask(path, "INSERT INTO images VALUES (1, 'mine')")
    with pytest.raises(OutletError, match=r"a table images that is not ours: it lacks category, key.*table_prefix"):
        outlet.place("bollards", "000001-aa", files())
    DatabaseOutlet(f"sqlite:///{path}", prefix="ic_").place("bollards", "000001-aa", files())
    assert ask(path, "SELECT * FROM images") == [(1, "mine")]
    assert ask(path, "SELECT count(*) FROM ic_images") == [(12,)]


def test_a_database_that_another_program_holds_is_worth_another_try(
    outlet: DatabaseOutlet, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_address, "BUSY_SECONDS", 0.05)
    waiting = DatabaseOutlet(f"sqlite:///{path}")
    outlet.place("bollards", "000001-aa", files())
    with sqlite3.connect(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutletUnreachableError, match="locked"):
            waiting.place("bollards", "000002-bb", files())


def test_text_that_a_database_refuses_is_written_as_escapes(outlet: DatabaseOutlet, path: Path) -> None:
    odd = document.ImageRef("i", "bollards/\udcff.png", None, "a\0b")
    outlet.place("bollards", "000001-aa", files(cluster("c-1", odd, name='O\'Neill "x" ; DROP TABLE images; --')))
    assert ask(path, "SELECT key, identifier FROM images WHERE cluster_id = 'c-1'") == [
        ("bollards/\\udcff.png", "a\\x00b")
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names no file"),
        (f"postgresql+psycopg://u:{SECRET}@host/db", "a driver that is not included"),
        (f"postgresql://u:{SECRET}@host:port/db", "not a database address"),
        (f"postgresql://u:{SECRET}@host/db?colour=red", "unknown query values: colour"),
        (f"mysql://u:{SECRET}@host/db", "cannot be used as an outlet"),
    ],
)
def test_an_address_that_cannot_be_is_named_without_its_password(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        open_outlet(OutletSettings(url=url), SourceSettings())
    assert SECRET not in str(refused.value)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    outlet = DatabaseOutlet(f"postgresql://u:{SECRET}@127.0.0.1:9/db")
    with pytest.raises(
        OutletUnreachableError, match=r"postgresql://u:\*\*\*@127.0.0.1:9/db does not answer"
    ) as refused:
        outlet.place("bollards", "000001-aa", files())
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("postgresql://u:pw@h/db", "postgresql://u:***@h/db"),
        ("at postgresql://u:p@ss:w@h/db now", "at postgresql://u:***@h/db now"),
        ("postgresql://u:p%40/w@h/db", "postgresql://u:***@h/db"),
        ("postgresql://h/db?password=pw&sslmode=require", "postgresql://h/db?password=***&sslmode=require"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("https://host:8080/x", "https://host:8080/x"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_addresses_are_shown_without_their_secrets(text: str, clean: str) -> None:
    assert without_secrets(text) == clean


def test_objects_have_a_row_each_and_their_boxes_a_table_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "objects.db"
    outlet = DatabaseOutlet(f"sqlite:///{path}")
    outlet.place("bollards", "1", files())
    with sqlite3.connect(path) as connection:
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'boxes'").fetchall()
    outlet.place("bollards", "2", {"clusters.json": canonical.encode(objects_document())})
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT image_key, x, y, w, h FROM boxes WHERE key LIKE '%de-1-%' ORDER BY x")
        key = "bollards/de/de-1-800w.webp"
        assert rows.fetchall() == [(key, 0.1, 0.2, 0.3, 0.4), (key, 0.5, 0.25, 0.3, 0.4)]
        assert connection.execute("SELECT count(*) FROM boxes").fetchone() == (7,)
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (8,)
        joined = "SELECT count(*) FROM images JOIN boxes USING (category, key)"
        assert connection.execute(joined).fetchone() == (7,)
    outlet.place("bollards", "3", files())
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM boxes").fetchone() == (0,)
