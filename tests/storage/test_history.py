"""The record of what was published agrees with what readers see, whatever happened in between."""

import json
from pathlib import Path

import pytest

from pipeline.errors import NewerSchemaError
from pipeline.stages.published import canonical, document
from pipeline.storage.history import Candidate, History, Publication, number_of, read_history, write_history
from pipeline.storage.publications import publish_to_folder, stage_set, swing
from tests.stages.published.library import GENERATED_AT, library

AT = "2026-11-21T03:00:00Z"


def made() -> dict[str, bytes]:
    return {"clusters.json": canonical.encode(document.build_document(library(), generated_at=GENERATED_AT))}


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for version in ("000001-aa", "000002-bb"):
        publish_to_folder(tmp_path, "cars", version, made())
    swing(tmp_path, "cars", "000001-aa")
    concerns = [{"rule": "max_cluster_drop", "text": "fewer", "figures": {"limit": 0.5}}]
    history = History(
        [Publication("000001-aa", AT, "published", "aa", "It began.", {"clusters": 3})],
        Candidate("000002-bb", AT, "bb", "h", {"clusters": 1}, concerns),
        "held",
        {"folder": "000001-aa"},
    )
    write_history(tmp_path, "cars", history)
    assert read_history(tmp_path, "cars") == history
    assert history.next_version("cc" * 32) == f"000003-{'cc' * 6}"


def test_a_link_that_was_swung_without_a_record_is_in_the_history(tmp_path: Path) -> None:
    stage_set(tmp_path, "cars", "000001-aa", made())
    swing(tmp_path, "cars", "000001-aa")
    current = read_history(tmp_path, "cars").current
    assert current is not None
    assert (current.version, current.at, current.summary["images"]) == ("000001-aa", GENERATED_AT, 12)


def test_a_candidate_that_was_shown_without_a_record_no_longer_waits(tmp_path: Path) -> None:
    publish_to_folder(tmp_path, "cars", "000001-aa", made())
    stage_set(tmp_path, "cars", "000002-bb", made())
    waiting = Candidate("000002-bb", AT, "bb", "", {}, [])
    write_history(tmp_path, "cars", History([Publication("000001-aa", AT, "published", "aa")], waiting, "held"))
    swing(tmp_path, "cars", "000002-bb")
    found = read_history(tmp_path, "cars")
    assert (found.candidate, found.held) == (None, None)
    assert found.versions() == ["000001-aa", "000002-bb"]


def test_sets_that_someone_deleted_are_not_in_the_history(tmp_path: Path) -> None:
    gone = [Publication("000001-aa", AT, "published", "aa")]
    write_history(tmp_path, "cars", History(gone, Candidate("000002-bb", AT, "bb", "", {}, []), None))
    assert read_history(tmp_path, "cars") == History()


def test_a_set_that_came_back_counts_by_when_it_was_last_shown() -> None:
    history = History([Publication(name, AT, "published", "") for name in ("1", "2", "3", "1")])
    assert history.versions() == ["2", "3", "1"]


@pytest.mark.parametrize(("version", "number"), [("000012-ab", 12), ("1000000-ab", 1_000_000), ("ab12cd34", 0)])
def test_a_version_tells_its_number(version: str, number: int) -> None:
    assert number_of(version) == number


def test_a_record_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    write_history(tmp_path, "cars", History())
    path = tmp_path / ".history" / "cars.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schemaVersion": 2}))
    with pytest.raises(NewerSchemaError, match="schema version 2; this program reads up to 1"):
        read_history(tmp_path, "cars")
