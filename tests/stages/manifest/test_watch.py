"""When the bucket sensor asks for a run, and what it remembers between ticks."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import BucketError, BucketUnreachableError
from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.build import build_manifest
from pipeline.stages.manifest.digest import EMPTY_DIGEST, CategoryDigest
from pipeline.stages.manifest.keys import slug_map
from pipeline.stages.manifest.watch import Decision, Scan, WatchState, decide, look
from tests.stages.manifest.listing import document, entry

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SETTINGS = SourceSettings()
QUIET = 120.0

OBJECTS = st.dictionaries(
    st.tuples(st.sampled_from(["bollards", "cars", "", ".hidden"]), st.integers(0, 40)).map(
        lambda pair: f"{pair[0]}/{pair[1]}.webp".lstrip("/")
    ),
    st.tuples(st.sampled_from(["e1", "e2"]), st.integers(0, 3)),
    max_size=40,
).map(lambda found: [ObjectInfo(key, etag, size, NOON) for key, (etag, size) in sorted(found.items())])


def scanned(objects: list[ObjectInfo]) -> dict[str, CategoryDigest]:
    scan = Scan("all")
    scan.add(objects)
    return scan.digests()


def seen(**digests: str) -> dict[str, CategoryDigest]:
    return {category: CategoryDigest(1, digest) for category, digest in digests.items()}


class BreaksOff:
    """A bucket that lists a few pages and then falls silent."""

    def __init__(self, whole: "Listed", pages: int) -> None:
        self.whole, self.left = whole, pages
        self.url = whole.url

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        for page in self.whole.pages(prefix, after=after, recursive=recursive):
            if self.left == 0:
                raise BucketUnreachableError("no answer within 45 s.")
            self.left -= 1
            yield page

    def head(self, key: str) -> ObjectInfo | None:
        return None


def test_a_listing_that_breaks_off_is_gone_on_with_and_sees_what_a_whole_one_sees() -> None:
    whole = Listed([ObjectInfo(f"a/{i:03d}.png", "e", 1, NOON) for i in range(9)])
    first = look(BreaksOff(whole, 2), WatchState(), settings=SETTINGS, listing_seconds=60)  # type: ignore[arg-type]
    assert first.observed is None
    assert first.reason == "no answer within 45 s. Listing goes on at the next tick: 4 images so far."
    rest = look(whole, first.state, settings=SETTINGS, listing_seconds=60)  # type: ignore[arg-type]
    assert rest.observed == scanned(whole.objects)
    with pytest.raises(BucketUnreachableError):
        look(BreaksOff(whole, 0), first.state, settings=SETTINGS, listing_seconds=60)  # type: ignore[arg-type]


class Sensor:
    """The sensor without Dagster: partitions, stored digests and a cursor that is written and read at every tick."""

    def __init__(self, known: dict[str, str] | None = None) -> None:
        self.known = known or {}
        self.slugs = {slug: slug for slug in self.known}
        self.cursor: str | None = None
        self.run_keys: list[str] = []

    def tick(self, now: float, **digests: str) -> Decision:
        state = WatchState.from_cursor(self.cursor, SETTINGS)
        self.slugs = slug_map(seen(**digests), self.slugs)
        made = decide(seen(**digests), self.known, state, now=now, quiet_seconds=QUIET, slugs=self.slugs)
        self.cursor = made.state.to_cursor()
        self.run_keys += [key for _, key in made.run_requests]
        return made


class Listed:
    """A bucket that lists what it is given, a page at a time."""

    url = "a bucket"

    def __init__(self, objects: list[ObjectInfo], page: int = 2, manifest: bytes | None = None) -> None:
        self.objects, self.page, self.manifest = objects, page, manifest
        self.reads = self.heads = 0
        self.etag = "m1"

    def pages(
        self, prefix: str = "", *, after: str | None = None, recursive: bool = True
    ) -> Iterator[list[ObjectInfo]]:
        found = [info for info in self.objects if after is None or info.key > after]
        for start in range(0, len(found), self.page):
            yield found[start : start + self.page]

    def head(self, key: str) -> ObjectInfo | None:
        self.heads += 1
        return ObjectInfo(key, self.etag, 1, NOON) if self.manifest is not None else None

    def read(self, key: str) -> bytes:
        self.reads += 1
        assert self.manifest is not None
        return self.manifest

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a look must not call {name}")


# --- digests and scans ------------------------------------------------------------------------------------------------


@given(OBJECTS, st.randoms())
def test_a_digest_does_not_depend_on_the_order_of_objects(objects: list[ObjectInfo], random: Any) -> None:
    shuffled = objects.copy()
    random.shuffle(shuffled)
    for category, digest in scanned(objects).items():
        assert build_manifest(shuffled, category=category, settings=SETTINGS, previous=None).content == digest


@given(OBJECTS, st.data())
def test_a_scan_that_is_split_over_ticks_gives_the_digests_of_one_scan(
    objects: list[ObjectInfo], data: st.DataObject
) -> None:
    state, bucket = WatchState(), Listed(objects, page=data.draw(st.integers(1, 7)))
    for _ in range(len(objects) + 2):
        found = look(bucket, state, settings=SETTINGS, listing_seconds=0, clock=lambda: 0.0)
        state = WatchState.from_cursor(found.state.to_cursor(), SETTINGS)
        if found.observed is not None:
            break
        assert "images so far" in found.reason
    assert found.observed == scanned(objects)
    assert state.scan is None


@given(OBJECTS, OBJECTS)
def test_two_contents_have_the_same_digest_only_if_they_are_the_same(
    one: list[ObjectInfo], other: list[ObjectInfo]
) -> None:
    visible = [[info for info in objects if not info.key.startswith(".")] for objects in (one, other)]
    assert (scanned(one) == scanned(other)) == (visible[0] == visible[1])


def test_a_bucket_that_lists_in_no_order_is_refused_rather_than_half_counted() -> None:
    with pytest.raises(BucketError, match="in order"):
        Scan("all").add([ObjectInfo("b/1.png", "e", 1, NOON), ObjectInfo("a/1.png", "e", 1, NOON)])


def test_a_folder_marker_out_of_order_is_no_trouble() -> None:
    scan = Scan("all")
    scan.add(
        [
            ObjectInfo("a/x-y/1.png", "e", 1, NOON),
            ObjectInfo("a/x", "e", 0, NOON),
            ObjectInfo("a/x/1.png", "e", 1, NOON),
        ]
    )
    assert scan.digests()["a"].count == 2


def test_a_scan_lists_until_its_time_is_up_and_goes_on_from_there() -> None:
    objects = [ObjectInfo(f"a/{i:03d}.png", "e", 1, NOON) for i in range(100)]
    times = iter(range(1000))
    found = look(
        Listed(objects, page=10), WatchState(), settings=SETTINGS, listing_seconds=3, clock=lambda: next(times)
    )
    assert found.observed is None
    assert found.state.scan is not None
    assert found.state.scan.position == "a/029.png"


def test_a_listing_that_fails_raises_and_is_no_empty_bucket() -> None:
    class Failing(Listed):
        def pages(
            self, prefix: str = "", *, after: str | None = None, recursive: bool = True
        ) -> Iterator[list[ObjectInfo]]:
            yield self.objects
            raise BucketError("access refused")

    with pytest.raises(BucketError, match="access refused"):
        look(Failing([ObjectInfo("a/1.png", "e", 1, NOON)]), WatchState(), settings=SETTINGS, listing_seconds=9)


# --- manifest.json ----------------------------------------------------------------------------------------------------


def test_with_a_manifest_one_head_is_enough_until_its_etag_changes() -> None:
    bucket = Listed([], manifest=document(entry(1)))
    first = look(bucket, WatchState(), settings=SETTINGS, listing_seconds=9)
    again = look(
        bucket, WatchState.from_cursor(first.state.to_cursor(), first_settings()), settings=SETTINGS, listing_seconds=9
    )
    assert (bucket.heads, bucket.reads) == (2, 2)  # a cursor of another source forgets
    third = look(bucket, again.state, settings=SETTINGS, listing_seconds=9)
    assert (bucket.heads, bucket.reads) == (3, 2)
    assert first.observed == again.observed == third.observed
    bucket.etag, bucket.manifest = "m2", document(entry(1), entry(2))
    fourth = look(bucket, third.state, settings=SETTINGS, listing_seconds=9)
    assert bucket.reads == 3
    assert fourth.observed is not None
    assert fourth.observed["bollards"].count == 6


def test_with_the_manifest_of_a_web_app_the_bucket_is_listed_and_the_file_is_read_once() -> None:
    objects = [ObjectInfo(f"bollards/de/{number}.png", "x", 1, NOON) for number in range(3)]
    bucket = Listed(objects, manifest=b'{"name": "My photos", "icons": []}')
    listed = look(Listed(objects), WatchState(), settings=SETTINGS, listing_seconds=9)
    first = look(bucket, WatchState(), settings=SETTINGS, listing_seconds=9)
    part = look(bucket, first.state, settings=SETTINGS, listing_seconds=0)
    again = look(bucket, part.state, settings=SETTINGS, listing_seconds=9)
    assert listed.observed == first.observed == again.observed
    assert part.observed is None
    assert (bucket.heads, bucket.reads) == (3, 1)
    bucket.etag, bucket.manifest = "m2", document(entry(1), entry(2))
    ours = look(bucket, again.state, settings=SETTINGS, listing_seconds=9)
    assert ours.observed is not None
    assert ours.observed["bollards"].count == 6
    with pytest.raises(BucketError, match="cannot be used"):
        look(
            Listed(objects, manifest=b'{"name": "My photos"}'), WatchState(),
            settings=SourceSettings(manifest="require"), listing_seconds=9,
        )  # fmt: skip


def first_settings() -> SourceSettings:
    return SourceSettings(url="s3://elsewhere")


def test_a_required_manifest_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BucketError, match="requires"):
        look(Listed([]), WatchState(), settings=SourceSettings(manifest="require"), listing_seconds=9)


def test_an_ignored_manifest_is_not_asked_for() -> None:
    bucket = Listed([], manifest=document(entry(1)))
    assert look(bucket, WatchState(), settings=SourceSettings(manifest="ignore"), listing_seconds=9).observed == {}
    assert bucket.heads == 0


# --- decisions --------------------------------------------------------------------------------------------------------


def test_nothing_is_requested_while_the_bucket_is_as_the_manifest_says() -> None:
    sensor = Sensor({"cars": "a"})
    made = sensor.tick(0, cars="a")
    assert made.run_requests == []
    assert made.reason == "Nothing changed in 1 category."


def test_a_change_is_requested_once_it_has_been_still_and_only_once() -> None:
    sensor = Sensor({"cars": "a"})
    assert sensor.tick(1000, cars="b").run_requests == []
    assert "for another 60 s" in sensor.tick(1060, cars="b").reason
    assert [slug for slug, _ in sensor.tick(1120, cars="b").run_requests] == ["cars"]
    for now in range(1180, 5000, 60):
        assert sensor.tick(now, cars="b").run_requests == []
    assert "nightly" in sensor.tick(5000, cars="b").reason


@given(st.lists(st.integers(1, 119), min_size=1, max_size=30))
def test_no_run_is_requested_while_uploads_go_on(gaps: list[int]) -> None:
    sensor, now = Sensor({"cars": "a"}), 0.0
    for number, gap in enumerate(gaps):
        now += gap
        assert sensor.tick(now, cars=f"upload{number}").run_requests == []
    assert len(sensor.tick(now + QUIET, cars=f"upload{len(gaps) - 1}").run_requests) == 1


def test_a_content_that_comes_back_after_another_is_requested_again_under_a_new_run_key() -> None:
    sensor = Sensor({"cars": "stored"})
    for now, digest in [(0, "a"), (200, "a"), (400, "b"), (600, "b"), (800, "a"), (1000, "a")]:
        sensor.tick(now, cars=digest)
    assert [key.split(":")[1] for key in sensor.run_keys] == ["a", "b", "a"]
    assert len(set(sensor.run_keys)) == 3


def test_a_content_that_flickers_before_it_was_still_is_still_requested_again() -> None:
    sensor = Sensor({"cars": "stored"})
    for now, digest in [(0, "a"), (200, "a"), (260, "b"), (320, "a"), (440, "a")]:
        sensor.tick(now, cars=digest)
    assert [key.split(":")[1] for key in sensor.run_keys] == ["a", "a"]


def test_a_run_that_stored_the_new_content_settles_the_category() -> None:
    sensor = Sensor({"cars": "a"})
    sensor.tick(0, cars="b")
    sensor.tick(200, cars="b")
    sensor.known["cars"] = "b"
    assert "Nothing changed" in sensor.tick(300, cars="b").reason
    state = WatchState.from_cursor(sensor.cursor, SETTINGS)
    assert (state.pending, state.requested) == ({}, {})


def test_a_new_category_is_requested_once_it_has_been_still() -> None:
    sensor = Sensor({"cars": "a"})
    assert sensor.tick(0, cars="a", **{"New Things": "n"}).run_requests == []
    made = sensor.tick(120, cars="a", **{"New Things": "n"})
    assert [slug for slug, _ in made.run_requests] == ["new-things"]


def test_a_category_that_is_gone_is_requested_once_and_its_partition_stays() -> None:
    sensor = Sensor({"cars": "a", "signs": "s"})
    sensor.tick(0, signs="s")
    assert [slug for slug, _ in sensor.tick(200, signs="s").run_requests] == ["cars"]
    assert sensor.tick(400, signs="s").run_requests == []
    sensor.known["cars"] = EMPTY_DIGEST.digest
    assert "Nothing changed" in sensor.tick(600, signs="s").reason
    assert "cars" in sensor.slugs


def test_a_partition_that_never_had_a_manifest_nor_objects_is_left_alone() -> None:
    sensor = Sensor({})
    sensor.slugs = {"old": "old"}
    assert sensor.tick(0).run_requests == []
    assert sensor.tick(500).run_requests == []


def test_without_a_quiet_time_a_change_is_requested_at_once() -> None:
    made = decide(seen(cars="b"), {"cars": "a"}, WatchState(), now=5.0, quiet_seconds=0, slugs={"cars": "cars"})
    assert made.run_requests == [("cars", "cars:b:6")]


def test_a_cursor_that_was_reset_does_not_repeat_run_keys() -> None:
    sensor = Sensor({"cars": "a"})
    for start in (1000.0, 2000.0):
        sensor.cursor = None
        sensor.tick(start, cars="b")
        sensor.tick(start + QUIET, cars="b")
    assert len(set(sensor.run_keys)) == 2


def test_a_clock_that_goes_back_does_not_hold_a_request_for_ever() -> None:
    sensor = Sensor({"cars": "a"})
    sensor.tick(1_000_000, cars="b")
    sensor.tick(1000, cars="b")
    assert len(sensor.tick(1000 + QUIET, cars="b").run_requests) == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"))), max_size=30
    )
)
def test_a_restart_with_the_saved_cursor_changes_nothing(ticks: list[tuple[int, dict[str, str]]]) -> None:
    known, slugs = {"a": "x"}, {"a": "a", "b": "b", "c": "c"}
    kept, restarted, now = WatchState.from_cursor(None, SETTINGS), WatchState.from_cursor(None, SETTINGS), 1.0
    for gap, digests in ticks:
        now += gap
        restarted = WatchState.from_cursor(restarted.to_cursor(), SETTINGS)
        one = decide(seen(**digests), known, kept, now=now, quiet_seconds=QUIET, slugs=slugs)
        other = decide(seen(**digests), known, restarted, now=now, quiet_seconds=QUIET, slugs=slugs)
        assert (one.run_requests, one.reason) == (other.run_requests, other.reason)
        kept, restarted = one.state, other.state
        assert kept == restarted


@pytest.mark.parametrize("cursor", ["", "{", "[]", '{"sequence": "many"}', '{"from": "the future"}'])
def test_a_cursor_that_cannot_be_read_starts_afresh(cursor: str) -> None:
    assert WatchState.from_cursor(cursor, SETTINGS).pending == {}


def test_the_cursor_of_a_hundred_categories_stays_small_and_holds_one_key_only() -> None:
    names = [f"category-with-a-long-name-{i:03d}" for i in range(100)]
    objects = [ObjectInfo(f"{name}/secret-{i}.png", "e", 1, NOON) for name in names for i in range(3)]
    scan = Scan("all")
    scan.add(objects)
    made = decide(scan.digests(), {}, WatchState(), now=1e9, quiet_seconds=QUIET, slugs={})
    state = made.state.model_copy(update={"scan": scan.saved(), "requested": dict.fromkeys(names, "0" * 16)})
    cursor = state.to_cursor()
    assert len(cursor.encode()) < 20_000
    assert cursor.count("secret-") == 1
