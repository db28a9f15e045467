"""What people and machines do wrong while a library is copied: nothing of it may harm a library."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.s3_bucket import ObstoreBucket
from pipeline.errors import BucketError, DataCopyError
from pipeline.steps import data_copy
from pipeline.steps.data_copy import copy_in, copy_out
from tests.servers import S3Server, s3_client
from tests.steps.named_library import Bench, name_all
from tests.steps.test_data_copy import faults, here, published, state, there, url

__all__ = ["here", "published", "there", "url"]

pytestmark = pytest.mark.real


@pytest.fixture
def photos(there: Bench) -> Path:
    """What somebody named instead of a data directory."""
    (there.data / "backups").mkdir(parents=True)
    (there.data / "backups" / "wedding.jpg").write_bytes(b"the only one")
    return there.data


@pytest.mark.parametrize("drop", [False, True])
def test_a_folder_of_photos_is_neither_replaced_nor_copied_as_a_library(
    here: Bench, there: Bench, photos: Path, url: str, *, drop: bool
) -> None:
    sent = copy_out(here.project(), url)
    with pytest.raises(DataCopyError, match=r"is no data directory.*Name a new or an empty folder"):
        copy_in(there.project(), url, drop=drop)
    with pytest.raises(DataCopyError, match="holds no library"):
        copy_out(there.project(), url, drop=drop)
    assert [path.name for path in photos.rglob("*")] == ["backups", "wedding.jpg"]
    assert copy_out(here.project(), url).snapshot == sent.snapshot


def test_an_empty_directory_never_takes_the_place_of_a_library(here: Bench, there: Bench, url: str) -> None:
    sent = copy_out(here.project(), url)
    there.data.mkdir()
    with pytest.raises(DataCopyError, match="holds no library"):
        copy_out(there.project(), url, drop=True)
    assert copy_out(here.project(), url).snapshot == sent.snapshot
    copy_in(there.project(), url)
    assert state(there) == state(here)


def test_a_file_that_changes_while_it_is_copied_is_never_stored_under_a_wrong_digest(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = here.data / "pairs.csv"
    pairs.write_text("a,b,same\n")
    upload = ObstoreBucket.upload

    def rating(bucket: ObstoreBucket, key: str, file: Path) -> None:
        if file == pairs:
            pairs.write_text("a,c,same\n")
        upload(bucket, key, file)

    monkeypatch.setattr(ObstoreBucket, "upload", rating)
    with pytest.raises(DataCopyError, match=r"pairs.csv changed while it was copied.*Repeat the command"):
        copy_out(here.project(), url)
    monkeypatch.setattr(ObstoreBucket, "upload", upload)
    pairs.write_text("a,b,same\n")
    copy_out(here.project(), url)
    copy_in(there.project(), url)
    assert state(there) == state(here)


def test_a_directory_into_which_a_copy_stopped_halfway_goes_to_no_other_bucket(
    here: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = f"{url}-other"
    first = copy_out(here.project(), url).snapshot
    copy_out(here.project(), other)
    (here.data / "pairs.csv").write_text("a,b,same\n")
    copy_out(here.project(), url)
    copy_out(here.project(), other)
    replace = Path.unlink

    def failing(path: Path, missing_ok: bool = False) -> None:
        if path.name == "pairs.csv":
            raise OSError("killed")
        replace(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", failing)
    with pytest.raises(OSError, match="killed"):
        copy_in(here.project(), url, name=first)
    monkeypatch.setattr(Path, "unlink", replace)
    with pytest.raises(DataCopyError, match=f"copy from {url} into .* was interrupted.*Repeat it"):
        copy_out(here.project(), other)
    copy_in(here.project(), url, name=first)
    copy_out(here.project(), other)


def test_a_published_link_that_is_missing_comes_back(here: Bench, url: str) -> None:
    copy_out(here.project(), url)
    (here.data / "published" / "posts").unlink()
    copy_in(here.project(), url, drop=True)
    assert (here.data / "published" / "posts" / "clusters.json").exists()
    assert not faults(here)


def test_the_copy_is_done_even_if_old_copies_may_not_be_removed(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise BucketError("list is not allowed")

    copy_out(here.project(), url)
    (here.data / "pairs.csv").write_text("a,b,same\n")
    with monkeypatch.context() as patched:
        patched.setattr(ObstoreBucket, "pages", denied)
        copy_out(here.project(), url)
    assert any("Old copies were not removed: list is not allowed" in notice for notice in here.notices)
    copy_in(there.project(), url)
    assert state(there) == state(here)


@pytest.mark.parametrize("harmed", ["image-cluster-data.json", "snapshots/", "objects/"])
def test_with_replace_a_good_library_mends_a_damaged_copy(
    here: Bench, there: Bench, url: str, moto_server: S3Server, harmed: str
) -> None:
    copy_out(here.project(), url)
    client, bucket = s3_client(moto_server), url.split("/")[2]
    for found in client.list_objects_v2(Bucket=bucket, Prefix=f"library/{harmed}")["Contents"]:
        client.put_object(Bucket=bucket, Key=found["Key"], Body=b"noise")
    copy_out(here.project(), url, drop=True)
    copy_in(there.project(), url)
    assert state(there) == state(here)


def test_what_somebody_decides_while_a_copy_comes_in_is_not_lost(
    here: Bench, there: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_out(here.project(), url)
    copy_in(there.project(), url)
    name_all(here, "Later")
    copy_out(here.project(), url)
    each = data_copy._move_each  # pyright: ignore[reportPrivateUsage]

    def and_meanwhile(*given: Any) -> None:
        each(*given)
        name_all(there, "Meanwhile")

    monkeypatch.setattr(data_copy, "_move_each", and_meanwhile)
    with pytest.raises(DataCopyError, match="Somebody decided something"):
        copy_in(there.project(), url)
    clusters = there.project().curation.curated("posts").clusters.values()
    assert sorted(str(one.name) for one in clusters) == ["Meanwhile 0", "Meanwhile 1", "Meanwhile 2"]
