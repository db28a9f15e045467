"""Fifty people at once, and the server killed among them: `python -m tests.benchmarks.bench_load [--seconds 300]`.

What belongs here: many clients that read and decide at the same time, one kill and restart in the middle, what was
lost, how slow it got, whether memory grows. Not here: one client alone (`bench_service.py`).

A client sends a decision again, with the same idempotency key, until it has an answer. At the end the history must hold
each decision that was answered, once.
"""

import argparse
import multiprocessing
import signal
import statistics
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.benchmarks.bench_service import library, serving
from tests.benchmarks.rows import Row, row, show

PROCESSES = 5
CLIENTS = 50
WRITES = 0.1  # of all requests
PAUSE = 0.2  # seconds that a person looks before the next request, on average
GIVE_UP = 60.0

Known = tuple[list[str], list[str]]  # ids of images and of clusters


def rows(images: int = 20_000, seconds: float = 300) -> list[Row]:
    """What was asked, lost, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        library(data, images)
        with serving(data) as (url, process):
            port = url.rsplit(":", 1)[1]
            with httpx.Client(base_url=f"{url}/api/v1", timeout=GIVE_UP) as client:
                images_of = client.get("/images?category=big&limit=1000").raise_for_status().json()["items"]
                clusters_of = client.get("/categories/big/clusters").raise_for_status().json()["items"]
            known = ([one["image_id"] for one in images_of], [one["id"] for one in clusters_of])
            clients = _clients(url, seconds, known)
            memory = _watched(process.pid, seconds / 2)
            process.send_signal(signal.SIGKILL)
            process.wait()
        with serving(data, port) as (url, process):
            memory += _watched(process.pid, seconds / 2)
            done = [one for part in clients.get() for one in part]
            stored = _history(url)
    return _judged(images, seconds, done, stored, memory)


def _judged(
    images: int, seconds: float, done: list[tuple[str, float, str]], stored: Counter[str], memory: list[list[float]]
) -> list[Row]:
    what = f"{CLIENTS} clients for {seconds:.0f} s, {images:,} images, killed once"
    times = {kind: [spent for one, spent, _ in done if one == kind] for kind in ("read", "write")}
    wrong = [text for kind, _, text in done if kind == "error"]
    answered = [mark for kind, _, mark in done if kind == "write"]
    growth = max((statistics.mean(part[-len(part) // 4 :]) / statistics.mean(part[: len(part) // 2])
                  for part in memory if len(part) >= 8), default=float("nan"))  # fmt: skip
    return [
        row(what, "requests answered a second", len(done) / seconds, "1/s"),
        row(what, "reads, p95", float(np.quantile(times["read"], 0.95)) * 1000, "ms", "",
            f"median {statistics.median(times['read']) * 1000:.0f} ms of {len(times['read']):,}"),
        row(what, "decisions, p95, the restart included", float(np.quantile(times["write"], 0.95)) * 1000, "ms", "",
            f"median {statistics.median(times['write']) * 1000:.0f} ms of {len(times['write']):,}"),
        row(what, "requests with no answer, or 5xx", len(wrong), "", "= 0", next(iter(wrong), "")),
        row(what, "decisions that were answered and are not in the history", sum(not stored[one] for one in answered),
            "", "= 0", f"of {len(answered):,}"),
        row(what, "decisions that are there twice", sum(number > 1 for number in stored.values()), "", "= 0"),
        row(what, "memory, last quarter over first half", growth, "x", "<= 1.1",
            f"{max(max(part) for part in memory):.2f} GB at most"),
    ]  # fmt: skip


def _clients(url: str, seconds: float, known: Known) -> Any:
    pool = multiprocessing.get_context("spawn").Pool(PROCESSES)
    until = time.time() + seconds
    return pool.starmap_async(_crowd, [(url, until, number, known) for number in range(PROCESSES)])


def _crowd(url: str, until: float, number: int, known: Known) -> list[tuple[str, float, str]]:
    """(read, write or error; seconds; the decision's mark) of each request of ten clients."""
    done: list[tuple[str, float, str]] = []
    threads = [threading.Thread(target=_client, args=(url, until, number * 100 + one, known, done))
               for one in range(CLIENTS // PROCESSES)]  # fmt: skip
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return done


def _client(url: str, until: float, seed: int, known: Known, done: list[tuple[str, float, str]]) -> None:
    rng = np.random.default_rng(seed)
    names, clusters = known
    with httpx.Client(base_url=f"{url}/api/v1", timeout=GIVE_UP) as client:
        while time.time() < until:
            time.sleep(float(rng.exponential(PAUSE)))
            cluster, image = clusters[int(rng.integers(len(clusters)))], names[int(rng.integers(len(names)))]
            mark = uuid.UUID(bytes=rng.bytes(16)).hex if rng.random() < WRITES else ""
            if mark:
                kind = [{"kind": "rename", "cluster": cluster, "name": f"n {mark}"},
                        {"kind": "tag", "images": [image], "tag": f"t-{seed}"},
                        {"kind": "note", "cluster": cluster, "text": mark}][int(rng.integers(3))]  # fmt: skip
                request = client.build_request(
                    "POST", "/categories/big/decisions", headers={"Idempotency-Key": mark},
                    json={"decision": kind, "actor": f"client {seed}", "why": mark},
                )  # fmt: skip
            else:
                paths = [f"/clusters/{cluster}", f"/clusters/{cluster}/images", f"/images/{image}",
                         f"/similarity/find?image_id={image}&top_k=50", "/categories/big/clusters?limit=50",
                         "/images?category=big&group=g7&limit=50"]  # fmt: skip
                request = client.build_request("GET", paths[int(rng.integers(len(paths)))])
            started = time.perf_counter()
            answer = _sent(client, request)
            spent = time.perf_counter() - started
            if answer is None or answer.status_code >= 500:
                done.append(("error", spent, "no answer" if answer is None else answer.text[:200]))
            elif not mark or answer.status_code == 201:
                done.append(("write" if mark else "read", spent, mark))


def _sent(client: httpx.Client, request: httpx.Request) -> httpx.Response | None:
    """The answer, asked for again while there is no server; None after a minute."""
    started = time.monotonic()
    while time.monotonic() - started < GIVE_UP:
        try:
            return client.send(request)
        except httpx.TransportError:
            time.sleep(0.3)
    return None


def _watched(process: int, seconds: float) -> list[list[float]]:
    """Gigabytes in memory, twice a second."""
    samples: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = Path(f"/proc/{process}/status").read_text()
        samples.append(int(status.split("VmRSS:")[1].split()[0]) / 1e6)
        time.sleep(0.5)
    return [samples[len(samples) // 5 :]]  # the first requests fill the caches


def _history(url: str) -> Counter[str]:
    marks: Counter[str] = Counter()
    page: dict[str, int] = {"limit": 1000}
    with httpx.Client(base_url=f"{url}/api/v1", timeout=GIVE_UP) as client:
        while items := client.get("/categories/big/history", params=page).raise_for_status().json()["items"]:
            marks.update(str(one["why"]) for one in items)
            page["before"] = items[-1]["number"]
    return marks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--json", type=Path, help="write the rows there")
    given = parser.parse_args()
    show(rows(given.images, given.seconds), given.json)


if __name__ == "__main__":
    main()
