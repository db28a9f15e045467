"""DuckDB over the Parquet files: one view per table, every category in it.

What belongs here: the connection and its views. Not here: stored data; that is Parquet (`artifacts.py`), because a
DuckDB file allows only one writing process.
"""

from typing import Any

from pipeline.errors import SettingsError
from pipeline.storage.artifacts import ArtifactStore

VIEWS = {
    "image_manifest": ("manifest", "manifest"),
    "images": ("images", "images"),
    "objects": ("objects", "objects"),
    "duplicates": ("duplicates", "duplicates"),
    "signatures": ("duplicates", "signatures"),
    "reduced": ("reduced", "reduced"),
    "labels": ("labels", "labels"),
    "suggestions": ("labels", "suggestions"),
    "clusters": ("identities", "clusters"),
    "members": ("identities", "members"),
    "families": ("identities", "families"),
    "cluster_summaries": ("representatives", "clusters"),
    "representatives": ("representatives", "members"),
    "tuning": ("tuning", "trials"),
}


def connect(store: ArtifactStore) -> Any:
    """An in-memory DuckDB connection with a view per table (`VIEWS`), column `category` first.

    The connection reads only below the data directory, and no query can change its settings.
    """
    import duckdb

    connection: Any = duckdb.connect(":memory:")
    for view, (artifact, table) in VIEWS.items():
        parts: list[str] = []
        for slug in store.slugs_with(artifact):
            current = store.current(slug, artifact)
            if current is not None and table in current.provenance.rows:  # older versions may lack a table
                path = str((current.folder / f"{table}.parquet").resolve()).replace("'", "''")
                # named `partition`, because some tables have a category of their own
                parts.append(f"SELECT '{slug}' AS partition, * FROM read_parquet('{path}')")
        if parts:
            connection.execute(f'CREATE VIEW "{view}" AS {" UNION ALL BY NAME ".join(parts)}')
    folder = str(store.layout.root.resolve()).replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{folder}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(store: ArtifactStore, text: str) -> list[dict[str, Any]]:
    """The rows of a query, as dictionaries. Raises `SettingsError` for an invalid query."""
    import duckdb

    connection = connect(store)
    try:
        result = connection.execute(text)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    except duckdb.Error as error:
        raise SettingsError(f"The query is invalid: {error}") from error
    finally:
        connection.close()
