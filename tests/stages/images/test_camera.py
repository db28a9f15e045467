"""What a camera recorded, also where it recorded nonsense."""

import io

import pytest
from PIL import ExifTags, Image

from pipeline.stages.images.camera import read_camera


def jpeg(**tags: object) -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    for name, value in tags.items():
        exif[ExifTags.Base[name]] = value
    Image.new("RGB", (64, 48)).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("tags", "named"),
    [({"Make": "Canon", "Model": "Canon EOS R5"}, "Canon EOS R5"), ({"Make": "FUJI", "Model": "X100"}, "FUJI X100"),
     ({"Make": "OLYMPUS"}, "OLYMPUS"), ({"Model": "E-M1"}, "E-M1"), ({}, None), ({"Model": "\x01\n"}, None)],
)  # fmt: skip
def test_a_camera_is_named_by_maker_and_model_once(tags: dict[str, str], named: str | None) -> None:
    assert read_camera(jpeg(**tags), "JPEG")["camera"] == named


def test_values_of_zero_and_damaged_data_count_as_missing() -> None:
    assert read_camera(jpeg(ISOSpeedRatings=0), "JPEG")["iso"] is None
    assert read_camera(b"\xff\xd8\xff no image", "JPEG") == {}


def test_the_head_of_a_file_is_enough() -> None:
    exif, out = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Model] = "E-M1"
    Image.effect_noise((400, 400), 90).save(out, "JPEG", exif=exif)
    assert read_camera(out.getvalue()[:4096], "JPEG")["camera"] == "E-M1"
