"""One writer at a time: a lease in a bucket, on a real server, and on clocks that no test waits for."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.lease import LEASE, Holder, Lease
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.errors import BucketUnreachableError, LeaseHeldError, LeaseLostError
from tests.servers import S3Server, make_bucket, s3_client

pytestmark = pytest.mark.real
SECONDS = 600.0  # so long that no lease renews itself during a test


class Machine:
    """One machine: its own clock, which only waiting moves, and what it was told."""

    def __init__(self, bucket: ObstoreBucket, name: str, *, starts_at: float = 0.0) -> None:
        self.now, self.told, self.waited = starts_at, list[str](), 0.0
        self.meanwhile: Callable[[], object] = lambda: None
        self.lease = Lease(
            bucket, Holder(name, 7, "image-cluster run", "2026-11-21T02:00:00Z"), seconds=SECONDS,
            notice=self.told.append, clock=lambda: self.now, wait=self._wait,
        )  # fmt: skip

    def _wait(self, seconds: float) -> None:
        self.now += seconds
        self.waited += seconds
        self.meanwhile()


@pytest.fixture
def bucket(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> ObstoreBucket:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    opened = open_bucket(f"s3://{make_bucket(moto_server)}/library", endpoint_url=moto_server.endpoint)
    assert isinstance(opened, ObstoreBucket)
    return opened


@pytest.fixture
def anna(bucket: ObstoreBucket) -> Machine:
    made = Machine(bucket, "anna")
    made.lease.acquire(patience=0)
    return made


def test_a_second_machine_waits_for_the_first_with_a_word_who_that_is(bucket: ObstoreBucket, anna: Machine) -> None:
    ben = Machine(bucket, "ben")
    ben.meanwhile = lambda: anna.lease.release() if ben.waited > SECONDS / 2 else None
    ben.lease.acquire(patience=SECONDS * 10)
    assert ben.waited < SECONDS
    assert "image-cluster run (process 7 on anna, since 2026-11-21T02:00:00Z) works on it" in ben.told[0]
    carl = Machine(bucket, "carl")
    carl.meanwhile = ben.lease.confirm
    with pytest.raises(LeaseHeldError, match=r"worked on by .* on ben"):
        carl.lease.acquire(patience=0)


def test_a_machine_without_patience_is_refused_as_soon_as_the_holder_is_seen_to_live(
    bucket: ObstoreBucket, anna: Machine
) -> None:
    ben = Machine(bucket, "ben")
    ben.meanwhile = lambda: anna.lease.confirm() if ben.waited > SECONDS / 3 else None
    with pytest.raises(LeaseHeldError, match="Nothing was done here"):
        ben.lease.acquire(patience=0)
    assert SECONDS / 3 < ben.waited < SECONDS / 2
    anna.lease.confirm()


@pytest.mark.parametrize("off", [-3600.0, 0.0, 3600.0])
def test_the_lease_of_a_dead_machine_ends_by_itself_whatever_the_clocks_say(bucket: ObstoreBucket, off: float) -> None:
    dead = Machine(bucket, "anna")
    dead.lease.acquire(patience=0)
    ben = Machine(bucket, "ben", starts_at=off)
    ben.lease.acquire(patience=0)
    assert SECONDS <= ben.waited < SECONDS + 10
    assert "ended: nothing was heard of it for 600 seconds" in ben.told[-1]


def test_a_machine_that_slept_learns_that_it_lost_the_lease_and_takes_nothing_back(
    bucket: ObstoreBucket, anna: Machine
) -> None:
    ben = Machine(bucket, "ben")
    ben.lease.acquire(patience=0)
    with pytest.raises(LeaseLostError, match=r"image-cluster run .process 7 on ben.* took it over"):
        anna.lease.confirm()
    anna.lease.release()
    ben.lease.confirm()
    ben.lease.release()
    with pytest.raises(LeaseLostError):
        anna.lease.confirm()


def test_a_lease_that_is_handed_back_is_free_at_once(bucket: ObstoreBucket, anna: Machine) -> None:
    anna.lease.release()
    ben = Machine(bucket, "ben")
    ben.lease.acquire(patience=0)
    assert (ben.waited, ben.told) == (0, [])


def test_of_eight_machines_that_want_the_lease_at_the_same_moment_one_gets_it(bucket: ObstoreBucket) -> None:
    for _ in range(3):
        machines = [Machine(bucket, f"m{number}") for number in range(8)]

        def wants(machine: Machine) -> bool:
            def other_lives() -> None:
                raise LeaseHeldError("another one was quicker")

            machine.meanwhile = other_lives
            try:
                machine.lease.acquire(patience=0)
            except LeaseHeldError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(wants, machines))
        assert sum(got) == 1
        machines[got.index(True)].lease.release()


def test_a_lease_whose_written_answer_was_lost_is_still_held(
    bucket: ObstoreBucket, anna: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = ObstoreBucket.write_version

    def unheard(to: ObstoreBucket, key: str, data: bytes, *, etag: str | None) -> str | None:
        write(to, key, data, etag=etag)
        return write(to, key, data, etag=etag)

    monkeypatch.setattr(ObstoreBucket, "write_version", unheard)
    anna.lease.confirm()
    anna.lease.confirm()
    anna.lease.release()
    Machine(bucket, "ben").lease.acquire(patience=0)


def test_a_renewal_that_fails_is_tried_again_and_loses_nothing(
    moto_server: S3Server, bucket: ObstoreBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left, told, renewed = ObstoreBucket.write_version, [2], list[str](), threading.Event()

    def failing(to: ObstoreBucket, key: str, data: bytes, *, etag: str | None) -> str | None:
        left[0] -= 1
        if left[0] >= 0:
            raise BucketUnreachableError("the cable was pulled.")
        renewed.set()
        return write(to, key, data, etag=etag)

    lease = Lease(bucket, Holder("anna", 7, "run", "now"), seconds=0.09, notice=told.append)
    lease.acquire(patience=0)
    first = _etag(moto_server, bucket)
    monkeypatch.setattr(ObstoreBucket, "write_version", failing)
    assert renewed.wait(30)
    lease.confirm()
    lease.release()
    assert len(told) == 2
    assert "the cable was pulled. Trying again" in told[0]
    assert _etag(moto_server, bucket) != first


def test_a_lease_that_nobody_can_read_ends_as_any_other(moto_server: S3Server, bucket: ObstoreBucket) -> None:
    bucket.write(LEASE, b"not ours", content_type="text/plain")
    ben = Machine(bucket, "ben")
    ben.lease.acquire(patience=0)
    assert ben.waited >= SECONDS
    ben.lease.confirm()


def _etag(server: S3Server, bucket: ObstoreBucket) -> str:
    name, _, prefix = bucket.url.removeprefix("s3://").partition("/")
    return str(s3_client(server).head_object(Bucket=name, Key=f"{prefix}/{LEASE}")["ETag"])
