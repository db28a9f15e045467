"""A copy of the decisions holds them all, is told from a damaged one, and goes only when a newer one stands for it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.errors import BackupError
from pipeline.storage.curation import copies
from pipeline.storage.curation.engine import database_url
from pipeline.storage.curation.store import CurationStore

START = datetime(2026, 11, 21, tzinfo=UTC)


def at(days: float) -> str:
    return (START + timedelta(days=days)).isoformat().replace("+00:00", "Z")


def decide(file: Path, name: str = "Red") -> None:
    store = CurationStore(database_url(file, None))
    with store.transaction("bollards") as tx:
        tx.append(d.Rename(cluster="c-1", name=name), at="now", actor="ann")
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> CurationStore:
    decide(tmp_path / "curation.sqlite3")
    return CurationStore(database_url(tmp_path / "curation.sqlite3", None))


def test_a_copy_is_one_file_that_holds_every_event_while_the_original_is_open(
    store: CurationStore, tmp_path: Path
) -> None:
    copy = copies.make_copy(store, tmp_path / "out" / "copy.sqlite3", at(0))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["copy.sqlite3"]
    assert copies.is_good(copy)
    assert copy.database == store.identity()
    assert dict(copies.read_copy(copy.file).categories) == copies.contents(store)


@pytest.mark.parametrize("harm", ["cut", "empty", "noise", "gone", "text"])
def test_a_damaged_copy_is_no_copy(store: CurationStore, tmp_path: Path, harm: str) -> None:
    copy = copies.keep_copy(store, tmp_path / "copies", at(0))
    assert copy is not None
    data = copy.file.read_bytes()
    changed = {"cut": data[: len(data) // 2], "empty": b"", "noise": bytes(len(data)), "text": b"text"}
    copy.file.unlink()
    if harm in changed:
        copy.file.write_bytes(changed[harm])
    assert not copies.is_good(copy)
    assert copies.best(copies.newest_first(tmp_path / "copies")) is None
    with pytest.raises(BackupError, match="copy"):
        copies.read_copy(copy.file)


def test_a_record_that_is_cut_hides_its_own_copy_only(store: CurationStore, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    copies.keep_copy(store, folder, at(0))
    decide(tmp_path / "curation.sqlite3", "Blue")
    newer = copies.keep_copy(store, folder, at(1))
    assert newer is not None
    newer.file.with_suffix(".json").write_text('{"at": ')
    assert [one.events for one in copies.newest_first(folder)] == [1]


def test_many_copies_are_thinned_out_by_age(store: CurationStore, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    for day in range(120):
        decide(tmp_path / "curation.sqlite3", f"Name {day}")
        assert copies.keep_copy(store, folder, at(day)) is not None
    kept = [(START + timedelta(days=119)) - datetime.fromisoformat(one.at) for one in copies.newest_first(folder)]
    days = [age.days for age in kept]
    assert days[:15] == list(range(15))
    assert len(days) < 30
    assert max(days) > 85
    assert len(list(folder.iterdir())) == 2 * len(days)


def test_a_copy_stays_until_one_of_the_same_database_with_as_many_decisions_is_there(tmp_path: Path) -> None:
    folder, file = tmp_path / "copies", tmp_path / "curation.sqlite3"
    for name in ("Red", "Blue"):
        decide(file, name)
    copies.keep_copy(CurationStore(database_url(file, None)), folder, at(0))
    for ending in ("", "-wal", "-shm"):
        Path(f"{file}{ending}").unlink(missing_ok=True)
    for number in range(30):  # begun anew, on the same day
        decide(file, f"Name {number}")
        copies.keep_copy(CurationStore(database_url(file, None)), folder, at(number / 100))
    events = [one.events for one in copies.newest_first(folder)]
    assert events == [*range(30, 20, -1), 2]


@pytest.mark.parametrize("ages", [[0.0], [float(n) for n in range(400)], [n / 100 for n in range(1000)]])
def test_the_newest_copy_and_one_of_each_month_are_always_kept(ages: list[float]) -> None:
    moments = [at(-age) for age in ages]
    kept = [moment for moment, keep in zip(moments, copies.kept_of(moments, at(0)), strict=True) if keep]
    assert moments[0] in kept
    assert {one[:7] for one in kept} == {one[:7] for one in moments}
    assert len(kept) <= 10 + 15 + 9 + 14


def test_the_record_beside_a_copy_says_what_it_holds(store: CurationStore, tmp_path: Path) -> None:
    copy = copies.keep_copy(store, tmp_path / "copies", at(0))
    assert copy is not None
    values = json.loads(copy.file.with_suffix(".json").read_bytes())
    assert values["categories"]["bollards"]["events"] == 1
    assert values["sha256"] == copy.sha256
