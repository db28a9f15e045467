"""The contact sheet stays small however many clusters there are and however wild they look."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from assets.contact_sheet import MOST_BYTES, MOST_TILES, contact_sheet, encoded, grid
from pipeline.curation import decisions as d
from pipeline.steps.library_view.listing import cluster_rows
from tests.steps.test_run import Bench, add


def thumbnails(number: int) -> list[bytes]:
    rng = np.random.default_rng(7)
    made: list[bytes] = []
    for _ in range(number):
        file = io.BytesIO()
        noise = rng.integers(0, 256, size=(150, 192, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file, "WEBP", quality=80)
        made.append(file.getvalue())
    return made


def test_pure_noise_in_every_tile_stays_below_the_limit() -> None:
    assert len(encoded(grid(thumbnails(MOST_TILES)))) <= MOST_BYTES


def test_one_cluster_is_one_tile() -> None:
    assert grid(thumbnails(1)).size == (100, 100)


def test_the_sheet_names_its_clusters_in_their_order_and_leads_to_the_page(tmp_path: Path) -> None:
    for seed in range(24):
        add(tmp_path / "library", f"posts/de/{seed:03d}.png", ["red", "green"][seed % 2], seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    project = bench.project()
    first, second = (row["id"] for row in cluster_rows(project, "posts"))
    project.curation.decide("posts", d.Rename(cluster=first, name="Red | [wet]"), actor="ann")
    sheet = contact_sheet(project, "posts")
    address = "http://127.0.0.1:8765/c/posts"
    assert sheet.startswith("![2 clusters](data:image/webp;base64,")
    assert f"| [Red \\| \\[wet\\]]({address}/cluster/{first}) 12 | [{second}]({address}/cluster/{second}) 12 |" in sheet
    assert f"[The curation page]({address})" in sheet
