"""The clock is set back in the middle: order comes from counting, never from the time of day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.steps.backup import restore
from pipeline.steps.doctor.checkup import examine
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from pipeline.steps.published_sets import changes_since, rollback
from pipeline.storage.curation import copies
from pipeline.storage.history import read_history
from tests.steps.named_library import deleted, name_all
from tests.steps.test_run import Bench, add

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Timed(Bench):
    """A bench whose clock is set by the test, and moves on by a minute for each project."""

    moment = START

    def project(self) -> Project:
        self.moment += timedelta(minutes=1)
        made, moment = super().project(), self.moment
        return type(made)(made.settings, encoder=lambda: self.encoder, talk=self, clock=lambda: moment)


@pytest.fixture
def bench(tmp_path: Path) -> Timed:
    """Two publications, three names; then the clock goes back by a month."""
    made = Timed(tmp_path / "library", tmp_path / "data")
    more(made, 0)
    made.run()
    name_all(made)
    made.run()
    made.moment -= timedelta(days=30)
    return made


def more(bench: Bench, start: int) -> None:
    for seed in range(start, start + 36):
        add(bench.library, f"posts/de/{seed:03d}-800w.png", ("red", "green", "blue")[seed % 3], seed)


def faults(bench: Bench) -> list[str]:
    return [f"{one.check}: {one.text}" for one in examine(bench.project()) if one.state == "fault"]


def describe(bench: Bench, text: str) -> None:
    curation = bench.project().curation
    cluster = next(iter(curation.curated("posts").clusters))
    curation.decide("posts", d.Describe(cluster=cluster, description=text), actor="ann")


def test_names_ids_and_the_order_of_events_and_publications_stay(bench: Timed) -> None:
    before = {one["id"]: one["name"] for one in bench.document("posts")["clusters"]}
    more(bench, 36)
    bench.run()
    describe(bench, "later")
    bench.run()
    assert {one["id"]: one["name"] for one in bench.document("posts")["clusters"]} == before
    events = bench.project().curation.log.events("posts")
    assert [one.number for one in events] == [1, 2, 3, 4]
    assert isinstance(events[-1].decision, d.Describe)
    history = read_history(bench.data / "published", "posts")
    versions = [one.version for one in history.publications]
    assert versions == sorted(versions)
    assert history.current is not None
    assert history.current.version == versions[-1]
    assert faults(bench) == []
    assert changes_since(bench.project(), "posts")["clusters"]
    rollback(bench.project(), "posts")
    assert read_history(bench.data / "published", "posts").current.version == versions[-2]  # type: ignore[union-attr]


def test_a_run_that_is_stopped_after_listing_or_reading_is_no_fault(bench: Timed) -> None:
    more(bench, 36)
    manifest(bench.project(), "posts")
    assert faults(bench) == []
    ingest(bench.project(), "posts")
    assert faults(bench) == []
    bench.run()
    assert faults(bench) == []


def test_the_newest_copy_of_the_decisions_is_the_one_that_was_made_last(bench: Timed) -> None:
    for number in range(14):
        describe(bench, f"text {number}")
        bench.run()
    newest = copies.newest_first(bench.project().layout.copies)[0]
    assert newest.events == 17
    deleted(bench)
    restore(bench.project(), "latest")
    assert len(bench.project().curation.log.events("posts")) == 17
    bench.run()
    assert "text 13" in {one["description"] for one in bench.document("posts")["clusters"]}


def test_a_schedule_of_full_clusterings_does_not_wait_for_the_old_time(bench: Timed) -> None:
    bench.settings = {"labels": {"recluster_days": 7, "recluster_share": 1.0}}
    bench.run()
    add(bench.library, "posts/de/100-800w.png", "red", 100)
    bench.moment -= timedelta(days=8)
    assert bench.run()["posts"]["clustering"].startswith("full")
