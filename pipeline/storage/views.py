"""DuckDB over the Parquet files: one view per table, every category in it.

What belongs here: the connection and its views. Not here: any table of our own in DuckDB; Parquet is the truth, and a
DuckDB file would admit one writing process only.
"""

from typing import Any

from pipeline.errors import SettingsError
from pipeline.storage.artifacts import ArtifactStore

VIEWS = {
    "image_manifest": ("manifest", "manifest"),
    "images": ("images", "images"),
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

    The connection reads below the data directory only and its settings cannot be changed by a query.
    """
    import duckdb

    connection: Any = duckdb.connect(":memory:")
    for view, (artifact, table) in VIEWS.items():
        parts: list[str] = []
        for slug in store.slugs_with(artifact):
            current = store.current(slug, artifact)
            if current is not None and table in current.provenance.rows:  # a version may be older than a table of it
                path = str((current.folder / f"{table}.parquet").resolve()).replace("'", "''")
                # the manifest and the images have a category or a group of their own; the slug names the partition
                parts.append(f"SELECT '{slug}' AS partition, * FROM read_parquet('{path}')")
        if parts:
            connection.execute(f'CREATE VIEW "{view}" AS {" UNION ALL BY NAME ".join(parts)}')
    folder = str(store.layout.root.resolve()).replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{folder}']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def query(store: ArtifactStore, text: str) -> list[dict[str, Any]]:
    """The rows that a query returns, as dictionaries. Raises `SettingsError` when it does not hold."""
    import duckdb

    connection = connect(store)
    try:
        found = connection.execute(text)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    except duckdb.Error as error:
        raise SettingsError(f"The query is invalid: {error}") from error
    finally:
        connection.close()
