"""Originals, as a browser asks for them: whole, in parts, and what the camera recorded."""

import io
import shutil
from pathlib import Path

import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from pipeline.service.routes import originals
from tests.service.site import Client, Site, problem

HEIC = Path(__file__).parents[1] / "data" / "heic"


def original_of(client: Client, image_id: str) -> Path:
    key = client.get(f"/images/{image_id}").json()["key"]
    return client.service.project.settings.data_dir.parent / "library" / key


def test_an_original_is_what_lies_in_the_source(shared: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    name = shared.ids()[0]
    monkeypatch.setattr(originals, "PIECE", 1000)  # sent in several pieces
    answer = shared.get(f"/images/{name}/original")
    assert answer.content == original_of(shared, name).read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert shared.get(f"/images/{name}/original", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("asked", "part"),
    [("bytes=0-9", slice(0, 10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None)),
     ("bytes=5-99999999", slice(5, None))],
)  # fmt: skip
def test_only_the_part_that_is_asked_for_is_read_and_sent(shared: Client, asked: str, part: slice) -> None:
    name = shared.ids()[0]
    data = original_of(shared, name).read_bytes()
    answer = shared.get(f"/images/{name}/original", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == data[part]
    first = range(len(data))[part][0]
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(data)}"


def test_a_part_of_an_older_content_is_answered_with_the_whole_and_one_beyond_the_end_is_refused(
    shared: Client,
) -> None:
    name = shared.ids()[0]
    older = shared.get(f"/images/{name}/original", headers={"Range": "bytes=0-9", "If-Range": '"older"'})
    assert older.status_code == 200
    assert shared.get(f"/images/{name}/original", headers={"Range": "bytes=0-1,4-5"}).status_code == 200
    assert (
        "bytes" in problem(shared.get(f"/images/{name}/original", headers={"Range": "bytes=99999999-"}), 416)["detail"]
    )


def test_an_object_that_is_another_by_now_is_not_sent(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.run("posts")
    with site.serve() as client:
        name = client.ids("posts")[0]
        original_of(client, name).write_bytes(b"no image")
        assert "no longer" in problem(client.get(f"/images/{name}/original"), 409)["detail"]
        assert "no longer" in problem(client.get(f"/images/{name}/camera"), 409)["detail"]


def test_what_the_camera_recorded_is_read_from_the_original(tmp_path: Path) -> None:
    site = Site(tmp_path)
    shutil.rmtree(site.library / "bollards")
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "NIKON", "NIKON D90\0"
    block = exif.get_ifd(ExifTags.IFD.Exif)
    block[ExifTags.Base.ExposureTime] = TiffImagePlugin.IFDRational(1, 250)
    block[ExifTags.Base.FNumber] = TiffImagePlugin.IFDRational(28, 10)
    block[ExifTags.Base.ISOSpeedRatings] = 200
    block[ExifTags.Base.DateTimeOriginal] = "2026:05:04 03:02:01"
    Image.new("RGB", (64, 48), (10, 90, 200)).save(site.library / "posts/x/camera.jpg", exif=exif)
    site.run()
    with site.serve() as client:
        by_key = {client.get(f"/images/{name}").json()["key"]: name for name in client.ids("posts")}
        camera = client.get(f"/images/{by_key['posts/x/camera.jpg']}/camera").json()
        assert camera | {"camera": "NIKON D90", "exposure": 0.004, "aperture": 2.8, "iso": 200.0} == camera
        assert camera["taken_at"] == "2026-05-04T03:02:01"
        assert set(client.get(f"/images/{by_key['posts/x/0.png']}/camera").json().values()) == {None}


def test_an_original_of_any_format_is_answered_as_a_jpeg_upright_and_of_a_readable_size(tmp_path: Path) -> None:
    site = Site(tmp_path)
    shutil.rmtree(site.library / "bollards")
    shutil.copy(HEIC / "plain.heic", site.library / "posts/x/phone.heic")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (4000, 300), (200, 30, 30)).save(site.library / "posts/x/scan.tif", exif=exif)
    site.run()
    with site.serve() as client:
        by_key = {client.get(f"/images/{name}").json()["key"]: name for name in client.ids("posts")}
        for key, size in {"posts/x/phone.heic": None, "posts/x/scan.tif": (192, 2560)}.items():
            answer = client.get(f"/images/{by_key[key]}/preview")
            assert answer.headers["content-type"] == "image/jpeg"
            with Image.open(io.BytesIO(answer.content)) as seen:
                assert seen.format == "JPEG"
                assert size in (None, seen.size)
            known = {"If-None-Match": answer.headers["etag"]}
            assert client.get(f"/images/{by_key[key]}/preview", headers=known).status_code == 304
        (site.library / "posts/x/scan.tif").write_bytes(b"no image")
        assert "no longer" in problem(client.get(f"/images/{by_key['posts/x/scan.tif']}/preview"), 409)["detail"]
