"""Thirteen situations that people report of their libraries, each met by the whole program.

What belongs here: one test for each situation. Not here: every variation of it (the module's own tests), and damage of
the data directory (`tests/steps/test_doctor.py`).
"""

import ctypes
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from PIL import Image, PngImagePlugin

from pipeline.adapters import patience
from pipeline.automation import bucket_tick
from pipeline.cli import main
from pipeline.curation import decisions as d
from pipeline.errors import AmbiguousNameError
from pipeline.steps.run import run
from resources.bucket import BucketResource
from resources.project import ProjectResource
from tests.fake_s3 import FakeS3, Refusal, Silence, fake_s3
from tests.real.campaign import bench, published
from tests.steps.named_library import Bench, names
from tests.steps.test_run import KINDS, picture

__all__ = ["bench", "published"]

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h
LISTING = """
import os, sys
from pathlib import Path
from pipeline.steps.run import run
from tests.steps.test_run import Bench
library, data = map(Path, sys.argv[1:])
try:
    os.listdir(library / "private")
except PermissionError:
    print("it may not be listed")
run(Bench(library, data).project())
"""


@pytest.fixture
def photos(tmp_path: Path) -> Bench:
    """12 images of two kinds that were never read."""
    for seed in range(12):
        path = tmp_path / "photos" / "posts" / f"{seed:03d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(KINDS[("red", "blue")[seed % 2]], seed).save(path, quality=92)
    return Bench(tmp_path / "photos", tmp_path / "data")


@pytest.fixture
def s3(photos: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    objects = {str(path.relative_to(photos.library)): path.read_bytes() for path in photos.library.rglob("*.jpg")}
    with fake_s3(objects) as server:
        for name, value in server.server.environment.items():
            monkeypatch.setenv(name, value)
        photos.settings["source"] = {"url": "s3://pics", "endpoint_url": server.server.endpoint, "retries": 1}
        yield server


def used(bench: Bench, category: str = "posts") -> tuple[int, int]:
    """How many images a run accounts for, and how many of them it could not use."""
    done = run(bench.project())
    summaries = {one["category"]: one for one in done.summaries()}
    return summaries[category]["images"], summaries[category]["set_aside"]


def test_decisions_about_an_image_hold_when_a_photo_manager_writes_a_keyword_into_its_file(bench: Bench) -> None:
    first, second = bench.document("posts")["clusters"][:2]
    moved, left_out = second["images"][0]["key"], first["images"][0]["key"]
    hashes = {row["key"]: row["content_hash"] for row in rows(bench)}
    curation = bench.project().curation
    curation.decide("posts", d.Exclude(images=(hashes[left_out],)), actor="ann")
    curation.decide("posts", d.Move(images=(hashes[moved],), to=first["id"]), actor="ann")
    curation.close()
    bench.run()
    for path in bench.library.rglob("*.png"):
        note = PngImagePlugin.PngInfo()
        note.add_text("keyword", "seen")
        with Image.open(path) as image:
            image.save(path, pnginfo=note)
    bench.encoder.batches.clear()
    bench.run()
    document = bench.document("posts")
    assert left_out in {one["key"] for one in document["rejected"]}
    homes = {image["key"]: cluster["id"] for cluster in document["clusters"] for image in cluster["images"]}
    assert homes[moved] == first["id"]
    assert bench.encoder.encoded == 0


def rows(bench: Bench) -> list[dict[str, str]]:
    from pipeline.stages.images.contract import IMAGES_SCHEMA

    return bench.project().store.require("posts", "images").table("images", IMAGES_SCHEMA).to_dicts()


def test_names_survive_when_a_top_folder_is_renamed(bench: Bench) -> None:
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    bench.run()
    found = sorted(str(one["name"]) for one in bench.document("roadside-posts")["clusters"])
    assert found == ["Kind 0", "Kind 1", "Kind 2"]


def test_a_name_that_fits_two_clusters_reaches_the_one_of_exactly_that_name_or_none(bench: Bench) -> None:
    curation = bench.project().curation
    first, second, _ = curation.curated("posts").clusters
    for cluster, name in ((first, "Alpha"), (second, "alpha")):
        curation.decide("posts", d.Rename(cluster=cluster, name=name), actor="ann")
    assert curation.cluster("posts", "Alpha").id == first
    assert curation.cluster("posts", "alpha").id == second
    with pytest.raises(AmbiguousNameError):
        curation.cluster("posts", "ALPHA")
    curation.close()


def test_a_folder_of_files_that_cannot_be_used_does_not_keep_the_one_beside_it_from_being_published(
    photos: Bench,
) -> None:
    for number in range(3):
        path = photos.library / "iphone" / f"IMG_{number}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64 + number))
    done = run(photos.project())
    assert [one.category for one in done.failures] == ["iphone"]
    assert len(photos.document("posts")["clusters"]) == 2


def without_the_superusers_rights() -> None:
    """In a child of the superuser: let folders' modes count for it as for everybody."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for right in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if libc.prctl(PR_CAPBSET_DROP, right, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "The right to read every folder cannot be given up.")


def test_a_folder_that_may_not_be_listed_does_not_keep_the_others_from_being_published(photos: Bench) -> None:
    locked = photos.library / "private"
    locked.mkdir(mode=0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", LISTING, str(photos.library), str(photos.data)], cwd=ROOT, capture_output=True,
            text=True, timeout=120, check=False, preexec_fn=without_the_superusers_rights,
        )  # fmt: skip
    finally:
        locked.chmod(stat.S_IRWXU)
    assert done.stdout == "it may not be listed\n", done.stderr
    assert done.returncode == 0, done.stderr
    assert len(photos.document("posts")["clusters"]) == 2


def test_what_a_folder_that_may_not_be_listed_held_before_stays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for the superuser: the operating system's answer is the one that a user gets."""
    scandir = os.scandir

    def refused(path: str) -> object:
        if str(path).rstrip("/").endswith("posts/de"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    assert used(bench) == (36, 0)
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]


def test_the_data_directory_is_never_a_source_even_if_it_lies_among_the_photos(
    photos: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.library)
    inside = Bench(Path(), Path("data"))
    for _ in range(2):
        done = run(inside.project())
        assert {one["category"]: one["images"] for one in done.summaries()} == {"posts": 12}


def test_thumbnails_and_bins_of_a_nas_are_no_photos(photos: Bench) -> None:
    for name in ("@eaDir/a.jpg/THUMB.jpg", "#recycle/b.jpg", "lost+found/c.jpg", "posts/@eaDir/d.jpg/THUMB.jpg"):
        (photos.library / name).parent.mkdir(parents=True)
        shutil.copyfile(photos.library / "posts" / "000.jpg", photos.library / name)
    done = run(photos.project())
    assert {one["category"]: one["images"] for one in done.summaries()} == {"posts": 12}
    assert any("Skipped in posts" in text for text in photos.notices)


@pytest.mark.timeout(60)
def test_a_named_pipe_with_a_picture_s_name_is_a_row_with_a_reason_and_nothing_hangs(photos: Bench) -> None:
    os.mkfifo(photos.library / "posts" / "pipe.jpg")
    assert used(photos) == (13, 1)


def test_a_top_folder_called_root_is_a_folder_like_any_other(photos: Bench) -> None:
    (photos.library / "posts").rename(photos.library / "root")
    assert used(photos, "root/") == (12, 0)  # as such a folder is called, so that it is no reserved word


def test_a_jpeg_is_used_if_all_its_pixels_are_there_whatever_follows_them(photos: Bench) -> None:
    for name, trailer in (("000", b""), ("001", b"\0\0\x30\x0aMotion\0\0\0\x18ftypmp42" + bytes(60_000))):
        path = photos.library / "posts" / f"{name}.jpg"
        data = path.read_bytes()
        assert data.endswith(b"\xff\xd9")
        path.write_bytes(data[:-2] + trailer)
    half = photos.library / "posts" / "002.jpg"
    half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
    assert used(photos) == (12, 1)


def test_a_key_with_an_empty_part_is_told_and_costs_no_other_object(photos: Bench, s3: FakeS3) -> None:
    s3.objects["posts//x.jpg"] = b"x"
    assert used(photos) == (13, 1)
    assert [one["key"] for one in photos.document("posts")["rejected"]] == ["posts//x.jpg"]


def test_a_bucket_that_answers_slow_down_for_a_while_is_waited_for(
    photos: Bench, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_SECONDS", 0.001)
    s3.fault = lambda kind, count: Refusal(503, "SlowDown") if kind == "get" and count <= 8 else None
    assert used(photos) == (12, 0)


@pytest.mark.timeout(60)
def test_a_tick_whose_listing_does_not_answer_ends_by_itself_with_the_reason(
    photos: Bench, s3: FakeS3, tmp_path: Path
) -> None:
    s3.fault = lambda kind, _count: Silence() if kind == "list" else None
    settings = tmp_path / "image-cluster.yaml"
    settings.write_text(
        f"data_dir: {photos.data}\nsource: {{url: 's3://pics', endpoint_url: '{s3.server.endpoint}'}}\n"
        "automation: {deadline_seconds: 0.5}\n"
    )
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance=instance)
        result = bucket_tick(context, ProjectResource(settings_file=str(settings), bucket=BucketResource()))
    s3.release.set()
    assert result.skip_reason is not None
    assert "was not looked at" in str(result.skip_reason.skip_message)


def test_a_data_directory_that_went_through_it_is_sound(bench: Bench) -> None:
    found = CliRunner().invoke(main, ["doctor", "--out", str(bench.data)])
    assert found.exit_code == 0, found.stdout
