"""The database outlet: clusters and images as rows in SQLite or PostgreSQL, replaced per category in one transaction.

What belongs here: writing the rows of a published document in one transaction. Not here: the tables and their rows
(`tables.py`), the address (`database_address.py`), which version is published (`steps/publish.py`), the database of
decisions (`storage/curation/`).

Rows come from clusters.json, so database and file always agree. Readers see the old rows of a category or the new ones;
a failure at any row leaves the old ones. Passwords never appear in a message: driver messages are cleaned first.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Inspector,
    MetaData,
    Table,
    TextClause,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pipeline.adapters.outlets.database_address import parse_address
from pipeline.adapters.outlets.tables import (
    Row,
    box_rows,
    box_table,
    cluster_rows,
    image_rows,
    publication_row,
    storable,
    tables,
)
from pipeline.errors import OutletError, OutletUnreachableError
from pipeline.settings import without_secrets

ROWS_PER_INSERT = 1000


class DatabaseOutlet:
    """The tables `clusters`, `images` and `publications` of a database; `prefix` comes before their names."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        """Raises `SettingsError` for an invalid address. Does not connect yet."""
        self.shown = without_secrets(url)
        self._url, self._arguments = parse_address(url, self.shown)
        self._metadata = MetaData()
        self._clusters, self._images, self._publications = tables(self._metadata, prefix)
        self._boxes = box_table(MetaData(), prefix)

    def place(self, slug: str, version: str, files: Mapping[str, bytes]) -> None:  # noqa: ARG002 rows go by category
        """Replace the rows of the set's category. Does nothing if they are of this version already.

        Raises `OutletUnreachableError` if the database does not answer, `OutletError` if it refuses.
        """
        document = json.loads(files["clusters.json"])
        try:
            engine = self._engine()
            try:
                with_boxes = self._make_tables(engine, document)
                with engine.begin() as connection:
                    self._replace(connection, document, version, with_boxes=with_boxes)
            finally:
                engine.dispose()
        except SQLAlchemyError as error:
            raise self._explain(error) from None
        except OSError as error:  # pg8000 does not wrap socket errors
            raise OutletUnreachableError(f"{self.shown} does not answer: {error}. Nothing in it was changed.") from None

    def _engine(self) -> Engine:
        engine = create_engine(self._url, connect_args=self._arguments, hide_parameters=True)
        if self._url.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _strict_sqlite)
            event.listen(engine, "begin", _begin_immediately)
        return engine

    def _make_tables(self, engine: Engine, document: Mapping[str, Any]) -> bool:
        """Create missing tables; returns whether `boxes` is one of them, which only objects need.

        Refuses foreign tables of these names, because rows are deleted from them.
        """
        database = inspect(engine)
        objects = document.get("unit") == "object"
        boxes = [self._boxes] if objects or self._has_boxes(database) else []
        for table in [*self._metadata.sorted_tables, *boxes]:
            if database.has_table(table.name):
                there = {column["name"] for column in database.get_columns(table.name)}
                lacking = [column.name for column in table.columns if column.name not in there]
                if lacking:
                    raise OutletError(
                        f"{self.shown} has a table {table.name} that is not ours: it lacks {', '.join(lacking)}. "
                        "Nothing in it was changed. Set table_prefix of this outlet, or name another database."
                    )
        self._metadata.create_all(engine)
        for table in boxes:
            table.create(engine, checkfirst=True)
        return bool(boxes)

    def _has_boxes(self, database: Inspector) -> bool:
        """Whether our table of boxes exists. A table of another program with that name is left alone."""
        name = self._boxes.name
        return database.has_table(name) and {column["name"] for column in database.get_columns(name)} >= {
            column.name for column in self._boxes.columns
        }

    def _replace(self, connection: Connection, document: Mapping[str, Any], version: str, *, with_boxes: bool) -> None:
        category = storable(document["category"])
        publications = self._publications
        mine = publications.c.category == category
        if connection.execute(publications.select().where(mine, publications.c.version == version)).first():
            return
        connection.execute(delete(self._images).where(self._images.c.category == category))
        connection.execute(delete(self._clusters).where(self._clusters.c.category == category))
        connection.execute(delete(publications).where(mine))
        _insert(connection, self._clusters, cluster_rows(document))
        _insert(connection, self._images, image_rows(document))
        if with_boxes:
            connection.execute(delete(self._boxes).where(self._boxes.c.category == category))
            _insert(connection, self._boxes, box_rows(document))
        connection.execute(insert(publications), publication_row(document, version))

    def _explain(self, error: SQLAlchemyError) -> OutletError | OutletUnreachableError:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        message = without_secrets(str(cause)).replace(self._url.password or "\0", "***")
        if isinstance(error, DBAPIError) and _is_transient(error):
            return OutletUnreachableError(f"{self.shown} does not answer: {message}. Nothing in it was changed.")
        return OutletError(f"{self.shown} refused the rows: {message}. Its previous content is unchanged.")


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROWS_PER_INSERT)):
        if connection.dialect.name == "sqlite":
            connection.execute(insert(table), chunk)
        else:
            connection.execute(_rows_from_json(connection, table), {"rows": json.dumps(chunk, ensure_ascii=False)})


def _rows_from_json(connection: Connection, table: Table) -> TextClause:
    """An INSERT of a chunk of rows that are sent as one value.

    pg8000 sends the rows of an executemany one by one, with a round trip each; building a statement with 11,000 values
    takes over a second.
    """
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in table.columns)
    name = quote(table.name)
    return text(  # contains only our own names, quoted
        f"INSERT INTO {name} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{name}, CAST(:rows AS json))"  # noqa: S608
    )


def _is_transient(error: DBAPIError) -> bool:
    """Whether a retry may help: the connection broke, or the database is starting, busy or locked."""
    from sqlalchemy.exc import InterfaceError, OperationalError

    message = str(error.orig)
    # pg8000 gives the server's SQLSTATE: 08 connection, 40 conflict, 53 resources, 57 shut down or starting
    return (
        error.connection_invalidated
        or any(f"'C': '{state}" in message for state in ("08", "40", "53", "57"))
        or (isinstance(error, (InterfaceError, OperationalError)) and "'C': '" not in message and "locked" in message)
        or (isinstance(error, InterfaceError) and "'C': '" not in message)
    )


def _strict_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.isolation_level = None  # the driver would begin late and commit before DDL


def _begin_immediately(connection: Connection) -> None:
    connection.execute(text("BEGIN IMMEDIATE"))
