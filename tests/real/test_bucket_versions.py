"""A bucket that keeps old versions: what was deleted is not seen, and a library lives in one as in any other."""

from pathlib import Path

import pytest

from pipeline.adapters.lease import LEASE
from pipeline.adapters.snapshot_store import PROBE
from pipeline.settings import Settings
from pipeline.steps.project import Project
from pipeline.steps.run import run
from tests.fakes import MeanColourEncoder
from tests.real.s3_library import GOOD, image
from tests.servers import S3Server, make_bucket, s3_client
from tests.steps.two_machines import Machine, anna, ben, url

__all__ = ["anna", "ben", "url"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
GONE, CHANGED = "posts/de/003.png", "posts/de/004.png"


def keep_versions(server: S3Server, name: str) -> None:
    s3_client(server).put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


@pytest.fixture
def name(moto_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of images that keeps old versions."""
    for variable, value in moto_server.environment.items():
        monkeypatch.setenv(variable, value)
    made = make_bucket(moto_server)
    keep_versions(moto_server, made)
    for key, data in GOOD.items():
        s3_client(moto_server).put_object(Bucket=made, Key=key, Body=data)
    return made


def counts(server: S3Server, name: str, data: Path) -> dict[str, int]:
    """What a run of the only category counts."""
    section = {"url": f"s3://{name}", "endpoint_url": server.endpoint}
    settings = Settings.model_validate({"data_dir": data, "source": section, "reduced": {"method": "pca"}})
    done = run(Project(settings, encoder=MeanColourEncoder), ())
    assert done.failures == []
    return done.finished[0].summary()


def test_an_object_under_a_delete_marker_is_gone_and_comes_back_with_its_version(
    moto_server: S3Server, name: str, tmp_path: Path
) -> None:
    assert counts(moto_server, name, tmp_path)["images"] == len(GOOD)
    client = s3_client(moto_server)
    marker = client.delete_object(Bucket=name, Key=GONE)
    assert marker["DeleteMarker"]
    client.put_object(Bucket=name, Key=CHANGED, Body=image(99))
    now = counts(moto_server, name, tmp_path)
    assert (now["images"], now["read"], now["set_aside"]) == (len(GOOD) - 1, 1, 0)
    client.delete_object(Bucket=name, Key=GONE, VersionId=marker["VersionId"])
    assert counts(moto_server, name, tmp_path)["images"] == len(GOOD)


def test_a_folder_of_which_only_delete_markers_are_left_is_no_category(
    moto_server: S3Server, name: str, tmp_path: Path
) -> None:
    client = s3_client(moto_server)
    client.put_object(Bucket=name, Key="old/1.png", Body=image(50))
    client.delete_object(Bucket=name, Key="old/1.png")
    assert counts(moto_server, name, tmp_path)["images"] == len(GOOD)


def test_a_library_lives_in_a_bucket_that_keeps_versions(
    moto_server: S3Server, anna: Machine, ben: Machine, url: str
) -> None:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    keep_versions(moto_server, bucket)
    assert anna.run_here()["posts"]["read"] == 36
    client = s3_client(moto_server)
    for name in (LEASE, PROBE):  # as somebody may who tidies up
        assert client.delete_object(Bucket=bucket, Key=f"{prefix}/{name}")["DeleteMarker"]
    assert ben.run_here()["posts"]["read"] == 0
    assert anna.run_here()["posts"]["read"] == 0
