"""The sensor and the schedule on a real folder that grows, with the runs that they ask for really run."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipeline.automation import PARTITIONS, bucket_tick, nightly_requests
from pipeline.definitions import build_defs
from tests.assets.bench import Bench, materializations, picture_bytes

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
QUIET_SECONDS = 120
Work = dict[str, tuple[int, int]]  # slug → images read, images embedded


def instance_on_disk(folder: Path) -> dg.DagsterInstance:
    """A schedule's context asks for an instance that another process could open."""
    home = folder / "home"
    home.mkdir()
    return dg.DagsterInstance.local_temp(str(home))


class Watcher:
    """The sensor as the daemon drives it: keeps the cursor, adds partitions, runs each run key once."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cursor: str | None = None
        self.now = MIDNIGHT
        self.run_keys: set[str] = set()
        self.said = ""

    def tick(self, seconds: float = 60) -> Work:
        self.now += seconds
        context = dg.build_sensor_context(instance=self.bench.instance, cursor=self.cursor)
        result = bucket_tick(context, self.bench.resource(), now=self.now)
        self.cursor = result.cursor
        self.said = result.skip_reason.skip_message if result.skip_reason else ""
        for request in result.dynamic_partitions_requests or []:
            assert isinstance(request, dg.AddDynamicPartitionsRequest)
            self.bench.instance.add_dynamic_partitions(PARTITIONS, list(request.partition_keys))
        done: Work = {}
        for request in result.run_requests or []:
            assert request.run_key not in self.run_keys, "Dagster would drop a run whose key it has seen"
            self.run_keys.add(str(request.run_key))
            run = self.bench.run(str(request.partition_key))
            assert run.success
            made = materializations(run)
            done[str(request.partition_key)] = (made["images"]["read"], made["embeddings"]["embedded"])
        return done

    def settle(self) -> Work:
        """Ticks until the quiet time is over; what was done then."""
        assert self.tick() == {}, "a run before the bucket was still"
        assert "must stay still" in self.said
        return self.tick(QUIET_SECONDS)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with instance_on_disk(tmp_path) as instance:
        made = Bench(tmp_path, instance, automation={"quiet_seconds": QUIET_SECONDS})
        made.add("bollards", range(24))
        yield made


def test_three_days_of_a_growing_bucket_cost_what_changed_and_no_more(bench: Bench) -> None:
    watcher = Watcher(bench)
    # the first day: the category is a partition at the first look, and is run once it is still
    assert watcher.tick() == {}
    assert bench.instance.get_dynamic_partitions(PARTITIONS) == ["bollards"]
    assert watcher.tick(QUIET_SECONDS) == {"bollards": (24, 24)}
    assert watcher.tick() == {}
    assert watcher.said == "Nothing changed in 1 category."

    # the second day: five are added, while they come nothing starts
    bench.add("bollards", range(24, 27))
    assert watcher.tick() == {}
    bench.add("bollards", range(27, 29))
    assert watcher.tick(QUIET_SECONDS - 1) == {}
    assert watcher.tick(QUIET_SECONDS) == {"bollards": (5, 5)}
    assert watcher.tick() == {}

    # the third day: one is overwritten, two are deleted, a category appears
    overwritten, *deleted = bench.keys("bollards")[:3]
    bench.put(overwritten, picture_bytes(1000))
    for key in deleted:
        (bench.library / key).unlink()
    bench.add("follow-cars", range(100, 112))
    assert watcher.settle() == {"bollards": (1, 1), "follow-cars": (12, 12)}
    assert set(bench.instance.get_dynamic_partitions(PARTITIONS)) == {"bollards", "follow-cars"}
    assert watcher.tick() == {}
    assert bench.encoder.encoded == 24 + 5 + 1 + 12


def test_what_was_taken_back_is_run_again_though_its_digest_is_an_old_one(bench: Bench) -> None:
    watcher = Watcher(bench)
    watcher.settle()
    key = bench.keys("bollards")[0]
    data, times = (bench.library / key).read_bytes(), (bench.library / key).stat()
    (bench.library / key).unlink()
    assert watcher.settle() == {"bollards": (0, 0)}
    bench.put(key, data)
    os.utime(bench.library / key, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert watcher.settle() == {"bollards": (1, 0)}


def test_a_folder_that_is_copied_embeds_nothing(bench: Bench) -> None:
    watcher = Watcher(bench)
    watcher.settle()
    bench.add("copied", range(24))
    assert watcher.settle() == {"copied": (24, 0)}


def test_a_bucket_that_cannot_be_listed_is_said_in_one_line_and_nothing_is_forgotten(bench: Bench) -> None:
    watcher = Watcher(bench)
    watcher.settle()
    before, moved = watcher.cursor, bench.library.rename(bench.library.with_name("unplugged"))
    assert watcher.tick() == {}
    assert watcher.said.startswith("The bucket was not looked at: ")
    assert "\n" not in watcher.said
    assert watcher.cursor == before
    moved.rename(bench.library)
    assert watcher.tick() == {}
    assert bench.instance.get_dynamic_partitions(PARTITIONS) == ["bollards"]


def test_a_bucket_that_does_not_answer_ends_the_tick_by_itself_and_the_next_one_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher(bench)
    watcher.settle()
    bench.write_settings(automation={"quiet_seconds": QUIET_SECONDS, "deadline_seconds": 0.3})
    release, before, scandir = threading.Event(), watcher.cursor, os.scandir

    def hang(path: Any) -> Any:
        if str(path).startswith(str(bench.library)):
            release.wait()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", hang)
    assert watcher.tick() == {}
    assert "did not answer within 0.3 s" in watcher.said
    threads = threading.active_count()
    assert watcher.tick() == {}
    assert "has not answered an earlier question" in watcher.said
    context = dg.build_schedule_context(instance=bench.instance, scheduled_execution_time=datetime.now(UTC))
    requests = nightly_requests(context, bench.resource())
    assert isinstance(requests, list)
    assert [request.partition_key for request in requests] == ["bollards"]
    assert threading.active_count() <= threads
    assert watcher.cursor == before
    release.set()
    for thread in threading.enumerate():
        if thread.name == "bucket-deadline":
            thread.join()
    assert watcher.tick() == {}
    assert watcher.said == "Nothing changed in 1 category."


def test_a_run_that_failed_is_not_asked_for_over_and_over(bench: Bench) -> None:
    watcher = Watcher(bench)
    for key in bench.keys("bollards"):
        bench.put(key, b"no picture")
    watcher.tick()
    context = dg.build_sensor_context(instance=bench.instance, cursor=watcher.cursor)
    asked = bucket_tick(context, bench.resource(), now=watcher.now + QUIET_SECONDS)
    assert len(asked.run_requests or []) == 1
    assert not bench.run("bollards").success
    watcher.cursor, watcher.now = asked.cursor, watcher.now + QUIET_SECONDS
    for _ in range(5):
        assert watcher.tick(600) == {}


def test_the_sensor_runs_as_dagster_runs_it(bench: Bench) -> None:
    bench.write_settings(automation={"quiet_seconds": 0})
    bench.instance.add_dynamic_partitions(PARTITIONS, ["follow-cars", "bollards"])
    definitions = bench.definitions()
    sensor = definitions.resolve_sensor_def("bucket_sensor")
    with (
        dg.partition_loading_context(dynamic_partitions_store=bench.instance),
        dg.build_sensor_context(
            instance=bench.instance, definitions=definitions, resources={"project": bench.resource()}
        ) as context,
    ):
        data = sensor.evaluate_tick(context)
    assert [request.partition_key for request in data.run_requests or []] == ["bollards"]
    assert (data.run_requests or [])[0].tags["image-cluster/trigger"] == "bucket"


def nightly(bench: Bench, when: datetime) -> list[dg.RunRequest] | dg.SkipReason:
    context = dg.build_schedule_context(instance=bench.instance, scheduled_execution_time=when)
    return nightly_requests(context, bench.resource())


def test_every_night_every_category_of_the_bucket_is_run_once(bench: Bench) -> None:
    bench.add("follow-cars", range(100, 112))
    asked = nightly(bench, datetime(2026, 3, 2, 3, tzinfo=UTC))
    assert isinstance(asked, list)
    assert [(request.partition_key, request.run_key) for request in asked] == [
        ("bollards", "2026-03-02T03:00+00:00:bollards"),
        ("follow-cars", "2026-03-02T03:00+00:00:follow-cars"),
    ]
    assert bench.instance.get_dynamic_partitions(PARTITIONS) == ["bollards", "follow-cars"]
    for request in asked:
        assert bench.run(str(request.partition_key)).success
    following = nightly(bench, datetime(2026, 3, 3, 3, tzinfo=UTC))
    assert isinstance(following, list)
    assert not {request.run_key for request in asked} & {request.run_key for request in following}


def test_an_empty_bucket_is_skipped_with_a_reason(tmp_path: Path) -> None:
    with instance_on_disk(tmp_path) as instance:
        asked = nightly(Bench(tmp_path, instance), datetime(2026, 3, 2, 3, tzinfo=UTC))
    assert isinstance(asked, dg.SkipReason)
    assert "holds no category yet" in str(asked.skip_message)


def test_a_night_without_a_network_still_asks_for_what_is_known(bench: Bench) -> None:
    bench.instance.add_dynamic_partitions(PARTITIONS, ["bollards"])
    bench.write_settings(
        source={"url": "s3://images", "endpoint_url": "http://127.0.0.1:9", "timeout_seconds": 2, "region": "auto"}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        asked = nightly(bench, datetime(2026, 3, 2, 3, tzinfo=UTC))
    assert isinstance(asked, list)
    assert [request.partition_key for request in asked] == ["bollards"]


def test_a_wrong_cron_expression_fails_the_load() -> None:
    from pipeline.settings import AutomationParams

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="cron"):
        build_defs(automation=AutomationParams(nightly="every night"))
