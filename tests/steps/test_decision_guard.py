"""Decisions that were published from are there at the next run, or it stops before publishing and names the ways on."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.curation import decisions as d
from pipeline.errors import DamagedDatabaseError, ImageClusterError, LostDecisionsError
from pipeline.steps.decision_guard import accept_loss
from pipeline.steps.publish import publish
from pipeline.storage.curation import copies
from pipeline.storage.history import read_history
from tests.steps.named_library import HARM, Bench, bench, database, deleted, library, name_all, names, remove

__all__ = ["bench"]


@pytest.mark.parametrize("kind", HARM)
def test_a_run_without_the_decisions_of_the_last_publication_stops_and_names_the_ways_on(
    bench: Bench, kind: str
) -> None:
    harm, said = HARM[kind]
    harm(bench)
    files = {path: path.read_bytes() for path in bench.data.glob("curation*") if path.suffix == ".sqlite3"}
    before = (bench.data / "published" / "posts").readlink()
    with pytest.raises((LostDecisionsError, DamagedDatabaseError), match=said) as told:
        bench.run()
    assert "newest good copy holds 3 decisions" in str(told.value)
    assert f"image-cluster restore latest --out {bench.data}" in str(told.value)
    assert "image-cluster restore FILE" in str(told.value)
    if kind not in ("cut", "noise"):
        assert "image-cluster publish --accept-lost-decisions --category posts" in str(told.value)
    with pytest.raises((LostDecisionsError, DamagedDatabaseError)):
        publish(bench.project(), "posts")
    assert (bench.data / "published" / "posts").readlink() == before
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    assert {path: path.read_bytes() for path in files} == files, "what is there was not written to"


@pytest.mark.parametrize("kind", HARM)
def test_nothing_is_decided_or_shown_while_decisions_are_missing(bench: Bench, kind: str) -> None:
    HARM[kind][0](bench)
    with pytest.raises((LostDecisionsError, DamagedDatabaseError)):
        bench.project().curation.curated("posts")
    with pytest.raises((LostDecisionsError, DamagedDatabaseError)):
        bench.project().curation.decide("posts", d.Tag(images=("ab",), tag="x"), actor="ann")


def test_decisions_of_another_database_are_not_taken_for_those_of_a_category_without_any(tmp_path: Path) -> None:
    bench = library(tmp_path / "ours")
    bench.run()
    bench.project().curation.store.close()  # it is made, and nothing was decided yet
    bench.run()
    theirs = library(tmp_path / "theirs")
    theirs.run()
    name_all(theirs, "Theirs")
    bench.settings["curation"] = {"database_url": f"sqlite:///{database(theirs)}"}
    with pytest.raises(LostDecisionsError, match=r"published without decisions, and .* is another database, with 3"):
        bench.run()


def test_a_library_whose_decisions_moved_with_their_events_goes_on(bench: Bench, tmp_path: Path) -> None:
    shutil.copy(database(bench), tmp_path / "moved.sqlite3")
    with sqlite3.connect(tmp_path / "moved.sqlite3") as connection:
        connection.execute("UPDATE identity SET id = 'another'")
    remove(database(bench))
    bench.settings["curation"] = {"database_url": f"sqlite:///{tmp_path / 'moved.sqlite3'}"}
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]


def without_record(bench: Bench) -> None:
    """As a program from before the record left it."""
    path = bench.data / "published" / ".history" / "posts.json"
    values = {
        name: value for name, value in json.loads(path.read_bytes()).items() if name not in ("decisions", "losses")
    }
    path.write_text(json.dumps(values))
    shutil.rmtree(bench.data / "backups")


def test_a_data_directory_from_before_the_record_goes_on(bench: Bench) -> None:
    without_record(bench)
    with sqlite3.connect(database(bench)) as connection:
        connection.execute("DROP TABLE identity")
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
    bench.run()
    known = read_history(bench.data / "published", "posts").decisions
    assert known is not None
    assert (known.events, known.database) == (3, None)
    name_all(bench, "Later")
    bench.run()
    assert names(bench) == ["Later 0", "Later 1", "Later 2"]
    known = read_history(bench.data / "published", "posts").decisions
    assert known is not None
    assert known.database is not None


def test_names_that_are_published_tell_of_lost_decisions_where_no_record_does(bench: Bench) -> None:
    without_record(bench)
    deleted(bench)
    with pytest.raises(LostDecisionsError, match=r"what is published of it has 3 names, but .* holds no decision"):
        bench.run()


def test_the_copies_tell_where_everything_published_was_deleted_too(bench: Bench) -> None:
    deleted(bench)
    shutil.rmtree(bench.data / "published")
    with pytest.raises(LostDecisionsError, match="published from 3 decisions"):
        bench.run()


def test_whoever_says_so_begins_anew_and_that_is_on_record(bench: Bench) -> None:
    deleted(bench)
    project = bench.project()
    curation = project.curation
    said = accept_loss(project, "posts", curation.guard, curation.log)
    assert said is not None
    assert "posts goes on with 0 decisions, without what was there before (3 decisions)" in said
    assert accept_loss(project, "posts", curation.guard, curation.log) is None
    bench.run()
    assert names(bench) == ["None"] * 3
    (loss,) = read_history(bench.data / "published", "posts").losses
    assert (loss.before, loss.found) == (3, 0)
    name_all(bench, "New")
    bench.run()
    assert names(bench) == ["New 0", "New 1", "New 2"]
    held = {one.events for one in copies.newest_first(bench.data / "backups" / "decisions")}
    assert held == {3}, "the copy of what was lost stays beside that of what is new"
    assert len(copies.newest_first(bench.data / "backups" / "decisions")) == 2


def test_a_copy_is_kept_with_every_publication_that_has_other_decisions(bench: Bench) -> None:
    folder = bench.data / "backups" / "decisions"
    (copy,) = copies.newest_first(folder)
    assert copies.is_good(copy)
    assert copy.events == 3
    bench.run()
    assert len(copies.newest_first(folder)) == 1
    name_all(bench, "Later")
    bench.run()
    assert [one.events for one in copies.newest_first(folder)] == [6, 3]
    assert not list(folder.glob(".*"))


def test_nothing_is_published_where_the_copy_cannot_be_written(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    name_all(bench, "Later")

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(copies, "_copy_file", full)
    with pytest.raises(ImageClusterError, match=r"could not be copied to .*disk is full"):
        bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]
    monkeypatch.undo()
    bench.run()
    assert names(bench) == ["Later 0", "Later 1", "Later 2"]
