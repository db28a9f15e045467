"""Thirty nights of a growing library: what each run did, what became of the clusters, and which names are left.

    python -m tests.benchmarks.simulate_nights [--write docs/appendix/nights.md]

What belongs here: the story and its table. Not here: the library (`identity_sets.py`), figures over random draws
(`bench_identity.py`).

Every night runs the real steps on a real folder. Only the pictures are stand-ins of 32 pixels, each of which stands for
a bollard whose vector was computed once: what is told here is about clusters and not about decoding.
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

from pipeline.curation.decisions import Rename
from pipeline.curation.events import active_events
from pipeline.settings import Settings
from pipeline.stages.identities.contract import CLUSTERS_SCHEMA, MEMBERS_SCHEMA
from pipeline.stages.images.contract import IMAGES_SCHEMA
from pipeline.steps.categories import select_categories
from pipeline.steps.identities import identities
from pipeline.steps.ingest import ingest
from pipeline.steps.labels import labels
from pipeline.steps.manifest import manifest
from pipeline.steps.project import Project, Report
from pipeline.steps.reduced import reduced
from tests.benchmarks.identity_sets import Library, load

NIGHTS = 30
LIBRARY = "bollards-400"
SLUG = "bollards"
FIRST = 240  # images on night 1
NEW_KIND_ON, SETTINGS_ON, STILL_ON, IMPORT_ON, PURGE_ON = 12, 19, 8, 23, 27
FATES = ("kept", "grown", "shrunk", "split", "merged", "born", "died", "revived")
START, END = "<!-- nights: make nights -->", "<!-- end of nights -->"


class LookupEncoder:
    """An encoder that knows each stand-in picture: its colour is a number, and the number has a vector."""

    name = "fake:lookup"
    fingerprint = "100c100c100c100c"
    device = "CPU (lookup)"

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors
        self.dimension = vectors.shape[1]
        self.encoded = 0

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """Uint8 [h, w, 3] → uint8 [3]."""
        return np.ascontiguousarray(pixels[0, 0])

    def encode(self, batch: np.ndarray) -> np.ndarray:
        """Uint8 [n, 3] → float32 [n, d]."""
        self.encoded += len(batch)
        return self.vectors[batch[:, 0].astype(int) * 256 + batch[:, 1]]


def stand_in(path: Path, number: int) -> None:
    """The picture that stands for image `number`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 32), (number // 256, number % 256, 7)).save(path)


@dataclass
class Names:
    """What a person called which cluster, kept where people's decisions are kept."""

    project: Project

    @property
    def given(self) -> dict[str, str]:
        """Every name that was given, by the id of its cluster."""
        events = active_events(self.project.curation.store.events(SLUG))
        return {one.decision.cluster: str(one.decision.name) for one in events if isinstance(one.decision, Rename)}

    def give(self, cluster: str, name: str) -> None:
        if cluster not in self.given:
            self.project.curation.decide(SLUG, Rename(cluster=cluster, name=name), actor="ann")


@dataclass(frozen=True)
class Came:
    """What one night brought."""

    night: int
    added: int
    removed: int
    labels: Report
    identities: Report
    same: float
    names: int
    right: int
    given: int
    seconds: float
    note: str

    def cells(self) -> list[str]:
        """One line of the table."""
        facts = self.identities.facts
        fates = [str(len(facts["died"]) if fate == "died" else facts.get(f"fate_{fate}", 0)) for fate in FATES]
        told = self.labels.facts
        mode = "nothing to do" if self.labels.unchanged else f"{told['mode']} ({told['reason']})"
        counts = self.labels.counts
        if self.labels.unchanged:
            fates = [str(counts["groups"]), *["0"] * (len(FATES) - 1)]
        return [
            str(self.night), f"+{self.added} −{self.removed}", str(counts["images"]), mode,
            "0" if self.labels.unchanged else f"{told['compared']:,}" if told["mode"] == "incremental" else "all",
            str(counts["groups"]), *(cell if cell != "0" else "" for cell in fates), str(counts["unclustered"]),
            str(told["new_unclustered"]), "" if self.night == 1 else f"{self.same:.1%}",
            f"{self.right}/{self.names}/{self.given}", self.note,
        ]  # fmt: skip


HEAD = ("night", "images", "there", "mode", "compared", "clusters", *FATES, "unclustered", "of these new",
        "same id", "names: right / alive / given", "what happened")  # fmt: skip


class Story:
    """The library, its folder, and the nights."""

    def __init__(self, root: Path, library: Library) -> None:
        self.root, self.library = root, library
        self.encoder = LookupEncoder(library.vectors)
        self.draw = np.random.default_rng(7)
        self.labels: dict[str, Any] = {}
        self.names = Names(self.project(1))
        self.there: set[int] = set()
        self.before: dict[int, str] = {}
        sizes = Counter(kind for kind in library.kinds if kind)
        self.new_kind = sizes.most_common()[len(sizes) // 2][0]
        late = [number for number, kind in enumerate(library.kinds) if kind == self.new_kind]
        self.late = late
        self.waiting = [n for n in self.draw.permutation(len(library.kinds)).tolist() if n not in set(late)]

    def project(self, night: int) -> Project:
        """The project as it stands that night."""
        now = datetime(2026, 11, 1, 3, tzinfo=UTC) + timedelta(days=night)
        values = {"data_dir": self.root / "data", "source": {"url": str(self.root / "library")}, "labels": self.labels}
        return Project(Settings.model_validate(values), encoder=lambda: self.encoder, clock=lambda: now)

    def path(self, number: int) -> Path:
        """Where an image lies in the bucket."""
        return self.root / "library" / SLUG / "de" / f"de-{number:03d}-800w.png"

    def changes(self, night: int) -> tuple[list[int], list[int], str]:
        """Who comes, who goes, and what is special about it."""
        if night == 1:
            return self._next(FIRST), [], "the first run"
        if night == STILL_ON:
            return [], [], "nothing changed"
        come, go = self._next(int(self.draw.integers(1, 5))), self._some(int(self.draw.integers(0, 3)))
        note = ""
        if night == NEW_KIND_ON:
            come, note = come + self.late[:12], f"12 of a new kind, {self.new_kind}"
        elif night > NEW_KIND_ON and self.draw.random() < 0.3:
            come = come + self.late[12 + night - NEW_KIND_ON : 13 + night - NEW_KIND_ON]
        if night == SETTINGS_ON:
            self.labels, note = {"min_cluster_size": 5}, "min_cluster_size 3 → 5"
        if night == IMPORT_ON:
            come, note = come + self._next(60), "an import of 60"
        if night == PURGE_ON:
            go, note = self._some(25), "25 deleted"
        return come, go, note

    def _next(self, count: int) -> list[int]:
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def _some(self, count: int) -> list[int]:
        return [int(n) for n in self.draw.choice(sorted(self.there), size=count, replace=False)]

    def night(self, night: int) -> Came:
        """One night, from arrivals to names."""
        come, go, note = self.changes(night)
        for number in come:
            stand_in(self.path(number), number)
        for number in go:
            self.path(number).unlink()
        self.there = (self.there | set(come)) - set(go)
        project = self.project(night)
        started = perf_counter()
        select_categories(project, [])
        manifest(project, SLUG)
        list(ingest(project, SLUG))
        reduced(project, SLUG)
        found, ids = labels(project, SLUG), identities(project, SLUG)
        seconds = perf_counter() - started
        now = self._clusters(project)
        stayed = [number for number in self.before if number in self.there]
        same = sum(now.get(number) == self.before[number] for number in stayed) / max(len(stayed), 1)
        self.before = now
        if night <= 3:
            note = self._name(project, night) if not note or night == 1 else note
        alive = set(now.values()) & set(self.names.given)
        right = sum(self._kind(now, cluster) == self.names.given[cluster] for cluster in alive)
        return Came(
            night, len(come), len(go), found, ids, same, len(alive), right, len(self.names.given), seconds, note
        )

    def _clusters(self, project: Project) -> dict[int, str]:
        keys = project.store.require(SLUG, "images").table("images", IMAGES_SCHEMA, ["image_id", "key"])
        members = project.store.require(SLUG, "identities").table("members", MEMBERS_SCHEMA, ["image_id", "cluster_id"])
        rows = members.join(keys, on="image_id").drop_nulls("cluster_id").select("key", "cluster_id").iter_rows()
        return {int(key.rpartition("/")[2].split("-")[1]): cluster for key, cluster in rows}

    def _kind(self, now: dict[int, str], cluster: str) -> str:
        kinds = Counter(self.library.kinds[number] for number, one in now.items() if one == cluster)
        return kinds.most_common(1)[0][0]

    def _name(self, project: Project, night: int) -> str:
        """A person names a third of the clusters each night, by what most of their images show."""
        table = (
            project.store.require(SLUG, "identities").table("clusters", CLUSTERS_SCHEMA).sort("size", descending=True)
        )
        chosen = table["cluster_id"].to_list()[night - 1 :: 3]
        for cluster in chosen:
            self.names.give(cluster, self._kind(self.before, cluster))
        return f"{len(chosen)} clusters named"


def simulate(root: Path, nights: int = NIGHTS) -> list[Came]:
    """All nights in a data directory below `root`."""
    story = Story(root, load(LIBRARY))
    return [story.night(night) for night in range(1, nights + 1)]


def table(nights: list[Came]) -> str:
    """The nights as Markdown."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}", *(f"| {' | '.join(one.cells())} |" for one in nights)]
    return "\n".join(lines)


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.simulate_nights", description=__doc__)
    parser.add_argument("--write", type=Path, help="put the table between the marks in this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        text = table(simulate(Path(root)))
    print(text)
    if options.write:
        held = options.write.read_text(encoding="utf-8")
        head, _, rest = held.partition(START)
        options.write.write_text(f"{head}{START}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
