"""Two pictures for docs/identity.md: a split and a merger that really happened on the demo library.

    python -m tests.benchmarks.identity_pictures [--out docs/images]

What belongs here: finding one of each and drawing it as SVG. Not here: figures (`bench_identity.py`).

Each is a full clustering before and after a fifth of 400 bollards was taken away. Dots are images, at the place that
the map gives them; grey ones belong to clusters that have no part in it.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.settings import IdentityParams
from pipeline.stages.identities.matching import Identity, Ledger, match
from pipeline.stages.reduced.map_layout import layout
from tests.benchmarks.bench_identity import Clustered, disturbed, full
from tests.benchmarks.identity_sets import load

LIBRARY = "bollards-400"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # told apart by colour-blind eyes too
SIZE, GAP, TOP = 330, 40, 46


@dataclass(frozen=True)
class Scene:
    """One fate: the ids that have a part in it, with the cluster of each row before and after."""

    title: str
    ids: Sequence[str]
    before: dict[int, str]
    after: dict[int, str]


def find(vectors: np.ndarray, fate: str, tries: int = 100) -> Scene:
    """The first split or merger in which each part is at least ten images large."""
    everything = full(vectors, np.arange(len(vectors)))
    first = match(everything.members(), Ledger(), IdentityParams(), category="bollards")
    before = _owners(everything, first.identities)
    for time in range(tries):
        after = full(vectors, disturbed(vectors, "drop", 0.2, time)[1])
        second = match(after.members(), first.ledger, IdentityParams(), category="bollards")
        owners = _owners(after, second.identities)
        for one in second.identities:
            ids = one.into if fate == "split" else one.parents
            if (
                one.fate == fate
                and len(ids) == 2
                and _large(ids, *((owners, before) if fate == "split" else (before, owners)))
            ):
                title = f"{one.cluster_id} splits: the larger part keeps the id" if fate == "split" else (
                    f"{one.cluster_id} and {ids[1]} merge: the id of the one that brought most goes on")  # fmt: skip
                return Scene(title, ids, before, owners)
    raise SystemExit(f"No {fate} in {tries} draws.")


def _large(ids: Sequence[str], parts: dict[int, str], whole: dict[int, str]) -> bool:
    """Whether each part has ten images or more, nearly all of which are in the one whole on the other side."""
    for name in ids:
        there = [whole.get(row) == ids[0] for row, owner in parts.items() if owner == name and row in whole]
        if len(there) < 10 or sum(there) < 0.8 * len(there):
            return False
    return True


def _owners(found: Clustered, identities: Sequence[Identity]) -> dict[int, str]:
    numbers = np.unique(found.groups[found.groups >= 0]).tolist()
    ids = {number: one.cluster_id for number, one in zip(numbers, identities, strict=True)}
    return {row: ids[g] for row, g in zip(found.rows.tolist(), found.groups.tolist(), strict=True) if g >= 0}


def svg(scene: Scene, places: np.ndarray) -> str:
    """The scene as an SVG of two panels, before and after."""
    involved = [row for row in range(len(places)) if {scene.before.get(row), scene.after.get(row)} & set(scene.ids)]
    centre = np.median(places[involved], axis=0)
    reach = 1.1 * max(float(np.quantile(np.abs(places[involved] - centre), 0.97)), 1e-6)
    colours = dict(zip(scene.ids, COLOURS, strict=False))
    width, height = 2 * SIZE + 3 * GAP, SIZE + TOP + 60
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        f"<title>{scene.title}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{GAP}" y="24" font-size="16" fill="#222">{scene.title}</text>',
    ]
    for panel, (word, owners) in enumerate((("before", scene.before), ("after", scene.after))):
        left = GAP + panel * (SIZE + GAP)
        lines.append(f'<rect x="{left}" y="{TOP}" width="{SIZE}" height="{SIZE}" fill="#fafafa" stroke="#ccc"/>')
        counted = [(name, sum(owner == name for owner in owners.values())) for name in scene.ids]
        x = left
        for text, colour in ((word, "#222"), *((f"{n} ({c})", colours[n]) for n, c in counted if c)):
            lines.append(f'<text x="{x}" y="{TOP + SIZE + 24}" font-size="14" fill="{colour}">{text}</text>')
            x += 8 * len(text) + 10
        for row, place in enumerate(places):
            at = (place - centre) / reach
            if np.abs(at).max() > 1 or (panel and row not in owners):
                continue
            x0, y0 = left + (at[0] + 1) / 2 * SIZE, TOP + (1 - at[1]) / 2 * SIZE
            owner = owners.get(row, "")
            fill, radius = (colours[owner], 4.5) if owner in colours else ("#cfcfcf", 3)
            lines.append(f'<circle cx="{x0:.1f}" cy="{y0:.1f}" r="{radius}" fill="{fill}"/>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main() -> int:
    """Draw both; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.identity_pictures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    vectors = load(LIBRARY).vectors
    places = layout(vectors)
    for fate, name in (("split", "identity-split.svg"), ("merged", "identity-merge.svg")):
        (options.out / name).write_text(svg(find(vectors, fate), places), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
