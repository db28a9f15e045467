"""What must hold of decoding: nothing is lost, half a picture is never a picture, and no file can raise."""

import io
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from PIL import ExifTags, Image, ImageColor, ImageDraw
from PIL.TiffImagePlugin import IFDRational

from pipeline.settings import ImageParams
from pipeline.stages.images import decode as images
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.images.decode import (
    Decoded,
    ImageInfo,
    Rejected,
    content_hash,
    decode,
    image_row,
    inspect,
    thumbnail,
)
from tests.odd_images import BLUE, GREEN, RED, YELLOW, Odd, encoded, odd_images, photograph, quadrants, with_exif

# pytest lays its own warning filters over the one that the module sets
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PARAMS = ImageParams()
ODD = odd_images()


def decoded(data: bytes, params: ImageParams = PARAMS) -> Decoded:
    result = decode(data, params)
    assert isinstance(result, Decoded), result
    return result


def rejected(data: bytes, params: ImageParams = PARAMS) -> Rejected:
    result = decode(data, params)
    assert isinstance(result, Rejected)
    return result


def corners(pixels: np.ndarray) -> list[tuple[int, ...]]:
    height, width = pixels.shape[:2]
    places = [(height // 4, width // 4), (height // 4, width * 3 // 4), (height * 3 // 4, width // 4)]
    return [tuple(int(v) for v in pixels[place]) for place in [*places, (height * 3 // 4, width * 3 // 4)]]


@pytest.mark.parametrize("name", ODD)
def test_every_odd_file_gets_its_status_and_shows_the_right_picture(name: str) -> None:
    odd = ODD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module=r"PIL\.")
        result = decode(odd.data, PARAMS)
    if odd.status != "ok":
        assert isinstance(result, Rejected)
        assert result.status == odd.status
        assert len(result.reason) > 10
        assert result.content_hash == content_hash(odd.data)
        return
    assert isinstance(result, Decoded), result
    assert result.pixels.dtype == np.uint8
    assert result.pixels.flags.c_contiguous
    assert result.pixels.shape == (result.height, result.width, 3)
    if odd.corners:
        np.testing.assert_allclose(corners(result.pixels), odd.corners, atol=odd.tolerance)
    inspected = inspect(odd.data, PARAMS)
    assert inspected == result.info()


@pytest.mark.parametrize(
    "kind", ["JPEG", "WEBP", "PNG", "GIF", "TIFF", "BMP", "AVIF", "PPM", "JPEG2000", "QOI", "SGI", "PCX"]
)
def test_a_file_cut_anywhere_is_rejected_or_whole(kind: str) -> None:
    picture = photograph(90, 70)
    data = encoded(picture, kind)
    whole = decoded(data).pixels
    for length in sorted({*range(0, len(data), max(1, len(data) // 60)), *range(len(data) - 12, len(data))}):
        result = decode(data[:length], PARAMS)
        if isinstance(result, Decoded):
            np.testing.assert_array_equal(result.pixels, whole, err_msg=f"{length} of {len(data)} bytes")
        else:
            assert result.status == ("broken" if length == 0 or length > 40 else result.status)


def test_random_damage_never_raises() -> None:
    random = np.random.default_rng(1)
    for name, odd in ODD.items():
        if not odd.data or name in ("QOI", "a thread"):
            continue
        for _ in range(6):
            damaged = bytearray(odd.data)
            for place in random.integers(0, len(damaged), size=random.integers(1, 8)):
                damaged[int(place)] = int(random.integers(0, 256))
            assert isinstance(decode(bytes(damaged), ImageParams(max_megapixels=4)), Decoded | Rejected), name


def test_random_damage_to_exif_never_rejects_an_image() -> None:
    data = with_exif(6, taken="2024:05:06 07:08:09", latitude=(1.0, 2.0, 3.0), longitude=(4.0, 5.0, 6.0))
    start = data.index(b"Exif")
    end = start + int.from_bytes(data[start - 2 : start], "big") - 2
    random = np.random.default_rng(2)
    for _ in range(150):
        damaged = bytearray(data)
        for place in random.integers(start + 6, end, size=4):
            damaged[int(place)] = int(random.integers(0, 256))
        decoded(bytes(damaged))


def test_the_pixel_cap_is_checked_before_decoding_and_names_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "decode_fast", lambda *_: pytest.fail("it was decoded"))
    result = rejected(encoded(photograph(1200, 1000), "JPEG"), ImageParams(max_megapixels=1.0))
    assert result.status == "too_large"
    assert "1200 x 1000" in result.reason
    assert "max_megapixels = 1" in result.reason


def test_an_object_over_the_byte_cap_is_too_large() -> None:
    result = rejected(encoded(photograph(300, 300), "BMP"), ImageParams(max_megabytes=0.1))
    assert result.status == "too_large"
    assert "max_megabytes = 0.1" in result.reason


def test_a_cap_above_pillows_own_is_honoured() -> None:
    huge = encoded(Image.new("1", (20_000, 10_000)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(inspect(huge, ImageParams(max_megapixels=100)), Rejected)
        opened = images._open(huge, ImageParams(max_megapixels=500), "x")  # pyright: ignore[reportPrivateUsage]
    assert not isinstance(opened, Rejected)


def test_transparency_is_laid_on_the_background_of_the_settings() -> None:
    half = quadrants().convert("RGBA")
    half.putalpha(128)
    pixels = decoded(encoded(half, "PNG"), ImageParams(background="#000000")).pixels
    np.testing.assert_allclose(corners(pixels), np.array([RED, GREEN, BLUE, YELLOW]) * 128 / 255, atol=2)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, 0)
    for kind in ("PNG", "TIFF"):
        pixels = decoded(encoded(Image.fromarray(ramp), kind)).pixels
        np.testing.assert_allclose(pixels[0, :, 0].astype(int), np.arange(256), atol=1)


def test_time_and_place_are_read() -> None:
    degrees = (IFDRational(33), IFDRational(51), IFDRational(3540, 100))
    result = decoded(with_exif(3, taken="2024:05:06 07:08:09", latitude=degrees, longitude=degrees))
    assert result.taken_at == datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001
    assert result.latitude == pytest.approx(-33.85983, abs=1e-4)
    assert result.longitude == pytest.approx(33.85983, abs=1e-4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_time_and_place_are_read_from_every_common_format(kind: str) -> None:
    data = with_exif(6, kind=kind, taken="2024:05:06 07:08:09", latitude=(1.0, 2.0, 3.0), longitude=(4.0, 5.0, 6.0))
    for result in (decoded(data), inspect(data, PARAMS)):
        assert isinstance(result, ImageInfo)
        assert result.taken_at == datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001
        assert (result.latitude, result.longitude) == pytest.approx((-1.034167, 4.085), abs=1e-5)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("tag", [ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized])
def test_a_time_outside_the_exif_block_is_read_too(kind: str, tag: int) -> None:
    """Programs that write EXIF with few lines put it beside the orientation, where it does not belong."""
    exif = Image.Exif()
    exif[tag] = "2024:05:06 07:08:09"
    assert decoded(encoded(quadrants(), kind, exif=exif)).taken_at == datetime(2024, 5, 6, 7, 8, 9)  # noqa: DTZ001


def test_a_png_may_tell_its_time_and_place_after_its_pixels() -> None:
    data = with_exif(6, kind="PNG", taken="2024:05:06 07:08:09", latitude=(1.0, 2.0, 3.0), longitude=(4.0, 5.0, 6.0))
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    result = decoded(moved)
    assert (result.taken_at, result.width) == (datetime(2024, 5, 6, 7, 8, 9), 96)  # noqa: DTZ001
    assert result.latitude == pytest.approx(-1.034167, abs=1e-5)


@pytest.mark.parametrize(
    "degrees", [(IFDRational(1, 0),) * 3, (IFDRational(0, 0),) * 3, (IFDRational(500), IFDRational(0), IFDRational(0))]
)
def test_an_impossible_place_is_no_place(degrees: tuple[IFDRational, ...]) -> None:
    result = decoded(with_exif(1, taken="0000:00:00 00:00:00", latitude=degrees, longitude=(1.0, 2.0, 3.0)))
    assert (result.latitude, result.longitude, result.taken_at) == (None, None, None)


@pytest.mark.parametrize("name", ["canon raw", "canon raw 3", "fuji raw", "dng"])
def test_a_raw_file_is_told_what_to_do(name: str) -> None:
    """The preview in a RAW file is a few hundred pixels wide; it was taken for the photograph."""
    assert "develop it to JPEG" in rejected(ODD[name].data).reason


def test_width_and_height_are_those_of_the_upright_image() -> None:
    for orientation in range(1, 9):
        result = decoded(with_exif(orientation))
        assert (result.width, result.height) == (96, 64)


def test_threads_give_what_one_thread_gives() -> None:
    files = [odd.data for odd in ODD.values()]
    alone = [decode(data, PARAMS) for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: decode(data, PARAMS), files * 2))
    for one, other in zip(alone * 2, together, strict=True):
        if isinstance(one, Decoded):
            assert isinstance(other, Decoded)
            np.testing.assert_array_equal(one.pixels, other.pixels)
        else:
            assert one == other
    assert threading.active_count() < 50


@pytest.mark.parametrize("size", [(800, 600), (600, 800), (40, 30), (5000, 3), (1, 1)])
def test_a_thumbnail_keeps_the_shape_and_is_never_enlarged(size: tuple[int, int]) -> None:
    pixels = photograph(*size)
    with Image.open(io.BytesIO(thumbnail(pixels, 192))) as small:
        assert max(small.size) == min(192, max(size))
        if min(size) >= 30:
            assert small.size[0] / small.size[1] == pytest.approx(size[0] / size[1], rel=0.02)


def test_a_program_that_decodes_damaged_files_sees_no_warnings() -> None:
    code = (
        "from pipeline.settings import ImageParams; from pipeline.stages.images.decode import decode; import sys;"
        "data = sys.stdin.buffer.read(); print(decode(data, ImageParams()).width)"
    )
    data = ODD["damaged exif"].data + b"\0"  # by Pillow
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert (done.stdout.strip(), done.stderr) == (b"96", b"")


def test_rows_hold_the_schema_for_images_kept_and_set_aside() -> None:
    entry = {
        "image_id": "i",
        "key": "a/b.jpg",
        "etag": "e",
        "size": 3,
        "group": None,
        "identifier": "b",
        "change": "added",
    }
    good: Odd = ODD["JPEG"]
    rows = [
        image_row(entry, decoded(good.data).info()),
        image_row(entry, rejected(b"")),
        image_row(entry, Rejected("missing", "gone")),
    ]
    frame = pl.DataFrame(rows, schema=IMAGES_SCHEMA)
    assert frame["status"].to_list() == ["ok", "broken", "missing"]
    assert frame["width"].to_list() == [96, None, None]
    assert frame["reason"].is_null().to_list() == [True, False, False]
    assert frame["content_hash"].is_null().to_list() == [False, False, True]


def test_torch_is_loaded_for_what_it_decodes_only_and_kept_to_one_core_then() -> None:
    code = """
import io, sys, threading
import numpy as np
from PIL import Image, ImageColor, ImageDraw
from pipeline.settings import ImageParams
from pipeline.stages.images.decode import decode, thumbnail
from pipeline.runtime.torch_threads import use_one_thread

def encoded(kind):
    out = io.BytesIO()
    Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(out, kind)
    return out.getvalue()

def work():
    use_one_thread()
    thumbnail(decode(encoded("PNG"), ImageParams()).pixels, 64)
    before = "torch" in sys.modules
    decode(encoded("JPEG"), ImageParams())
    print(before, sys.modules["torch"].get_num_threads())

thread = threading.Thread(target=work)
thread.start(); thread.join()
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "1"]


def icon(shape: str, colour: tuple[int, int, int]) -> bytes:
    """One colour on transparent ground."""
    picture = Image.new("RGBA", (48, 48), (*colour, 0))
    draw = ImageDraw.Draw(picture)
    (draw.ellipse if shape == "round" else draw.rectangle)((10, 10, 37, 37), fill=(*colour, 255))
    return encoded(picture, "PNG")


@pytest.mark.parametrize("background", ["#ffffff", "#000000", "#808080", "#c00000"])
def test_an_icon_in_the_colour_of_its_ground_is_laid_on_one_that_shows_it(background: str) -> None:
    params = ImageParams(background=background)
    colour = ImageColor.getrgb(background)[:3]
    round_one, square = (decoded(icon(shape, colour), params) for shape in ("round", "square"))
    assert round_one.pixels[24, 24].tolist() == list(colour)
    assert np.abs(round_one.pixels[0, 0].astype(int) - round_one.pixels[24, 24]).max() > 60
    assert not np.array_equal(round_one.pixels, square.pixels)
    assert round_one.pixel_hash != square.pixel_hash


def test_what_is_seen_on_the_ground_of_the_settings_lies_on_it_as_before() -> None:
    assert decoded(icon("round", (120, 20, 20)), ImageParams()).pixels[0, 0].tolist() == [255, 255, 255]
    clear = encoded(Image.new("RGBA", (8, 8), (255, 255, 255, 0)), "PNG")
    assert (decoded(clear, ImageParams()).pixels == 255).all()


def test_pixels_that_differ_in_their_opacity_alone_are_two_images() -> None:
    dark, clear = (encoded(Image.new("RGBA", (8, 8), (255, 255, 255, alpha)), "PNG") for alpha in (0, 200))
    one, other = decoded(dark, ImageParams()), decoded(clear, ImageParams())
    assert np.array_equal(one.pixels, other.pixels)
    assert one.pixel_hash != other.pixel_hash
