"""A thumbnail that is gone, cut or noise is never shown, and made again from its image."""

import io
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.steps.test_run import Bench, add

HARM: dict[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(path.read_bytes()[:300] + bytes(range(256)) + path.read_bytes()[556:]),
    "another's": lambda path: path.write_bytes(
        next(p for p in sorted(path.parents[1].glob("*/*")) if p != path).read_bytes()
    ),
}


@pytest.mark.parametrize("harm", HARM)
def test_the_next_page_shows_the_image_and_not_the_damage(tmp_path: Path, harm: str) -> None:
    bench = Bench(tmp_path / "library", tmp_path / "data")
    for seed in range(24):
        add(bench.library, f"posts/de/{seed:03d}-800w.png", ("red", "blue")[seed % 2], seed)
    bench.run()
    before = pictures(bench)
    written = {path: path.read_bytes() for path in bench.data.glob("thumbnails/*/*")}
    for path in written:
        HARM[harm](path)
    add(bench.library, "posts/de/100-800w.png", "red", 100)
    bench.run()
    assert before <= pictures(bench)
    assert {path: path.read_bytes() for path in written} == written
    assert any("was gone or damaged; it was made again." in notice for notice in bench.notices)


def pictures(bench: Bench) -> set[bytes]:
    page = (bench.data / "published" / "posts" / "clusters.html").read_text()
    shown = {b64decode(text) for text in re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)}
    for picture in shown:
        Image.open(io.BytesIO(picture)).load()
    return shown
