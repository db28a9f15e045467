"""Peak memory on hostile files: small files of 99 megapixels whose pixels need gigabytes.

What belongs here: making such files, reading them in, and the peak. Not here: what must hold of them
(`tests/stages/images/test_budget.py`).

    python -m tests.benchmarks.bench_hostile --files 40 --threads 4
"""

import argparse
import io
import resource
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.embeddings.stream import stream
from tests.fakes import MeanColourEncoder

WIDTH, HEIGHT = 11_000, 9_000


def hostile() -> dict[str, bytes]:
    """One file for each kind, a few hundred kB at most."""
    grey = np.zeros((HEIGHT, WIDTH), np.float32)
    grey[::512] = 0.5
    alpha = Image.new("RGBA", (WIDTH, HEIGHT), (200, 30, 30, 128))
    made = {
        "TIFF, 32-bit floating point": (Image.fromarray(grey), "TIFF", {"compression": "tiff_adobe_deflate"}),
        "TIFF, 32-bit integers": (
            Image.fromarray((grey * 60_000).astype(np.int32)), "TIFF", {"compression": "tiff_adobe_deflate"}
        ),
        "WebP with alpha": (alpha, "WEBP", {"lossless": True, "method": 0}),
        "PNG with alpha": (alpha, "PNG", {}),
    }  # fmt: skip
    files: dict[str, bytes] = {}
    for name, (image, kind, options) in made.items():
        out = io.BytesIO()
        image.save(out, kind, **options)
        files[name] = out.getvalue()
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--threads", type=int, default=4)
    asked = parser.parse_args()
    files = list(hostile().items())
    print(", ".join(f"{name}: {len(data) / 1e3:,.0f} kB" for name, data in files))
    items = (
        (f"{n:03d}", files[n % len(files)][1] + bytes(n)) for n in range(asked.files)
    )  # trailing bytes are allowed
    # the peak of making the files is not that of reading them
    Path("/proc/self/clear_refs").write_text("5")
    before, started = _peak(), time.perf_counter()
    outcomes = stream(
        items, image_params=ImageParams(), encoder=MeanColourEncoder(), batch_size=8, threads=asked.threads,
        thumbnail_pixels=192,
    )  # fmt: skip
    status = Counter(getattr(one.image, "status", "ok") for one in outcomes)
    print(
        f"{asked.files} files of {WIDTH * HEIGHT / 1e6:.0f} megapixels on {asked.threads} threads: {dict(status)}, "
        f"peak {_peak() / 1e9:.2f} GB (before {before / 1e9:.2f}), {time.perf_counter() - started:.0f} s"
    )


def _peak() -> int:
    """The process's largest resident set, in bytes, since it was last cleared."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
