"""Queries see the current tables of every category, and nothing else on this machine."""

from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import SettingsError
from pipeline.storage.artifacts import ArtifactStore
from pipeline.storage.layout import open_layout
from pipeline.storage.views import query

SCHEMA = pl.Schema({"image_id": pl.String(), "label": pl.Int64()})


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(open_layout(tmp_path / "it's data"))


def write(store: ArtifactStore, slug: str, *labels: int) -> None:
    frame = pl.DataFrame({"image_id": [f"{slug}-{n}" for n in labels], "label": labels}, schema=SCHEMA)
    store.write(slug, "labels", {"labels": (frame, SCHEMA)}, fingerprint=str(labels), created_at="2026-11-21T00:00:00Z")


def test_a_view_holds_every_category_and_says_which(store: ArtifactStore) -> None:
    write(store, "cars", 1, 2)
    write(store, "posts", 3)
    found = query(store, "SELECT partition, sum(label) AS total FROM labels GROUP BY 1 ORDER BY 1")
    assert found == [{"partition": "cars", "total": 3}, {"partition": "posts", "total": 3}]


def test_a_view_shows_the_current_version_only(store: ArtifactStore) -> None:
    write(store, "cars", 1, 2)
    write(store, "cars", 7)
    assert query(store, "SELECT label FROM labels") == [{"label": 7}]


@pytest.mark.parametrize("text", ["SELECT", "SELECT * FROM suggestions", "SELECT nothing FROM labels"])
def test_a_query_that_does_not_hold_is_an_error_that_says_why(store: ArtifactStore, text: str) -> None:
    write(store, "cars", 1)
    with pytest.raises(SettingsError, match=r"The query .*Error"):
        query(store, text)


def test_a_query_reads_nothing_outside_the_data_directory_and_cannot_allow_itself_to(
    store: ArtifactStore, tmp_path: Path
) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    for text in (f"SELECT * FROM read_csv('{tmp_path}/secret.csv')", "SET enable_external_access = true"):
        with pytest.raises(SettingsError):
            query(store, text)
