"""Accepting, rolling back and telling what changed, on real folders."""

from pathlib import Path

import pytest

from pipeline.errors import CandidateError, MissingArtifactError
from pipeline.stages.published import schema
from pipeline.steps.published_sets import accept, changes_since, rollback
from tests.steps.publishing import PublishingBench, view_of


@pytest.fixture
def bench(tmp_path: Path) -> PublishingBench:
    return PublishingBench(tmp_path, str(tmp_path / "outlet"), guard={"max_cluster_share": 1})


def held(bench: PublishingBench) -> str:
    """The version of a candidate that the guard held back."""
    bench.publish()
    bench.view = view_of([15])
    return bench.publish_held().candidate


def test_an_accepted_candidate_goes_everywhere_and_stays(bench: PublishingBench, tmp_path: Path) -> None:
    version = held(bench)
    done = accept(bench.project(), "bollards", "2")
    assert (done.version, done.changed) == (version, True)
    assert bench.sizes() == bench.sizes(root=tmp_path / "outlet") == [15]
    assert bench.history().publications[-1].event == "accepted"
    again = accept(bench.project(), "bollards", version)
    assert not again.changed
    report = bench.publish()
    assert report.unchanged
    assert report.held is None
    assert len(bench.history().publications) == 2


def test_a_candidate_older_than_what_is_published_is_refused(bench: PublishingBench) -> None:
    version = held(bench)
    bench.view = view_of([6, 5, 3])
    bench.publish()
    with pytest.raises(
        CandidateError, match=rf"{version} of bollards is older than what is published, 000003-\w+ from"
    ):
        accept(bench.project(), "bollards", version)
    with pytest.raises(CandidateError, match=r"There is no candidate 77 of bollards\. Nothing is waiting"):
        accept(bench.project(), "bollards", "77")
    assert bench.sizes() == [6, 5, 3]


def test_a_rollback_restores_every_companion_everywhere(bench: PublishingBench, tmp_path: Path) -> None:
    bench.publish()
    folder = bench.data / "published" / "bollards"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    bench.view = view_of([7, 5, 4])
    bench.publish()
    done = rollback(bench.project(), "bollards")
    assert done.version.startswith("000001-")
    assert "3 clusters, 15 images" in done.text
    assert "in 2 places" in done.text
    for root in (bench.data / "published", tmp_path / "outlet"):
        assert {path.name: path.read_bytes() for path in (root / "bollards").iterdir()} == before
    assert [one.event for one in bench.history().publications] == ["published", "published", "rolled back"]


def test_what_was_rolled_back_does_not_come_back_until_a_person_accepts(bench: PublishingBench) -> None:
    bench.publish()
    bench.view = view_of([7, 5, 4])
    bench.publish()
    rollback(bench.project(), "bollards")
    assert "rolled bollards back from 000002-" in bench.publish_held().reasons[0]
    assert bench.sizes() == [6, 5, 4]
    # the next night brings one image more: it waits as well
    bench.view = view_of([7, 5, 5])
    waiting = bench.publish_held()
    assert "rolled bollards back" in waiting.reasons[0]
    assert bench.sizes() == [6, 5, 4]
    accept(bench.project(), "bollards", waiting.candidate)
    assert bench.sizes() == [7, 5, 5]
    # and from then on results go out by themselves again
    bench.view = view_of([7, 6, 5])
    assert bench.publish().held is None
    assert bench.sizes() == [7, 6, 5]


def test_the_rolled_back_version_itself_can_be_accepted_again(bench: PublishingBench) -> None:
    bench.publish()
    bench.view = view_of([7, 5, 4])
    bench.publish()
    rollback(bench.project(), "bollards")
    accept(bench.project(), "bollards", "2")
    assert bench.sizes() == [7, 5, 4]
    assert bench.publish().unchanged
    assert bench.history().held is None


def test_a_pipeline_that_computes_what_readers_see_ends_the_hold(bench: PublishingBench) -> None:
    fine = bench.view
    bench.publish()
    bench.view = view_of([7, 5, 4])
    bench.publish()
    rollback(bench.project(), "bollards")
    bench.view = fine
    assert bench.publish().held is None
    assert bench.history().held is None


def test_rolling_back_twice_goes_two_steps_and_a_version_can_be_named(bench: PublishingBench) -> None:
    for extra in range(4):
        bench.view = view_of([6 + extra, 5, 4])
        bench.publish()
    rollback(bench.project(), "bollards")
    assert bench.sizes() == [8, 5, 4]
    rollback(bench.project(), "bollards")
    assert bench.sizes() == [7, 5, 4]
    rollback(bench.project(), "bollards", "4")
    assert bench.sizes() == [9, 5, 4]
    assert not rollback(bench.project(), "bollards", "4").changed
    with pytest.raises(CandidateError, match=r"no published version 9 of bollards. The newest: 000004-"):
        rollback(bench.project(), "bollards", "9")


def test_there_is_nothing_to_go_back_to_before_the_second_publication(bench: PublishingBench) -> None:
    with pytest.raises(MissingArtifactError, match="Nothing of bollards is published"):
        rollback(bench.project(), "bollards")
    bench.publish()
    with pytest.raises(CandidateError, match="published only once"):
        rollback(bench.project(), "bollards")


def test_only_so_many_versions_are_kept_as_the_settings_say(bench: PublishingBench) -> None:
    bench.published["history"] = 3
    for extra in range(6):
        bench.view = view_of([6 + extra, 5, 4])
        bench.publish()
    assert [one.number for one in bench.history().publications] == [4, 5, 6]
    assert len(list((bench.data / "published" / ".versions" / "bollards").iterdir())) == 3


def test_changes_between_any_two_versions_hold_to_the_schema(bench: PublishingBench) -> None:
    for extra in range(3):
        bench.view = view_of([6 + extra, 5, 4], names={0: "White cylinder"})
        bench.publish()
    last = changes_since(bench.project(), "bollards")
    assert last == bench.read("changes.json")
    for since in ("1", "000001", bench.history().publications[0].version, "2026-11-22", "2026-11-22T12:00:00Z"):
        found = changes_since(bench.project(), "bollards", since)
        schema.validate_changes(found)
        assert found["summary"]["imagesAdded"] == 2
        assert found["clusters"][0]["naming"] == "carried"
    assert changes_since(bench.project(), "bollards", "2026-11-23")["summary"]["imagesAdded"] == 1
    for unknown in ("2026-11-20", "17", "yesterday"):
        with pytest.raises(CandidateError, match=f"no version or date {unknown} of bollards. The newest: 000003-"):
            changes_since(bench.project(), "bollards", unknown)
