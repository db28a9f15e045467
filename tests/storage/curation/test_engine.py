"""The database of decisions is the file of the data directory, or the one that the settings name."""

from pathlib import Path

import pytest

from pipeline.errors import CurationDatabaseError, SettingsError
from pipeline.storage.curation.engine import database_url, parse_url
from pipeline.storage.curation.store import CurationStore


def test_the_database_is_the_file_unless_another_one_is_configured() -> None:
    file = Path("/data/odd #1 ?/curation.sqlite3")
    assert parse_url(database_url(file, None)).database == str(file)
    assert database_url(file, "postgresql://u@host/db") == "postgresql://u@host/db"
    assert parse_url("postgresql://u@host/db").drivername == "postgresql+pg8000"


def test_an_address_that_cannot_be_used_is_refused_without_its_password() -> None:
    with pytest.raises(SettingsError, match="mysql"):
        CurationStore("mysql://u:secret@host/db")
    with pytest.raises(SettingsError) as found:
        CurationStore("post gres://u:secret@host:port/db")
    assert "secret" not in str(found.value)
    with pytest.raises(CurationDatabaseError) as refused:
        CurationStore("postgresql://u:secret@127.0.0.1:1/db")
    assert "secret" not in str(refused.value)
