"""What a file says of itself before it is decoded: its format by its first bytes, and its time and place."""

import io
from datetime import datetime

import pytest
from PIL import ExifTags, Image

from pipeline.stages.images.formats import Exif, identify, one_line, read_exif
from tests.odd_images import encoded, odd_images, quadrants, with_exif

# pytest lays its own warning filters over the one that the decoding module sets
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

KINDS = ["JPEG", "PNG", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "SGI", "PCX", "WEBP", "AVIF", "QOI", "ICO"]


def exif_of(data: bytes) -> Exif:
    with Image.open(io.BytesIO(data)) as image:
        return read_exif(image)


@pytest.mark.parametrize("kind", KINDS)
def test_a_format_is_known_by_its_first_bytes_alone(kind: str) -> None:
    assert identify(encoded(quadrants(), kind)[:64]) == (kind, "")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an unknown kind"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\xff\x0a\0", "convert it to JPEG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "a video or another container"),
        (b"\xef\xbb\xbf \n<html>", "markup"),
        (b"not a picture\r\n", "text"),
        (b"\x01\x80\x81", "beginning 01 80 81"),
    ],
)
def test_what_is_no_picture_is_called_by_what_it_is(data: bytes, said: str) -> None:
    kind, description = identify(data)
    assert kind is None
    assert said in description


def test_a_heic_brand_beside_avif_does_not_hide_that_it_is_avif() -> None:
    assert identify(b"\0\0\0\x18ftypmif1\0\0\0\0heicavif") == ("AVIF", "")


def test_the_camera_s_own_time_goes_before_the_time_of_scanning() -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeDigitized] = "2025:01:01 00:00:00"
    exif[ExifTags.Base.DateTimeOriginal] = "1999:12:31 23:59:58"
    assert exif_of(encoded(quadrants(), "JPEG", exif=exif)).taken_at == datetime(1999, 12, 31, 23, 59, 58)  # noqa: DTZ001


def test_half_a_place_is_none_and_an_orientation_that_does_not_exist_is_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 9
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 0.0, 0.0)})
    assert exif_of(encoded(quadrants(), "JPEG", exif=exif)) == Exif()


def test_damaged_exif_counts_as_none() -> None:
    assert exif_of(odd_images()["damaged exif"].data) == Exif()
    assert exif_of(with_exif(6)).orientation == 6


def test_an_error_is_one_line_that_is_the_same_in_every_run() -> None:
    text = "cannot identify image file <_io.BytesIO object at 0x7f00>\n  at all."
    assert one_line(OSError(text)) == "cannot identify image file at all"
    assert one_line(ValueError("")) == "ValueError"
    assert len(one_line(ValueError("x" * 900))) == 200
