"""Many people and processes deciding at once while runs publish: every decision is there once."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.curation.decisions import Rename
from pipeline.stages.published import schema
from pipeline.steps.doctor.checkup import examine
from tests.steps.test_run import Bench, add

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]
WRITERS, DECISIONS = 8, 200

WRITER = """
import random, sys
from pipeline.curation.decisions import Describe, Rename, Review, Tag
from pipeline.settings import Settings
from pipeline.steps.project import Project
data, me, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
held = Project(Settings(data_dir=data)).curation
rng = random.Random(me)
for number in range(count):
    curated = held.curated("bollards")
    cluster = rng.choice(sorted(curated.clusters))
    image = min(curated.clusters[cluster].members)
    decision = rng.choice([Rename(cluster=cluster, name=f"{me} {number}"), Describe(cluster=cluster, description=me),
                           Review(cluster=cluster), Tag(images=(image,), tag=f"{me} {number}")])
    held.decide("bollards", decision, actor=me, key=f"{me}-{number}")
    if number % 10 == 0:  # a caller who did not hear the answer and asks again
        held.decide("bollards", decision, actor=me, key=f"{me}-{number}")
"""

RUN = """
import sys
from pathlib import Path
from tests.steps.test_run import Bench
bench = Bench(Path(sys.argv[1]), Path(sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
bench.run()
print("\\n".join(bench.notices))
"""


def test_two_runs_side_by_side_and_eight_writers_lose_nothing(tmp_path: Path) -> None:
    for seed in range(36):
        add(tmp_path / "library", f"bollards/de/de-{seed:03d}-800w.png", ["red", "green", "blue"][seed % 3], seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    said: list[str] = []
    for turn in range(3):
        for seed in range(100 + 4 * turn, 104 + 4 * turn):
            add(bench.library, f"bollards/fr/fr-{seed}-800w.png", ["red", "green"][seed % 2], seed)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", RUN, str(bench.library), str(bench.data)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(2)
        ]  # fmt: skip
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(bench.data), f"t{turn}w{n}", "20"])
            for n in range(WRITERS)
        ]
        assert [one.stdout.readline() for one in started if one.stdout] == ["ready\n"] * 2
        for one in started:  # both are loaded, so they begin at the same moment
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        said += [one.communicate(timeout=600)[0] for one in started]
        assert [one.returncode for one in started] == [0, 0]
        assert [writer.wait(timeout=600) for writer in writers] == [0] * WRITERS
    assert any("Another run holds category bollards; waiting for it" in text for text in said)

    events = bench.project().curation.store.events("bollards")
    assert [event.number for event in events] == list(range(1, 3 * WRITERS * 20 + 1))
    bench.run()
    document = bench.document()
    schema.validate(document)
    assert document["summary"]["images"] == 48
    last = {event.decision.cluster: event.decision.name for event in events if isinstance(event.decision, Rename)}
    assert {one["id"]: one["name"] for one in document["clusters"]} == last
    assert all(finding.state == "ok" for finding in examine(bench.project()))


def test_eight_writers_and_two_runs_lose_nothing_and_apply_nothing_twice(tmp_path: Path) -> None:
    rng = random.Random(0)
    for seed in range(36):
        add(tmp_path / "library", f"bollards/de/de-{seed:03d}-800w.png", ["red", "green", "blue"][seed % 3], seed)
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(bench.data), f"w{n}", str(DECISIONS)])
        for n in range(WRITERS)
    ]
    for seed in (100, 101):
        add(bench.library, f"bollards/fr/fr-{seed}-800w.png", rng.choice(["red", "green"]), seed)
        bench.run()
    assert [writer.wait(timeout=840) for writer in writers] == [0] * WRITERS

    events = bench.project().curation.store.events("bollards")
    assert [event.number for event in events] == list(range(1, WRITERS * DECISIONS + 1))
    for writer in range(WRITERS):
        assert sum(event.actor == f"w{writer}" for event in events) == DECISIONS
    bench.run()
    document = bench.document()
    schema.validate(document)
    assert document["summary"]["images"] == 38
    last = {event.decision.cluster: event.decision.name for event in events if isinstance(event.decision, Rename)}
    assert {one["id"]: one["name"] for one in document["clusters"]} == last
    changes = json.loads((bench.data / "published/bollards/changes.json").read_bytes())
    assert changes["generatedAt"] == document["generatedAt"]
