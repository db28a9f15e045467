"""One table of how well each recipe finds the kinds of each data set.

    python -m tests.benchmarks.quality [--quick] [--derived] [--json] [--sets A,B] [--recipes A;B] [--large]
    python -m tests.benchmarks.quality --summary | --sensitivity | --reliability [--svg FILE]

What belongs here: the command line and the table of all recipes. Not here: data sets, recipes, scores, the summary and
the reliability of probabilities, each in its own file.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from tests.benchmarks.quality import datasets, derived, recipes, reliability, sensitivity, summary
from tests.benchmarks.quality.image_sets import UnavailableError
from tests.benchmarks.quality.scores import score


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _options()
    names = options.sets.split(",") if options.sets else list(datasets.QUICK if options.quick else datasets.SETS)
    if not options.sets and not options.large:
        names = [name for name in names if name not in datasets.LARGE]
    chosen = [recipes.RECIPES[name] for name in (options.recipes or ";".join(recipes.RECIPES)).split(";")]
    if options.reliability:
        reliability.report(datasets.available(names, _say), options.svg)
        return 0
    if options.sensitivity:
        sensitivity.print_table(datasets.available(names, _say))
        return 0
    if options.summary:
        summary.print_table(datasets.available(names, _say))
        return 0
    rows: list[dict[str, Any]] = []
    sets = datasets.available(names, _say)
    for data in derived.derived(sets) if options.derived else sets:
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
    parser.add_argument("--derived", action="store_true", help="also libraries made from each set")
    parser.add_argument("--summary", action="store_true", help="ours beside k-means told k, two seeds, and the means")
    parser.add_argument("--sensitivity", action="store_true", help="the AMI with each constant times 0.7 and 1.3")
    parser.add_argument("--reliability", action="store_true", help="what the membership probabilities are worth")
    parser.add_argument("--svg", type=Path, help="with --reliability: draw it")
    return parser.parse_args()


def _row(data: datasets.DataSet, recipe: recipes.Recipe) -> dict[str, Any] | None:
    if len(data.vectors) > recipe.largest:
        return None
    started = perf_counter()
    try:
        found = recipes.quietly(recipe, data.vectors, data.kinds)
    except UnavailableError as error:
        _say(f"skipped {recipe.name}: {error}")
        return None
    seconds = perf_counter() - started
    largest_kind = float(np.bincount(data.truth[data.truth >= 0]).max() / len(data.truth))
    about = {"set": data.name, "images": len(data.truth), "kinds": data.kinds, "largest_kind": largest_kind,
             "recipe": recipe.name}  # fmt: skip
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
    """Per recipe the mean AMI, on the held-out sets and on the others, its worst regret, the largest excess."""
    best: dict[str, float] = {}
    for row in rows:
        best[row["set"]] = max(best.get(row["set"], -1.0), row["ami"])
    print("\n| recipe | sets | mean AMI | held-out sets | other sets | worst regret | largest group's excess |\n"
          + "|---" * 7 + "|")  # fmt: skip
    for name in dict.fromkeys(row["recipe"] for row in rows):
        own = [row for row in rows if row["recipe"] == name]
        held_out = [row["ami"] for row in own if _is_held_out(row["set"])]
        others = [row["ami"] for row in own if not _is_held_out(row["set"])]
        regret, at = max((best[row["set"]] - row["ami"], row["set"]) for row in own)
        excess, where = max((row["largest"] - row["largest_kind"], row["set"]) for row in own)
        means = (f"{np.mean(part):.3f}" if part else "" for part in (held_out, others))
        print(f"| {name} | {len(own)} | {np.mean([row['ami'] for row in own]):.3f} | {' | '.join(means)} "
              f"| {regret:.3f} ({at}) | {excess:+.0%} ({where}) |")  # fmt: skip


def _is_held_out(name: str) -> bool:
    """Whether all libraries that a set is made from are held out."""
    return all(part.split(":")[0] in datasets.HELD_OUT for part in name.split(" + "))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
