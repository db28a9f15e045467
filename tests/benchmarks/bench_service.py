"""How long reading takes over 100,000 images: `python -m tests.benchmarks.bench_service [--images N]`.

What belongs here: a synthetic library of that size, a real server in a process of its own, times per kind of request.
Not here: what the answers must be (`tests/service/`). The bar is 50 ms at the 95th percentile for every read.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl

from pipeline.settings import Settings
from pipeline.stages.identities import contract as identity
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from pipeline.stages.reduced import contract as reducing
from pipeline.stages.representatives import contract as representing
from pipeline.stages.similarity import contract as similarity
from pipeline.stages.similarity import index as searching
from pipeline.steps.project import Project
from pipeline.storage.categories import write_slugs
from tests.benchmarks.rows import Row, row, show

BAR = 0.050
DIMENSION = 512
CLUSTERS = 800
FILTERED = "group=g7&camera=Camera%207&since=2024-01-02&until=2024-02-20"


def filled(schema: pl.Schema, **columns: object) -> pl.DataFrame:
    """A frame of that schema; columns that are not given are null."""
    given = pl.DataFrame(columns)
    missing = [pl.lit(None).cast(kind).alias(name) for name, kind in schema.items() if name not in columns]
    return given.with_columns(missing).select([pl.col(name).cast(kind) for name, kind in schema.items()])


def library(root: Path, count: int) -> None:
    """A data directory with one category of `count` images, as the stages would have stored it."""
    project = Project(Settings.model_validate({"data_dir": root, "source": {"url": str(root)}}))
    rng = np.random.default_rng(0)
    ids = sorted({secrets.token_hex(8) for _ in range(count)})
    hashes = [f"{number:032x}" for number in range(len(ids))]
    keys = [f"big/g{number % 60}/{number:07d}.jpg" for number in range(len(ids))]
    cluster = (rng.pareto(1.2, len(ids)) * 12).astype(int) % CLUSTERS
    names = np.array([f"c-{number:08d}" for number in range(CLUSTERS)])
    loose = rng.random(len(ids)) < 0.1
    owner = [None if one else str(name) for one, name in zip(loose, names[cluster], strict=True)]
    vectors = (
        rng.normal(size=(len(ids), DIMENSION)).astype(np.float32) * 0.4
        + rng.normal(size=(CLUSTERS, DIMENSION))[cluster]
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write_slugs(project.layout, {"big": "big"})

    def write(name: str, tables: dict[str, tuple[pl.DataFrame, pl.Schema]], **more: Any) -> None:
        project.store.write("big", name, tables, fingerprint="bench", created_at=project.now(), **more)

    groups = [f"g{number % 60}" for number in range(len(ids))]
    base = {
        "image_id": ids,
        "key": keys,
        "group": groups,
        "identifier": keys,
        "etag": hashes,
        "size": [50_000] * len(ids),
    }
    write(
        "images",
        {
            "images": (
                filled(
                    IMAGES_SCHEMA,
                    **base,
                    status=["ok"] * len(ids),
                    content_hash=hashes,
                    width=[800] * len(ids),
                    height=[600] * len(ids),
                    taken_at=[datetime(2024, 1, 1) + timedelta(minutes=number) for number in range(len(ids))],  # noqa: DTZ001
                ),
                IMAGES_SCHEMA,
            )
        },
    )
    project.cameras("big").append([(value, f"Camera {number % 12}") for number, value in enumerate(hashes)])
    write("manifest", {"manifest": (filled(MANIFEST_SCHEMA, **base), MANIFEST_SCHEMA)})
    sizes = pl.DataFrame({"cluster_id": owner}).drop_nulls().group_by("cluster_id").len()
    clusters = filled(
        identity.CLUSTERS_SCHEMA,
        cluster_id=sizes["cluster_id"],
        fate=["born"] * sizes.height,
        parents=[[]] * sizes.height,
        size=sizes["len"],
    )
    write(
        "identities",
        {
            "clusters": (clusters, identity.CLUSTERS_SCHEMA),
            "members": (
                filled(
                    identity.MEMBERS_SCHEMA,
                    image_id=ids,
                    content_hash=hashes,
                    cluster_id=owner,
                    probability=rng.random(len(ids)),
                ),
                identity.MEMBERS_SCHEMA,
            ),
            "ledger": (pl.DataFrame(schema=identity.LEDGER_SCHEMA), identity.LEDGER_SCHEMA),
        },
    )
    held = [(name, one) for name, one in zip(ids, owner, strict=True) if one is not None]
    ranks = filled(
        representing.MEMBERS_SCHEMA,
        image_id=[one for one, _ in held],
        cluster_id=[one for _, one in held],
        rank=list(range(len(held))),
        similarity=[0.9] * len(held),
    )
    schema = representing.clusters_schema(2)
    write(
        "representatives",
        {
            "clusters": (filled(schema, cluster_id=sizes["cluster_id"], size=sizes["len"]), schema),
            "members": (ranks, representing.MEMBERS_SCHEMA),
        },
        facts=representing.Facts(dimension=2),
    )
    schema = reducing.reduced_schema(0)
    places = {"image_id": ids, "content_hash": hashes, "x": rng.normal(size=len(ids)), "y": rng.normal(size=len(ids))}
    write(
        "reduced",
        {
            "reduced": (
                pl.DataFrame(places)
                .with_columns(
                    pl.Series("vector", np.empty((len(ids), 0), np.float32), dtype=schema["vector"]),
                    pl.col("x", "y").cast(pl.Float32),
                )
                .select(list(schema)),
                schema,
            )
        },
        facts=reducing.Facts(embeddings="bench", dimension=0),
    )
    table = pl.DataFrame({"row": range(len(ids)), "image_id": ids, "content_hash": hashes, "key": keys})
    write(
        "similarity",
        {"ids": (table.cast({"row": pl.Int64}), similarity.IDS_SCHEMA)},
        files={"index.faiss": searching.build(vectors)},
        facts=similarity.Facts(embeddings="bench"),
    )


def measure(ask: Callable[[], httpx.Response], rounds: int) -> tuple[float, float, int]:
    """Median and 95th percentile in seconds, and the bytes of one answer, after one request that warms up."""
    ask().raise_for_status()
    times: list[float] = []
    size = 0
    for _ in range(rounds):
        started = time.perf_counter()
        size = len(ask().raise_for_status().content)
        times.append(time.perf_counter() - started)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1], size


@contextmanager
def serving(data: Path, port: str = "auto") -> Generator[tuple[str, subprocess.Popen[str]]]:
    """A server in a process of its own, on what `library` wrote: its address, and the process."""
    command = [sys.executable, "-m", "pipeline.cli", "serve", "--port", port, "--out", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy())
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=20)


def rows(images: int = 100_000, rounds: int = 100) -> list[Row]:
    """The 95th percentile of each read and page, in milliseconds."""
    what = f"service, {images:,} images"
    with tempfile.TemporaryDirectory() as folder:
        library(Path(folder) / "data", images)
        started = time.perf_counter()
        with serving(Path(folder) / "data") as (url, _):
            listening = time.perf_counter() - started
            with httpx.Client(base_url=url, timeout=120) as client:
                client.get("/api/v1/categories").raise_for_status()
                first = time.perf_counter() - started
                found = [row(what, f"{name}, p95", high * 1000, "ms", f"<= {BAR * 1000:.0f}",
                             f"median {median * 1000:.1f} ms, {size:,} bytes")
                         for name, median, high, size in _reads(client, rounds)]  # fmt: skip
    return [
        row(what, "seconds until it listens", listening, "s"),
        row(what, "seconds until the first answer", first, "s"),
        *found,
    ]


def _reads(client: httpx.Client, rounds: int) -> Generator[tuple[str, float, float, int]]:
    """Name, median, 95th percentile, bytes of each kind of read."""
    api = "/api/v1"
    names = [one["image_id"] for one in client.get(f"{api}/images?category=big&limit=1000").json()["items"]]
    clusters = [one["id"] for one in client.get(f"{api}/categories/big/clusters").json()["items"]]
    rng = np.random.default_rng(1)

    def some(values: list[str]) -> str:
        return values[int(rng.integers(len(values)))]

    def similar(**more: str) -> dict[str, Any]:
        return {"image_id": some(names), "top_k": 50, **more}

    deep = client.get(f"{api}/images", params={"category": "big", "limit": 1000}).json()["cursor"]
    reads: dict[str, Callable[[], httpx.Response]] = {
        "categories": lambda: client.get(f"{api}/categories"),
        "clusters, 100 of the largest": lambda: client.get(f"{api}/categories/big/clusters"),
        "one cluster": lambda: client.get(f"{api}/clusters/{some(clusters)}"),
        "100 images of a cluster": lambda: client.get(f"{api}/clusters/{some(clusters)}/images"),
        "100 images after a cursor": lambda: client.get(f"{api}/images", params={"category": "big", "cursor": deep}),
        "100 images of a group": lambda: client.get(f"{api}/images?category=big&group=g7"),
        "100 images of five filters, by date": lambda: client.get(
            f"{api}/images?{FILTERED}&state=clustered&q=big&category=big&sort=-date"
        ),
        "100 images of words": lambda: client.get(f"{api}/images?category=big&q=g7/%20jpg&sort=name"),
        "100 unclustered": lambda: client.get(f"{api}/categories/big/unclustered"),
        "one image": lambda: client.get(f"{api}/images/{some(names)}"),
        "its embedding": lambda: client.get(f"{api}/images/{some(names)}/embedding"),
        "50 most similar": lambda: client.get(f"{api}/similarity/find", params=similar()),
        "50 most similar of a group": lambda: client.get(f"{api}/similarity/find", params=similar(group="g7")),
        "map, binary": lambda: client.get(f"{api}/categories/big/map?format=binary"),
        "page of the clusters": lambda: client.get("/c/big"),
        "page of the clusters, filtered": lambda: client.get(f"/c/big?{FILTERED}&words=jpg&order=newest"),
        "page of a cluster": lambda: client.get(f"/c/big/cluster/{some(clusters)}"),
        "page of what is like an image": lambda: client.get(f"/c/big/find?image={some(names)}"),
        "page of the map": lambda: client.get("/c/big/map"),
        "page of the unclustered": lambda: client.get("/c/big/unclustered"),
    }
    for name, ask in reads.items():
        yield name, *measure(ask, rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args()
    show(rows(given.images, given.rounds), given.json)


if __name__ == "__main__":
    main()
