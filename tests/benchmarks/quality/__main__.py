"""One table of how well each recipe finds the kinds of each data set.

    python -m tests.benchmarks.quality [--quick] [--json] [--sets A,B] [--recipes A,B] [--large] [--reliability]

What belongs here: the command line and the table. Not here: data sets, recipes and scores, each in its own file.
"""

import argparse
import json
import sys
from dataclasses import asdict
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.quality import datasets, recipes
from tests.benchmarks.quality.scores import reliability, score

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0001)


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _options()
    names = options.sets.split(",") if options.sets else list(datasets.QUICK if options.quick else datasets.SETS)
    if not options.sets and not options.large:
        names = [name for name in names if name not in datasets.LARGE]
    chosen = [recipes.RECIPES[name] for name in (options.recipes or ";".join(recipes.RECIPES)).split(";")]
    if options.reliability:
        return _reliability(names)
    rows: list[dict[str, Any]] = []
    for data in datasets.available(names, _say):
        for recipe in chosen:
            row = _row(data, recipe)
            if row is not None:
                rows.append(row)
                if not options.json:
                    _print(row, header=len(rows) == 1)
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        _print_means(rows)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.quality", description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"only {', '.join(datasets.QUICK)}")
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    parser.add_argument("--sets", help="names, with commas")
    parser.add_argument("--recipes", help="names, with semicolons")
    parser.add_argument("--large", action="store_true", help=f"also {', '.join(datasets.LARGE)}")
    parser.add_argument("--reliability", action="store_true", help="what the membership probabilities are worth")
    return parser.parse_args()


def _row(data: datasets.DataSet, recipe: recipes.Recipe) -> dict[str, Any] | None:
    if len(data.vectors) > recipe.largest:
        return None
    started = perf_counter()
    try:
        found = recipes.quietly(recipe, data.vectors, data.kinds)
    except datasets.UnavailableError as error:
        _say(f"skipped {recipe.name}: {error}")
        return None
    seconds = perf_counter() - started
    about = {"set": data.name, "images": len(data.truth), "kinds": data.kinds, "recipe": recipe.name}
    return {**about, **asdict(score(data.truth, found)), "seconds": seconds}


def _print(row: dict[str, Any], *, header: bool) -> None:
    if header:
        print(
            "| set (images, kinds) | recipe | clusters | unclustered | ARI | AMI | V | pair precision | pair recall "
            "| largest | noise recall / precision | seconds |\n" + "|---" * 12 + "|"
        )
    noise = " / ".join("–" if row[key] is None else f"{row[key]:.2f}" for key in ("noise_recall", "noise_precision"))
    cells = [
        f"{row['set']} ({row['images']}, {row['kinds']})", row["recipe"], row["clusters"], f"{row['unclustered']:.0%}",
        *(f"{row[key]:.3f}" for key in ("ari", "ami", "v_measure")),
        *(f"{row[key]:.2f}" for key in ("pair_precision", "pair_recall")), f"{row['largest']:.0%}",
        noise, f"{row['seconds']:.1f}",
    ]  # fmt: skip
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def _print_means(rows: list[dict[str, Any]]) -> None:
    """The mean AMI of each recipe that ran on every set, and ours against the better k-means told k, set by set."""
    sets = list(dict.fromkeys(row["set"] for row in rows))
    table = {(row["set"], row["recipe"]): row["ami"] for row in rows}
    print("\nMean AMI:")
    for name in dict.fromkeys(row["recipe"] for row in rows):
        values = [table[s, name] for s in sets if (s, name) in table]
        print(f"  {name}: {np.mean(values):.3f}" + ("" if len(values) == len(sets) else f" ({len(values)} sets)"))
    told = ("k-means, told k", "UMAP + k-means, told k")
    if all((s, name) in table for s in sets for name in (*told, "ours")):
        print("\nOurs − the better of k-means told k:")
        for s in sets:
            best = max(table[s, name] for name in told)
            print(f"  {s}: {table[s, 'ours'] - best:+.3f}")


def _reliability(names: list[str]) -> int:
    """Per band of probability: how many members, the mean of what was said, the share that was right."""
    from pipeline.stages.communities import group_communities

    said: list[np.ndarray] = []
    right: list[np.ndarray] = []
    for data in datasets.available(names, _say):
        found = group_communities(data.vectors, seed=recipes.SEED)
        one, other = reliability(data.truth, found.groups, found.probability)
        _bands(data.name, one, other)
        said.append(one)
        right.append(other)
    _bands("all", np.concatenate(said), np.concatenate(right))
    return 0


def _bands(name: str, said: np.ndarray, right: np.ndarray) -> None:
    print(f"\n{name}: error of calibration {abs(said.mean() - right.mean()):.3f}")
    for low, high in pairwise(BINS):
        inside = (said >= low) & (said < high)
        if inside.any():
            means = f"{said[inside].mean():.2f} {right[inside].mean():.2f}"
            print(f"  {low:.2f}–{min(high, 1):.2f}: {inside.sum():6d}  {means}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
