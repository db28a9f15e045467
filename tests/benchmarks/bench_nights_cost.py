"""What a night costs by what changed: the first run, one with nothing new, and one with a hundredth of new images.

    python -m tests.benchmarks.bench_nights_cost [--images 10000] [--s3] [--packaged] [--profile] [--json FILE]

What belongs here: drawing a library of many tiny pictures, running the real steps on it night after night, and counting
what each night read, decoded and embedded, its CPU seconds per step and its peak memory. Not here: what clusters come
of it (`quality/`), ids over many nights (`simulate_nights.py`), the rate of an encoder (`bench_embedding.py`).

Every night is a process of its own, as a nightly job is. The clock starts after the imports, which are told apart. A
listing is timed in the same process, before and after the run. The encoder is one of the test's own unless
`--packaged`: it projects the pixels to 512 numbers and costs next to nothing, so the shares of a full run are measured
against a full run that embeds for nearly nothing. Reads are counted at the bucket, vectors at the encoder.
"""

import argparse
import cProfile
import io
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from PIL import Image

from pipeline.settings import Settings
from pipeline.stages.manifest.bucket import Bucket

CATEGORY = "posts"
GROUPS = ("at", "be", "ch", "cz", "de", "dk", "es", "fi", "fr", "gb")
SIDE = 32  # pixels of a drawn picture
SEEN = 8  # blotches along a side, and what the encoder sees of them
DIMENSION = 512
KIND = 100  # images of a kind, on average
STRAY = 0.02  # share of images that belong to no kind
SHARE = 0.01  # of the images are new on the third night
LISTED = 3  # times that a listing is timed before the run, and as often after it
FIRST = datetime(2026, 11, 2, 3, tzinfo=UTC)
NIGHTS = ("full", "nothing new", "1 % new")
CLUSTERING = ("duplicates", "reduced", "labels", "identities", "representatives", "similarity")
STEPS = ("manifest", "ingest", *CLUSTERING, "published")


class ProjectionEncoder:
    """Pixels seen at 8 × 8, centred and thrown on `DIMENSION` fixed random directions. `encoded` counts them."""

    name = "bench:projection"
    dimension = DIMENSION
    fingerprint = "be4c4be4c4be4c4b"
    device = "CPU (benchmark)"

    def __init__(self) -> None:
        self.encoded = 0
        self._directions = np.random.default_rng(7).normal(size=(192, DIMENSION)).astype(np.float32)

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [16, 16, 3], the nearest pixels."""
        rows, columns = (np.arange(16) * side // 16 for side in pixels.shape[:2])
        return np.ascontiguousarray(pixels[rows][:, columns])

    def encode(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 16, 16, 3] → float32 [n, `DIMENSION`] of length 1."""
        self.encoded += len(batch)
        seen = batch.reshape(len(batch), 8, 2, 8, 2, 3).mean((2, 4)).reshape(len(batch), 192) - 127.3
        vectors = seen.astype(np.float32) @ self._directions
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Counted:
    """A bucket that counts what is read of it."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket, self.read_objects = bucket, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def read(self, key: str) -> bytes:
        self.read_objects += 1
        return self._bucket.read(key)

    def read_many(self, keys: Iterable[str], *, most: int | None = None) -> Iterator[Any]:
        for found in self._bucket.read_many(keys, most=most):
            self.read_objects += 1
            yield found


def draw(root: Path, first: int, count: int, kinds: int, seed: int = 1) -> None:
    """`count` pictures from number `first` on: a kind's own blotches of colour, alike and no copies."""
    blotches = np.random.default_rng(seed).integers(20, 236, size=(kinds, SEEN, SEEN, 3))
    for group in GROUPS:
        (root / CATEGORY / group).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        rng = np.random.default_rng((seed, number))
        kind = blotches[rng.integers(kinds)] if rng.random() >= STRAY else rng.integers(20, 236, size=(SEEN, SEEN, 3))
        shifted = kind + rng.normal(0, 40, size=kind.shape)
        pixels = shifted.repeat(SIDE // SEEN, axis=0).repeat(SIDE // SEEN, axis=1) + rng.normal(
            0, 3, size=(SIDE, SIDE, 3)
        )
        group = GROUPS[number % len(GROUPS)]
        path = root / CATEGORY / group / f"{group}-{number:06d}-800w.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, compress_level=1)


def night(place: dict[str, Any]) -> dict[str, Any]:
    """One run in this process: what it did and what it cost. `place` says where and which night."""
    started = perf_counter()
    import filelock  # noqa: F401  # pyright: ignore[reportUnusedImport]  # what a run with nothing new loads late

    from pipeline.adapters.encoders import registry  # noqa: F401  # pyright: ignore[reportUnusedImport]
    from pipeline.steps import run as steps
    from pipeline.steps.each import raise_failures
    from pipeline.steps.project import Project

    values = {"data_dir": place["data"], "source": {"url": place["url"], "endpoint_url": place.get("endpoint")}}
    encoder = ProjectionEncoder()
    project = Project(
        Settings.model_validate(values),
        encoder=None if place["packaged"] else lambda: encoder,  # pyright: ignore[reportArgumentType]
        clock=lambda: FIRST + timedelta(days=place["night"]),
    )
    bucket = Counted(project.bucket)
    cost = timed_steps(steps)
    imports = perf_counter() - started
    listed = [_listing(project.bucket) for _ in range(LISTED)]
    project._bucket = project.__dict__["bucket"] = bucket  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
    profile = cProfile.Profile() if place.get("profile") else None
    wall, cpu = perf_counter(), process_time()
    with profile or nullcontext():
        whole = steps.run(project)
    wall, cpu = perf_counter() - wall, process_time() - cpu
    listed += [_listing(project.bucket) for _ in range(LISTED)]
    if profile is not None:
        text = io.StringIO()
        pstats.Stats(profile, stream=text).sort_stats("cumulative").print_stats(70)
        print(text.getvalue(), file=sys.stderr)
    raise_failures(whole.failures, len(whole.finished))
    done = whole.finished[0]
    reports = done.reports
    return {
        "wall": wall,
        "cpu": cpu,
        "imports": imports,
        "listing wall": min(one[0] for one in listed),
        "listing cpu": min(one[1] for one in listed),
        "steps": cost,
        "objects read": bucket.read_objects,
        "images decoded": reports["images"].counts["decoded"],
        "vectors computed": reports["embeddings"].counts["embedded"] if place["packaged"] else encoder.encoded,
        "clusters": done.summary()["clusters"],
        "nothing new": done.nothing_new,
        "labels": reports["labels"].facts["mode"],
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _listing(bucket: Bucket) -> tuple[float, float]:
    wall, cpu = perf_counter(), process_time()
    for _ in bucket.pages(f"{CATEGORY}/"):
        pass
    return perf_counter() - wall, process_time() - cpu


def timed_steps(steps: Any) -> dict[str, list[float]]:
    """Wrap the steps of `run`, so that the dictionary returned fills with the wall and CPU seconds of each."""
    cost: dict[str, list[float]] = {}

    def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            wall, cpu = perf_counter(), process_time()
            try:
                return step(*given, **named)
            finally:
                cost[name] = [perf_counter() - wall, process_time() - cpu]

        return call

    steps.manifest, steps.ingest = timed("manifest", steps.manifest), timed("ingest", steps.ingest)
    steps.publish = timed("published", steps.publish)
    steps.CLUSTER_STEPS = tuple(timed(step.__name__, step) for step in steps.CLUSTER_STEPS)
    return cost


def nights(
    images: int, root: Path, *, s3: bool = False, packaged: bool = False, profile: bool = False
) -> dict[str, Any]:
    """The three nights, each in a process of its own. `root` keeps the library and the data."""
    from tests.servers import rclone_server

    library, new, kinds = root / "buckets" / "library", max(1, round(images * SHARE)), max(3, images // KIND)
    draw(library, 0, images, kinds)
    place: dict[str, Any] = {"data": str(root / "data"), "url": str(library), "packaged": packaged, "profile": profile}
    found: dict[str, Any] = {}
    with rclone_server(root / "buckets") if s3 else nullcontext() as server:
        environment = dict(os.environ)
        if server is not None:
            place |= {"url": "s3://library", "endpoint": server.endpoint}
            environment |= server.environment
        for number, name in enumerate(NIGHTS):
            if name == NIGHTS[-1]:
                draw(library, images, new, kinds)
            given = json.dumps(place | {"night": number})
            command = [sys.executable, "-m", "tests.benchmarks.bench_nights_cost", "--night", given]
            print(f"{name} …", file=sys.stderr, flush=True)
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=environment)
            found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(found: dict[str, Any], images: int, where: str) -> list[dict[str, Any]]:
    """The rows of one library."""
    against = f"{images:,} images of {SIDE} px, {where}"
    full, none, few = (found[name] for name in NIGHTS)
    rows: list[dict[str, Any]] = []

    def row(what: str, measure: str, value: float, unit: str, bar: str = "") -> None:
        limit = float(bar.split()[1]) if bar else 0.0
        met = None if not bar else value == limit if bar.startswith("=") else value <= limit
        rows.append({"what": what, "measure": measure, "value": round(float(value), 4), "unit": unit, "bar": bar,
                     "met": met, "against": against})  # fmt: skip

    new = max(1, round(images * SHARE))
    for count in ("objects read", "images decoded", "vectors computed"):
        row(NIGHTS[1], count, none[count], "images", "= 0")
        row(NIGHTS[2], count, few[count], "images", f"= {new}")
    row(NIGHTS[1], "seconds of a listing", none["wall"] / none["listing wall"], "times", "<= 3")
    row(NIGHTS[1], "CPU seconds of a listing", none["cpu"] / none["listing cpu"], "times")
    row(NIGHTS[2], "embedding, of a full run's CPU", _share(few, full, ["ingest"]), "%", "<= 2")
    row(NIGHTS[2], "clustering, of a full run's CPU", _share(few, full, CLUSTERING), "%", "<= 5")
    row(NIGHTS[2], "everything, of a full run's CPU", 100 * few["cpu"] / full["cpu"], "%")
    for name in NIGHTS:
        one = found[name]
        row(name, "listing", one["listing wall"], "s")
        row(name, "wall", one["wall"], "s")
        row(name, "CPU", one["cpu"], "s")
        for step in STEPS:
            row(name, f"CPU of {step}", one["steps"][step][1], "s")
        row(name, "imports before the clock", one["imports"], "s")
        row(name, "peak memory", one["peak MB"], "MB")
    return rows


def _share(part: dict[str, Any], whole: dict[str, Any], steps: Iterable[str]) -> float:
    """Percent of a full run's CPU seconds in the same steps."""
    names = list(steps)
    return 100 * sum(part["steps"][name][1] for name in names) / sum(whole["steps"][name][1] for name in names)


def rows(images: int = 10_000, *, s3: bool = False, packaged: bool = False) -> list[dict[str, Any]]:
    """Draw, run, measure; nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="nights-cost-") as root:
        where = "rclone serve s3" if s3 else "a folder"
        return measured(nights(images, Path(root), s3=s3, packaged=packaged), images, where)


def table(found: list[dict[str, Any]]) -> str:
    """The rows as text."""
    lines = [f"{found[0]['against']}" if found else ""]
    for one in found:
        met = {None: "", True: "met", False: "NOT met"}[one["met"]]
        lines.append(
            f"{one['what']:<12}{one['measure']:<34}{one['value']:>12,.3f} {one['unit']:<7}{one['bar']:<8}{met}"
        )
    return "\n".join(line.rstrip() for line in lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--s3", action="store_true", help="through rclone serve s3 in the place of a folder")
    parser.add_argument("--packaged", action="store_true", help="the encoder that comes along, not the test's own")
    parser.add_argument("--profile", action="store_true", help="where each night's time goes, to stderr")
    parser.add_argument("--keep", type=Path, help="a folder in which library and data stay")
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--night", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.night:
        print(json.dumps(night(options.night)))
        return
    root = options.keep or Path(tempfile.mkdtemp(prefix="nights-cost-"))
    try:
        done = nights(options.images, root, s3=options.s3, packaged=options.packaged, profile=options.profile)
    finally:
        if options.keep is None:
            shutil.rmtree(root, ignore_errors=True)
    found = measured(done, options.images, "rclone serve s3" if options.s3 else "a folder")
    print(table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
