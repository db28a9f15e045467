"""Reading from a bucket beside reading from a folder: `python -m tests.benchmarks.bench_bucket [--images N]`.

What belongs here: the images step of a run on the same 800-pixel files, from a folder and from `rclone serve s3` on
this machine. Not here: the rate of the stream itself (`bench_embedding.py`).

The server shares the cores with the run: a bucket elsewhere has longer ways and takes no processor time from it.
"""

import argparse
import os
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from pipeline.settings import Settings
from pipeline.steps.categories import select_categories
from pipeline.steps.ingest import ingest
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project
from tests.benchmarks.bench_embedding import different_files
from tests.benchmarks.rows import Row, row, show
from tests.servers import rclone_server

TURNS = 3


def rows(images: int = 400) -> list[Row]:
    """Images/s from the bucket over images/s from the folder."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for number, data in enumerate(different_files("JPEG", images)):
            path = root / "buckets" / "photos" / "shots" / f"{number:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        with rclone_server(root / "buckets") as server:
            places = {
                "folder": {"url": str(root / "buckets" / "photos")},
                "bucket": {"url": "s3://photos", "endpoint_url": server.endpoint},
            }
            os.environ.update(server.environment)
            rates: dict[str, list[float]] = {"folder": [], "bucket": []}
            for turn in range(TURNS + 1):
                for place, source in places.items():
                    rate = _rate(root / f"data-{place}-{turn}", root / "cache", source)
                    if turn:  # the first opens the encoder
                        rates[place].append(rate)
    one, other = statistics.median(rates["bucket"]), statistics.median(rates["folder"])
    return [row("embedding from a bucket", "images/s over those from a folder", one / other, "x", ">= 0.85",
                f"{one:.0f} and {other:.0f} images/s")]  # fmt: skip


def _rate(data: Path, cache: Path, source: dict[str, str]) -> float:
    data.mkdir()
    cache.mkdir(exist_ok=True)
    (data / "cache").symlink_to(cache)
    project = Project(Settings.model_validate({"data_dir": data, "source": source, "encoder": {"device": "cpu"}}))
    (slug,) = select_categories(project, [])
    manifest(project, slug)
    _ = project.encoder
    started = perf_counter()
    report = next(iter(ingest(project, slug)))
    seconds = perf_counter() - started
    return report.counts["read"] / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    show(rows(options.images), options.json)


if __name__ == "__main__":
    main()
