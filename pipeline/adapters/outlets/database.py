"""The database outlet: clusters and images as rows in SQLite or PostgreSQL, replaced per category in one transaction.

What belongs here: the tables, parsing a database address, and writing a published document as rows. Not here: which
version is published (`steps/publish.py`), the database of decisions (`storage/curation/`).

Rows come from clusters.json, so database and file always agree. Readers see the old rows of a category or the new ones;
a failure at any row leaves the old ones. Passwords never appear in a message: driver messages are cleaned first.
"""

import json
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Inspector,
    Integer,
    MetaData,
    String,
    Table,
    TextClause,
    create_engine,
    delete,
    event,
    insert,
    inspect,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from pipeline.errors import OutletError, OutletUnreachableError, SettingsError
from pipeline.settings import without_secrets
from pipeline.stages.published.entries import image_name

ROWS_PER_INSERT = 1000
ANSWER_SECONDS = 60
SUMMARY = ("images", "clustered", "unclustered", "rejected", "clusters")
BUSY_SECONDS = 30  # how long SQLite waits for another writer

Row = dict[str, Any]


class DatabaseOutlet:
    """The tables `clusters`, `images` and `publications` of a database; `prefix` comes before their names."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        """Raises `SettingsError` for an invalid address. Does not connect yet."""
        self.shown = without_secrets(url)
        self._url, self._arguments = _connection(url, self.shown)
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
        """Whether there is a table of boxes of ours; one of another program is left alone."""
        name = self._boxes.name
        return database.has_table(name) and {column["name"] for column in database.get_columns(name)} >= {
            column.name for column in self._boxes.columns
        }

    def _replace(self, connection: Connection, document: Mapping[str, Any], version: str, *, with_boxes: bool) -> None:
        category = _text(document["category"])
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


def tables(metadata: MetaData, prefix: str) -> tuple[Table, Table, Table]:
    """The tables clusters, images and publications; every image of a category has one row in `images`."""
    clusters = Table(
        f"{prefix}clusters",
        metadata,
        Column("id", String, primary_key=True),
        Column("category", String, nullable=False, index=True),
        Column("slug", String, nullable=False),
        Column("aliases", JSON, nullable=False),
        Column("name", String),
        Column("description", String),
        Column("status", String, nullable=False),
        Column("needs_review", Boolean, nullable=False),
        Column("images_count", Integer, nullable=False),
        Column("cohesion", Float, nullable=False),
        Column("representative_key", String, nullable=False),
        Index(f"ux_{prefix}clusters_slug", "category", "slug", unique=True),
    )
    images = Table(
        f"{prefix}images",
        metadata,
        Column("category", String, primary_key=True),
        Column("key", String, primary_key=True),
        Column("country", String),
        Column("identifier", String),
        Column("status", String, nullable=False),  # clustered, unclustered or rejected
        Column("reason", String),
        Column("cluster_id", String, ForeignKey(f"{prefix}clusters.id"), index=True),
        Column("probability", Float),
        Column("position", Integer),  # 0 is the most typical of its cluster
        Column("nearest_cluster_id", String, ForeignKey(f"{prefix}clusters.id"), index=True),
        Column("distance", Float),
    )
    publications = Table(
        f"{prefix}publications",
        metadata,
        Column("category", String, primary_key=True),
        Column("version", String, nullable=False),
        Column("generated_at", String, nullable=False),
        Column("encoder", String, nullable=False),
        *(Column(name, Integer, nullable=False) for name in SUMMARY),
    )
    return clusters, images, publications


def box_table(metadata: MetaData, prefix: str) -> Table:
    """The table boxes: x, y, w and h of every object as shares of its image. Made for categories with objects only."""
    return Table(
        f"{prefix}boxes",
        metadata,
        Column("category", String, primary_key=True),
        Column("key", String, primary_key=True),  # as in `images`
        Column("image_key", String, nullable=False),  # of the image in the bucket
        *(Column(side, Float, nullable=False) for side in "xywh"),
    )


def cluster_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of `clusters`, in the document's order."""
    for cluster in document["clusters"]:
        yield {
            "id": cluster["id"], "category": _text(document["category"]), "slug": cluster["slug"],
            "aliases": cluster.get("aliases", []), "name": _text(cluster["name"]),
            "description": _text(cluster["description"]), "status": cluster["status"],
            "needs_review": cluster["needsReview"], "images_count": cluster["size"], "cohesion": cluster["cohesion"],
            "representative_key": _text(image_name(cluster["representativeImage"])),
        }  # fmt: skip


def image_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of `images`: those in clusters, then the unclustered, then the rejected."""
    empty: Row = dict.fromkeys(
        ("country", "identifier", "reason", "cluster_id", "probability", "position", "nearest_cluster_id", "distance")
    )
    common = {**empty, "category": _text(document["category"])}
    for cluster in document["clusters"]:
        for position, image in enumerate(cluster["images"]):
            yield {**common, **_image(image), "status": "clustered", "cluster_id": cluster["id"],
                   "probability": image["probability"], "position": position}  # fmt: skip
    for image in document["unclustered"]:
        yield {**common, **_image(image), "status": "unclustered", "nearest_cluster_id": image["nearestCluster"],
               "distance": image["distance"]}  # fmt: skip
    for image in document["rejected"]:
        yield {**common, "key": _text(image_name(image)), "status": "rejected", "reason": _text(image["reason"])}


def publication_row(document: Mapping[str, Any], version: str) -> Row:
    """The row of this category in `publications`: version, time and summary of the rows in the other tables."""
    summary = {name: document["summary"][name] for name in SUMMARY}
    return {"category": _text(document["category"]), "version": version, "generated_at": document["generatedAt"],
            "encoder": document["model"]["encoder"], **summary}  # fmt: skip


def box_rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """The rows of `boxes`: one per object, under the key of its row in `images`."""
    clustered = (image for cluster in document["clusters"] for image in cluster["images"])
    for image in [*clustered, *document["unclustered"], *document["rejected"]]:
        if "box" in image:
            yield {"category": _text(document["category"]), "key": _text(image_name(image)),
                   "image_key": _text(image["key"]), **image["box"]}  # fmt: skip


def _image(image: Mapping[str, Any]) -> Row:
    return {
        "key": _text(image_name(image)),
        "country": _text(image["country"]),
        "identifier": _text(image["identifier"]),
    }


def _text(value: str | None) -> str | None:
    r"""Text that a database accepts: NUL and lone surrogates (from keys that are not UTF-8) as \x00 and \\udcXX."""
    return None if value is None else value.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


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


def _connection(url: str, shown: str) -> tuple[URL, dict[str, Any]]:
    """The address for SQLAlchemy, and the arguments for the driver."""
    try:
        made = make_url(url)
        if made.get_backend_name() in ("postgres", "postgresql"):
            return _postgresql(made, shown)
        made.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise SettingsError(
            f"{shown!r} is not a database address. Write sqlite:///file.db or postgresql://user@host/database "
            "(a password with @ : / or # in it needs percent escapes, or the variable PGPASSWORD)."
        ) from None
    if not made.database:
        raise SettingsError(f"{shown!r} names no file. Three slashes and a path, as in sqlite:///library.db.")
    return made, {"timeout": BUSY_SECONDS}


def _postgresql(made: URL, shown: str) -> tuple[URL, dict[str, Any]]:
    if made.drivername not in ("postgres", "postgresql", "postgresql+pg8000"):
        raise SettingsError(f"{shown!r} asks for a driver that is not included. Write postgresql://.")
    try:
        import pg8000  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise SettingsError(f"{shown!r} needs the PostgreSQL driver: pip install 'image-cluster[postgres]'.") from None
    query = dict(made.query)
    arguments: dict[str, Any] = {"timeout": ANSWER_SECONDS, "application_name": "image-cluster"}
    mode = str(query.pop("sslmode", "prefer"))
    if mode in ("require", "verify-ca", "verify-full"):
        arguments["ssl_context"] = _tls(verify=mode != "require", host=mode == "verify-full")
    query.pop("channel_binding", None)
    folder = str(query.pop("host", ""))
    if folder.startswith("/"):
        arguments["unix_sock"] = f"{folder}/.s.PGSQL.{made.port or 5432}"
    if query:
        raise SettingsError(f"{shown!r} has unknown query values: {', '.join(sorted(query))}. Known: sslmode, host.")
    password = made.password or os.environ.get("PGPASSWORD")
    return made.set(drivername="postgresql+pg8000", query={}, password=password), arguments


def _tls(*, verify: bool, host: bool) -> ssl.SSLContext:
    """The TLS context for libpq's sslmode: require does not check certificates, verify-ca and verify-full do."""
    context = ssl.create_default_context()
    context.check_hostname = host
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    return context


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
