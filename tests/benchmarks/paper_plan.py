"""What 100 million and a billion images would take, on paper: `python -m tests.benchmarks.paper_plan`.

What belongs here: the arithmetic behind the table in docs/scale.md, from figures that were measured, figures that
others published, and assumptions, each under its own heading. Not here: any measuring (`bench_*.py`).

Nothing was run at these sizes. Prices are assumptions; give your own: `--core-hour 0.03 --gpu-hour 0.5`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from math import log

HOUR = 3600
SIZES = (100_000_000, 1_000_000_000)

# --- measured by us (docs/appendix/benchmarks.md, unless another place is named) ---
IMAGES_PER_SECOND = 71.6  # lite0 on two cores: 800 px WEBP, with thumbnails; JPEG 92.4
MEASURED_CORES = 2
BUSY = 0.974  # share of their time that Ray workers were at work: two nodes on one machine, 256 photographs each
DRIVER_SECONDS = 312e-6  # CPU time of the driver per image: bench_driver, 20,000 images, without Ray's own
BYTES_SENT = 9_400  # by a Ray worker per image: a vector in float32, a thumbnail, a row
# `demo --library stamps`: 632 photographs of 1,280 values each
BYTES_VECTOR = 2_629  # stored in float16, with the hash of the image
BYTES_THUMBNAIL = 4_254
BYTES_INDEX = 2_608  # for search
BYTES_ROWS = 1_254  # manifest, images, labels and all other tables of one version
MILLION_CPU_SECONDS, MILLION_GB = 1_014, 5.4  # clustering 1,000,000 x 512
FIFTH_CPU_SECONDS = 81.5  # clustering 200,000 x 512
EXPONENT = log(MILLION_CPU_SECONDS / FIFTH_CPU_SECONDS) / log(1_000_000 / 200_000)

# --- published by others; we never measured a GPU ---
GPU_IMAGES_PER_SECOND = 382  # Daft: 803,580 images in 263 s on 8 machines of one L4 and 4 vCPU, ResNet18

# --- assumed ---
DRIVERS = 8  # libraries of their own, each with a driver and as many workers as keep it busy
CATEGORY = 1_000_000  # images of a category, where the library is split
KEYS_PER_LISTING = 1_000  # a page of S3
LISTING_SECONDS = 0.1  # a page, one after the other


@dataclass(frozen=True)
class Prices:
    """Assumed, in dollars: look up your own."""

    core_hour: float = 0.04
    gpu_hour: float = 0.80  # of a machine with one GPU
    gb_month: float = 0.02


@dataclass(frozen=True)
class Line:
    """One row of the table: what, and a figure for each of `SIZES`."""

    what: str
    figures: tuple[str, ...]


def core_rate() -> float:
    """Images per second and core."""
    return IMAGES_PER_SECOND / MEASURED_CORES * BUSY


def core_hours(images: int) -> float:
    """Of embedding on CPUs."""
    return images / core_rate() / HOUR


def driver_hours(images: int) -> float:
    """Of one driver; no number of workers makes it less."""
    return images * DRIVER_SECONDS / HOUR


def workers_of_a_driver(images_per_second: float) -> int:
    """How many cores or GPUs one driver keeps up with."""
    return int(1 / DRIVER_SECONDS / images_per_second)


def gpu_hours(images: int) -> float:
    """Of embedding on GPUs, at the published rate."""
    return images / GPU_IMAGES_PER_SECOND / HOUR


def clustering_core_hours(images: int) -> float:
    """Of clustering one category, if time goes on growing as it did up to a million."""
    return MILLION_CPU_SECONDS * (images / 1_000_000) ** EXPONENT / HOUR


def split_core_hours(images: int) -> float:
    """Of clustering the same images in categories of `CATEGORY`."""
    return images / CATEGORY * clustering_core_hours(CATEGORY)


def clustering_terabytes(images: int) -> float:
    """Memory of clustering one category, in proportion to the images."""
    return MILLION_GB * images / 1_000_000 / 1_000


def stored_terabytes(images: int) -> float:
    """A library with one version of its tables; the last five are kept."""
    return terabytes(images, BYTES_VECTOR + BYTES_THUMBNAIL + BYTES_INDEX + BYTES_ROWS)


def terabytes(images: int, each: float) -> float:
    return images * each / 1e12


def lines(prices: Prices) -> list[Line]:
    """The rows of the table."""
    cores, gpus = (workers_of_a_driver(rate) * DRIVERS for rate in (core_rate(), GPU_IMAGES_PER_SECOND))
    return [
        _line("embedding on CPUs, core-hours", lambda n: f"{core_hours(n):,.0f}"),
        _line("… $ per million images", lambda _: f"{core_hours(1_000_000) * prices.core_hour:.2f}"),
        _line("embedding on GPUs, GPU-hours (published rate)", lambda n: f"{gpu_hours(n):,.0f}"),
        _line("… $ per million images", lambda _: f"{gpu_hours(1_000_000) * prices.gpu_hour:.2f}"),
        _line("hours of one driver, at least", lambda n: f"{driver_hours(n):,.1f}"),
        _line(f"hours of {DRIVERS} drivers with {cores:,} cores", lambda n: f"{core_hours(n) / cores:,.1f}"),
        _line(f"hours of {DRIVERS} drivers with {gpus} GPUs", lambda n: f"{gpu_hours(n) / gpus:,.1f}"),
        _line("from workers to drivers, TB", lambda n: f"{terabytes(n, BYTES_SENT):,.2f}"),
        _line("vectors, TB", lambda n: f"{terabytes(n, BYTES_VECTOR):,.2f}"),
        _line("thumbnails, TB (a file each)", lambda n: f"{terabytes(n, BYTES_THUMBNAIL):,.2f}"),
        _line("search index, TB", lambda n: f"{terabytes(n, BYTES_INDEX):,.2f}"),
        _line("manifest and other tables, TB", lambda n: f"{terabytes(n, BYTES_ROWS):,.2f}"),
        _line("… all stored, $ per month", lambda n: f"{stored_terabytes(n) * 1_000 * prices.gb_month:,.0f}"),
        _line("clustering as one category, core-hours", lambda n: f"{clustering_core_hours(n):,.0f}"),
        _line("… memory, TB", lambda n: f"{clustering_terabytes(n):,.2f}"),
        _line("clustering in categories of a million, core-hours", lambda n: f"{split_core_hours(n):,.0f}"),
        _line("… memory for each at work, GB", lambda _: f"{MILLION_GB * CATEGORY / 1_000_000:.1f}"),
        _line("listing, hours, page after page", lambda n: f"{n / KEYS_PER_LISTING * LISTING_SECONDS / HOUR:,.1f}"),
    ]


def _line(what: str, figure: Callable[[int], str]) -> Line:
    return Line(what, tuple(figure(size) for size in SIZES))


def markdown(prices: Prices) -> str:
    """The rows as a Markdown table."""
    head = ["| | 100 million | a billion |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join((one.what, *one.figures))} |" for one in lines(prices))])


def main() -> None:
    parser = argparse.ArgumentParser(description="What 100 million and a billion images would take, on paper.")
    for name, default in vars(Prices()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=default, help="dollars; assumed")
    print(markdown(Prices(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
