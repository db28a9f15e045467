"""A library goes into a bucket and comes back whole, and two machines never lose each other's work."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.adapters import snapshot_store
from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.cli import main
from pipeline.errors import BucketError, DamagedFileError, DataCopyError
from pipeline.steps.data_copy import copy_in, copy_out
from pipeline.steps.doctor.checkup import examine
from pipeline.steps.stored_copies import list_copies
from pipeline.storage.snapshot import Snapshot
from tests.servers import S3Server, make_bucket, s3_client
from tests.steps.named_library import Bench, name_all, names, published_library
from tests.steps.test_run import add

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return published_library(tmp_path_factory.mktemp("published"))


@pytest.fixture
def here(published: Bench, moto_server: S3Server, tmp_path: Path) -> Bench:
    """The library of one machine, with a published set and three names."""
    shutil.copytree(published.data, tmp_path / "here", symlinks=True)
    shutil.copytree(published.library, tmp_path / "library")
    return Bench(tmp_path / "library", tmp_path / "here", source={"endpoint_url": moto_server.endpoint})


@pytest.fixture
def there(here: Bench, tmp_path: Path) -> Bench:
    """Another machine, which sees the same images and has no library yet."""
    return Bench(here.library, tmp_path / "there", **here.settings)


@pytest.fixture
def url(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in moto_server.environment.items():
        monkeypatch.setenv(name, value)
    return f"s3://{make_bucket(moto_server)}/library"


def state(bench: Bench) -> dict[str, bytes]:
    """Every file of a library, but those that belong to one machine, and the decisions."""
    own = {"cache", "service", "copied.json", "copying", "curation.sqlite3"}
    files = (path for path in bench.data.rglob("*") if path.is_file() and path.name != ".lock")
    relative = ((path.relative_to(bench.data), path) for path in files)
    return {str(name): path.read_bytes() for name, path in relative if name.parts[0] not in own}


def faults(bench: Bench) -> list[str]:
    return [found.text for found in examine(bench.project()) if found.state != "ok"]


def test_another_machine_gets_the_same_library_and_goes_on_with_it(here: Bench, there: Bench, url: str) -> None:
    sent = copy_out(here.project(), url)
    assert sent.moved > 20
    assert sent.moved_size <= sent.size
    got = copy_in(there.project(), url)
    assert (got.snapshot, got.files, got.size) == (sent.snapshot, sent.files, sent.size)
    assert state(there) == state(here)
    assert (there.data / "published" / "posts").is_symlink()
    assert not faults(there)
    summary = there.run()["posts"]
    assert (summary["read"], summary["embedded"]) == (0, 0)
    assert names(there) == ["Kind 0", "Kind 1", "Kind 2"]


def test_only_what_changed_goes_over_the_network(here: Bench, there: Bench, url: str) -> None:
    first = copy_out(here.project(), url)
    assert copy_out(here.project(), url).moved == 0
    copy_in(there.project(), url)
    assert copy_in(there.project(), url).moved == 0
    add(here.library, "posts/de/100-800w.png", "red", 100)
    here.run()
    second = copy_out(here.project(), url)
    assert 0 < second.moved_size < first.moved_size
    thumbnails = [key for key in state(here) if key.startswith("thumbnails/")]
    assert second.moved < second.files - len(thumbnails) + 2
    copy_in(there.project(), url)
    assert state(there) == state(here)


def test_decisions_alone_are_a_change_and_go_along(here: Bench, there: Bench, url: str) -> None:
    copy_out(here.project(), url)
    copy_in(there.project(), url)
    name_all(there, "Later")
    with pytest.raises(DataCopyError, match=r"there changed since it was copied .*: curation.sqlite3"):
        copy_in(there.project(), url)
    copy_out(there.project(), url)
    copy_in(here.project(), url)
    here.run()
    assert names(here) == ["Later 0", "Later 1", "Later 2"]


def test_two_machines_that_both_worked_do_not_overwrite_each_other(here: Bench, there: Bench, url: str) -> None:
    first = copy_out(here.project(), url).snapshot
    copy_in(there.project(), url)
    name_all(here, "Ours")
    name_all(there, "Theirs")
    newer = copy_out(there.project(), url).snapshot
    with pytest.raises(DataCopyError, match=f"newest copy in {url} is {newer}"):
        copy_out(here.project(), url)
    with pytest.raises(DataCopyError, match="changed since it was copied"):
        copy_in(here.project(), url)
    copy_in(here.project(), url, drop=True)
    here.run()
    assert names(here) == ["Theirs 0", "Theirs 1", "Theirs 2"]
    kept = list((here.data / "backups" / "decisions").glob("replaced-*.sqlite3"))
    assert len(kept) == 1, "the decisions that were dropped are kept aside"
    assert [stored.snapshot for stored in list_copies(here.project(), url)] == [newer, first]


def test_of_two_that_copy_at_the_same_moment_one_is_refused(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_out(here.project(), url)
    copy_in(there.project(), url)
    name_all(here, "Ours")
    name_all(there, "Theirs")
    publish = snapshot_store.SnapshotStore.publish

    def late(store: snapshot_store.SnapshotStore, own: Snapshot, before: snapshot_store.Newest | None) -> str:
        monkeypatch.setattr(snapshot_store.SnapshotStore, "publish", publish)
        copy_out(there.project(), url)
        return store.publish(own, before)

    monkeypatch.setattr(snapshot_store.SnapshotStore, "publish", late)
    with pytest.raises(DataCopyError, match="Another machine copied its library"):
        copy_out(here.project(), url)
    assert copy_in(there.project(), url).moved == 0


def test_a_copy_that_was_interrupted_goes_on(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = _fails_after(monkeypatch, "upload", 10)
    with pytest.raises(BucketError, match="the cable was pulled"):
        copy_out(here.project(), url)
    with pytest.raises(DataCopyError, match="There is no library in"):
        copy_in(there.project(), url)
    broken()
    sent = copy_out(here.project(), url)
    assert sent.moved <= len({*state(here).values()}) + 1 - 10

    broken = _fails_after(monkeypatch, "download", 10)
    with pytest.raises(BucketError, match="the cable was pulled"):
        copy_in(there.project(), url)
    assert set(state(there)) == {"image-cluster.json"}, "nothing is replaced before everything is here"
    broken()
    calls = _counted(monkeypatch, "download")
    copy_in(there.project(), url)
    assert 0 < len(calls) <= sent.files - 10
    assert state(there) == state(here)
    assert not (there.data / "copying").exists()


def test_one_that_stopped_while_files_were_moved_goes_on_without_a_question(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_out(here.project(), url)
    replace, count = Path.replace, 0

    def failing(path: Path, target: Path) -> Path:
        nonlocal count
        count += "copying" in path.parts
        if count == 15:
            raise OSError("killed")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="killed"):
        copy_in(there.project(), url)
    monkeypatch.setattr(Path, "replace", replace)
    copy_in(there.project(), url)
    assert state(there) == state(here)
    assert not faults(there)


def test_a_damaged_object_is_noticed_before_anything_is_replaced(
    here: Bench, there: Bench, url: str, moto_server: S3Server
) -> None:
    copy_out(here.project(), url)
    client, bucket = s3_client(moto_server), url.split("/")[2]
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket, Prefix="library/objects/")["Contents"]]
    client.put_object(Bucket=bucket, Key=keys[3], Body=b"noise")
    with pytest.raises(DamagedFileError, match=r"The object \w+ in .* is damaged. Copy from an older snapshot"):
        copy_in(there.project(), url)
    assert set(state(there)) == {"image-cluster.json"}
    client.delete_object(Bucket=bucket, Key=keys[3])
    with pytest.raises(DamagedFileError, match="lost the object"):
        copy_in(there.project(), url)


def test_a_server_that_ignores_conditions_is_refused_in_words(
    here: Bench, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    here.settings["source"] = {"endpoint_url": s3_server.endpoint}
    with pytest.raises(DataCopyError, match="ignores the conditions If-None-Match and If-Match"):
        copy_out(here.project(), f"s3://{make_bucket(s3_server)}/library")


def test_an_older_copy_can_be_looked_at(here: Bench, there: Bench, url: str) -> None:
    first = copy_out(here.project(), url).snapshot
    name_all(here, "Later")
    copy_out(here.project(), url)
    copy_in(there.project(), url, name=first)
    clusters = there.project().curation.curated("posts").clusters.values()
    assert sorted(str(one.name) for one in clusters) == ["Kind 0", "Kind 1", "Kind 2"]


def test_old_copies_and_their_objects_are_removed_and_the_newest_stay_whole(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    monkeypatch.setattr(snapshot_store, "KEPT", 2)
    monkeypatch.setattr(snapshot_store, "KEPT_FOR", timedelta(days=-1))
    for number in range(4):
        name_all(here, f"Round {number} ")
        copy_out(here.project(), url)
    assert len(list_copies(here.project(), url)) == 2
    copy_in(there.project(), url)
    assert state(there) == state(here)


def test_the_command_says_what_it_copied(here: Bench, there: Bench, url: str, moto_server: S3Server) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["data", *arguments])
        return done.exit_code, done.output

    endpoint = ("--endpoint-url", moto_server.endpoint, "--quiet")
    code, said = call("copy", str(here.data), url, *endpoint)
    assert code == 0
    assert "files copied" in said
    assert call("copy", url, str(there.data), *endpoint)[0] == 0
    assert "3 decisions" in call("list", url, *endpoint)[1]
    code, said = call("copy", str(here.data), str(there.data))
    assert code == 2
    assert "One of FROM and TO must be a bucket" in said
    code, said = call("copy", url, str(here.data), *endpoint, "--json")
    assert code == 0, "a directory that went out and did not change since may be replaced"
    code, said = call("copy", f"{url}-typo", str(there.data), *endpoint)
    assert code == 1
    assert "There is no library in" in said


def test_a_directory_with_another_library_is_not_replaced(here: Bench, there: Bench, url: str) -> None:
    copy_out(here.project(), url)
    there.run()
    with pytest.raises(DataCopyError, match="holds a library already"):
        copy_in(there.project(), url)
    name_all(there, "Mine")
    copy_in(there.project(), url, drop=True)
    there.run()
    assert names(there) == ["Kind 0", "Kind 1", "Kind 2"]


def _fails_after(monkeypatch: pytest.MonkeyPatch, name: str, most: int) -> Callable[[], None]:
    """Let the bucket's method `name` fail from the call number `most` on; returns what mends it."""
    method, done = getattr(ObstoreBucket, name), 0

    def failing(bucket: ObstoreBucket, key: str, file: Path) -> None:
        nonlocal done
        if done >= most:
            raise BucketError("the cable was pulled")
        done += 1
        method(bucket, key, file)

    monkeypatch.setattr(ObstoreBucket, name, failing)
    return lambda: monkeypatch.setattr(ObstoreBucket, name, method)


def _counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[str]:
    method, calls = getattr(ObstoreBucket, name), list[str]()

    def counting(bucket: ObstoreBucket, key: str, file: Path) -> None:
        calls.append(key)
        method(bucket, key, file)

    monkeypatch.setattr(ObstoreBucket, name, counting)
    return calls
