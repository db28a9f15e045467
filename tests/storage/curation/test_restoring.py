"""A copy takes the place of a database file in one step, for those too that have the old one open."""

from pathlib import Path

from pipeline.curation import decisions as d
from pipeline.storage.curation import copies, restoring
from pipeline.storage.curation.engine import database_url
from pipeline.storage.curation.store import CurationStore


def test_a_store_that_is_open_reads_and_writes_the_file_that_took_its_place(tmp_path: Path) -> None:
    file = tmp_path / "curation.sqlite3"
    store = CurationStore(database_url(file, None))
    for name in ("Red", "Blue"):
        with store.transaction("bollards") as tx:
            tx.append(d.Rename(cluster="c-1", name=name), at="now", actor="ann")
    copy = copies.make_copy(store, tmp_path / "copy.sqlite3", "2026-11-21T00:00:00Z")
    with store.transaction("bollards") as tx:
        tx.append(d.Rename(cluster="c-1", name="Green"), at="now", actor="ann")
    assert len(store.events("bollards")) == 3
    restoring.replace_file(copy.file, file)
    assert len(store.events("bollards")) == 2
    with store.transaction("bollards") as tx:
        assert tx.append(d.Rename(cluster="c-1", name="White"), at="now", actor="ann").number == 3
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_damaged_file_is_kept_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "curation.sqlite3"
    file.write_bytes(b"noise" * 1000)
    assert restoring.is_damaged(file)
    assert restoring.set_aside(file, tmp_path / "aside" / "old.sqlite3").read_bytes() == b"noise" * 1000
