"""A bucket that answers with something else than what was asked for: nothing is taken for gone, nothing is lost."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from pipeline.adapters.buckets import open_bucket
from pipeline.adapters.read_ahead import unpack
from pipeline.cli import main
from pipeline.errors import BucketError, BucketUnreachableError, ObjectTooLargeError
from pipeline.stages.images.decode import IMAGES_SCHEMA
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from pipeline.steps.run import run
from tests.fake_s3 import FakeS3, Fault, Page, Refusal, Reset, etag
from tests.real.s3_library import image, project_on, run_on, s3

__all__ = ["s3"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

PORTAL = Page(b"<html><body>Please log in</body></html>")
ONE = "posts/de/003.png"


def at(
    kind: str, fault: Fault, which: Callable[[int], bool] = lambda _count: True
) -> Callable[[str, int], Fault | None]:
    return lambda asked, count: fault if asked == kind and which(count) else None


def reasons(project: Project) -> dict[str, str]:
    """Key → reason of the images that were set aside."""
    frame = project.store.require("posts", "images").table("images", IMAGES_SCHEMA)
    return dict(frame.filter(pl.col("status") != "ok").select("key", "reason").iter_rows())


# --- listings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1000, 5])
def test_a_page_that_is_no_listing_takes_no_image_for_gone(s3: FakeS3, tmp_path: Path, page: int) -> None:
    run_on(s3, tmp_path)
    s3.page = page
    project = project_on(s3, tmp_path)
    s3.counts, first = {}, 0 if page == 1000 else 1
    s3.fault = at("list", PORTAL, lambda count: count > first)
    with pytest.raises((BucketError, BucketUnreachableError), match=r"no ListBucketResult|leaves out images that are"):
        manifest(project, "posts")
    assert "removed" not in project.store.require("posts", "manifest").table("manifest", MANIFEST_SCHEMA)["change"]


def test_a_listing_that_lost_a_page_once_is_asked_for_again(s3: FakeS3, tmp_path: Path) -> None:
    run_on(s3, tmp_path)
    s3.page, s3.counts, s3.fault = 5, {}, at("list", PORTAL, lambda count: count == 2)
    assert manifest(project_on(s3, tmp_path), "posts").counts["removed"] == 0


def test_images_that_are_gone_are_gone_and_so_are_those_that_settings_leave_out(s3: FakeS3, tmp_path: Path) -> None:
    run_on(s3, tmp_path)
    del s3.objects[ONE]
    settings = {"source": {"url": "s3://pics", "endpoint_url": s3.server.endpoint, "skip_names": ["004.png"]}}
    assert manifest(project_on(s3, tmp_path, **settings), "posts").counts["removed"] == 2


@pytest.mark.parametrize("kind", ["list", "head", "get"])
def test_a_portal_ends_a_command_in_one_line(
    s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    s3.fault = at(kind, PORTAL)
    done = CliRunner().invoke(
        main, ["run", "s3://pics", "--endpoint-url", s3.server.endpoint, "--encoder", "packaged:efficientnet_lite0"]
    )
    assert done.exit_code == 1
    assert [line for line in done.output.splitlines() if "no S3 answer" in line and line.startswith("Error: Cannot")]
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [("<LastModified>.*</LastModified>", ""), ("<Size>.*</Size>", ""), ("<Size>.*</Size>", "<Size>-5</Size>"),
     ("<Size>.*</Size>", "<Size>0</Size>"), ("<ETag>.*</ETag>", ""), ("<ETag>.*</ETag>", "<ETag>other</ETag>")],
)  # fmt: skip
def test_an_object_of_which_a_listing_does_not_say_all_costs_no_image(
    s3: FakeS3, tmp_path: Path, pattern: str, instead: str
) -> None:
    s3.entry = lambda key, entry: re.sub(pattern, instead, entry) if key == ONE else entry
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["images"], counts["set_aside"]) == (12, 0)


def test_an_unreadable_time_is_an_error_in_words(s3: FakeS3) -> None:
    s3.entry = lambda _key, entry: re.sub("<LastModified>.*</LastModified>", "<LastModified>x</LastModified>", entry)
    for exactly in (False, True):
        s3.objects |= {"posts//a.png": b"x"} if exactly else {}
        with pytest.raises(BucketError, match="invalid list response"):
            list(open_bucket("s3://pics", endpoint_url=s3.server.endpoint).pages())


# --- objects ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [PORTAL, Page(b"", "image/png"), Page(b'{"error": 1}', "application/json")], ids=["html", "empty", "json"]
)
def test_what_comes_in_place_of_an_object_is_told_and_the_object_is_read_by_the_next_run(
    s3: FakeS3, tmp_path: Path, answer: Page
) -> None:
    s3.fault_of = lambda kind, key: answer if kind == "get" and key == ONE else None
    project, _, counts = run_on(s3, tmp_path)
    assert (counts["images"], counts["set_aside"]) == (12, 1)
    assert "no S3 answer" in reasons(project)[ONE]
    s3.fault_of = lambda _kind, _key: None
    project, _, counts = run_on(s3, tmp_path)
    assert (counts["read"], counts["set_aside"]) == (1, 0)


def test_half_of_an_object_is_no_verdict_on_it(s3: FakeS3, tmp_path: Path) -> None:
    """A proxy that lost the rest, or an object that is being replaced: the listing says another size."""
    whole = s3.objects[ONE]
    s3.objects[ONE] = whole[:90]
    s3.entry = lambda key, entry: entry.replace(etag(whole[:90]), etag(whole)).replace(
        "<Size>90<", f"<Size>{len(whole)}<"
    )
    project, _, _ = run_on(s3, tmp_path)
    assert reasons(project)[ONE].startswith(f"90 bytes came where {len(whole):,} were listed")
    s3.objects[ONE] = whole
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["read"], counts["set_aside"]) == (1, 0)


def test_an_object_that_is_replaced_during_a_run_is_read_again_by_the_next(s3: FakeS3, tmp_path: Path) -> None:
    before = s3.objects[ONE]
    s3.entry = lambda key, entry: entry.replace(etag(s3.objects[ONE]), etag(before)) if key == ONE else entry
    s3.objects[ONE] = image(77)
    run_on(s3, tmp_path)
    s3.entry = lambda _key, entry: entry
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["read"], counts["embedded"], counts["set_aside"]) == (1, 0, 0)


def test_objects_stored_with_gzip_are_unpacked(s3: FakeS3, tmp_path: Path) -> None:
    s3.objects[ONE] = gzip.compress(s3.objects[ONE])
    s3.headers[ONE] = {"content-encoding": "gzip"}
    s3.headers["posts/de/004.png"] = {"content-encoding": "gzip"}  # as some upload: the header alone
    _, _, counts = run_on(s3, tmp_path)
    assert (counts["images"], counts["set_aside"]) == (12, 0)


def test_unpacking_stops_at_the_limit_of_an_object() -> None:
    bomb = gzip.compress(bytes(5_000_000))
    with pytest.raises(ObjectTooLargeError, match="max_megabytes"):
        unpack("a", bomb, 1_000_000)
    assert len(unpack("a", bomb, 5_000_000)) == 5_000_000
    assert unpack("a", bomb[:50], None) == bomb[:50]


# --- outlets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Refusal(403, "AccessDenied"), Refusal(503, "SlowDown"), Refusal(507, "InsufficientStorage"), PORTAL,
              Reset(before=True)], ids=["403", "503", "507", "portal", "reset"],
)  # fmt: skip
def test_a_set_that_is_written_in_half_changes_nothing_for_readers(s3: FakeS3, tmp_path: Path, fault: Fault) -> None:
    def again() -> list[str]:
        done = run(project_on(s3, tmp_path, published={"outlets": [{"url": "s3://pics/site"}]}), ())
        return [str(failure) for failure in done.failures]

    assert again() == []
    shown = s3.objects["site/posts/clusters.json"]
    s3.objects |= {f"posts/de/{seed:03d}.png": image(seed) for seed in range(100, 103)}
    s3.counts, s3.fault = {}, at("put", fault, lambda count: count > 3)
    (said,) = again()
    assert "Cannot write" in said
    assert s3.objects["site/posts/clusters.json"] == shown
    s3.fault = lambda _kind, _count: None
    assert again() == []
    assert s3.objects["site/posts/clusters.json"] != shown


def test_half_of_a_first_set_in_the_source_is_no_category(s3: FakeS3, tmp_path: Path) -> None:
    project = project_on(s3, tmp_path, published={"outlets": [{"url": "s3://pics/site"}]})
    s3.fault = at("put", Refusal(403, "AccessDenied"), lambda count: count > 2)
    assert len(run(project, ()).failures) == 1
    assert [key for key in s3.objects if key.startswith("site/")]
    s3.fault = lambda _kind, _count: None
    done = run(project_on(s3, tmp_path, published={"outlets": [{"url": "s3://pics/site"}]}), ())
    assert [one.slug for one in done.finished] == ["posts"]
