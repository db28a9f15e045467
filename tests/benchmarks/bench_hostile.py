"""Peak memory on hostile files: small files of 99 megapixels whose pixels need gigabytes.

What belongs here: making such files, reading them in, and the peak. Not here: what must hold of them
(`tests/stages/images/test_budget.py`).

    python -m tests.benchmarks.bench_hostile --files 40 --threads 4
    python -m tests.benchmarks.bench_hostile --run 10000      one whole run over so many files, most of them mutated
"""

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.settings import ImageParams
from pipeline.stages.embeddings.stream import stream
from tests.fakes import MeanColourEncoder
from tests.odd_images import mutated

WIDTH, HEIGHT = 11_000, 9_000


def hostile() -> dict[str, bytes]:
    """One file for each kind, a few hundred kB at most."""
    grey = np.zeros((HEIGHT, WIDTH), np.float32)
    grey[::512] = 0.5
    lines = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    lines[::512], lines[:, ::700] = 90, 160
    picture = Image.fromarray(lines)
    alpha = picture.copy()
    alpha.putalpha(128)
    deflate: dict[str, Any] = {"compression": "tiff_adobe_deflate"}
    progressive: dict[str, Any] = {"quality": 30, "progressive": True, "subsampling": 0}
    made: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "TIFF, 32-bit floating point": (Image.fromarray(grey), "TIFF", deflate),
        "TIFF, 32-bit integers": (Image.fromarray((grey * 60_000).astype(np.int32)), "TIFF", deflate),
        "TIFF, CMYK": (picture.convert("CMYK"), "TIFF", deflate),
        "WebP with alpha": (alpha, "WEBP", {"lossless": True, "method": 0}),
        "WebP, animated": (
            alpha, "WEBP", {"lossless": True, "method": 0, "save_all": True, "append_images": [alpha.transpose(0)]}
        ),
        "PNG with alpha": (alpha, "PNG", {"compress_level": 1}),
        "JPEG, progressive": (picture, "JPEG", progressive),
        "JPEG, CMYK": (picture.convert("CMYK"), "JPEG", progressive),
        "JPEG 2000 with alpha": (alpha, "JPEG2000", {"quality_layers": [200]}),
        "AVIF with alpha": (alpha, "AVIF", {"speed": 10, "quality": 10, "subsampling": "4:4:4"}),
        "GIF": (picture.quantize(4), "GIF", {}),
    }  # fmt: skip
    files: dict[str, bytes] = {}
    for name, (image, kind, options) in made.items():
        out = io.BytesIO()
        image.save(out, kind, **options)
        files[name] = out.getvalue()
    return files


# the peak of a child counts what its parent held when it was started, so the run tells its own
RUN = """
import sys
from pathlib import Path
from pipeline.cli import main
main(sys.argv[1:], standalone_mode=False)
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(int(peak.split()[1]) * 1024, file=sys.stderr)
"""
ONE_IN = 250  # files are of 99 megapixels


def one_run(number: int) -> None:
    """A library of `number` files, one in 250 of 99 megapixels and the others mutated, in one whole run."""
    rng = random.Random(17)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library" / "posts"
        library.mkdir(parents=True)
        large = list(hostile().values())
        for n in range(number):
            turn, rest = divmod(n, ONE_IN)
            data = mutated(rng) if rest else large[turn % len(large)] + bytes(turn)
            (library / f"{n:06d}.jpg").write_bytes(data)
        started = time.perf_counter()
        words = ["run", str(library.parent), "--out", f"{folder}/data", "--json"]
        done = subprocess.run([sys.executable, "-c", RUN, *words], check=True, capture_output=True, text=True)
        summary = json.loads(done.stdout)[0]
        counts = {name: summary[name] for name in ("images", "clustered", "unclustered", "set_aside")}
        peak = int(done.stderr.split()[-1])
        print(f"{counts}, peak {peak / 1e9:.2f} GB, {time.perf_counter() - started:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--run", type=int, default=0)
    asked = parser.parse_args()
    if asked.run:
        one_run(asked.run)
        return
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
