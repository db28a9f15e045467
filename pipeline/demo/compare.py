"""The demo of objects: whole pictures and the posts in them, side by side, against the true kinds.

What belongs here: the two settings, and the score. Not here: drawing and true boxes (`bollards.py`), running
(`run.py`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import click

from pipeline.demo.bollards import TRUTH
from pipeline.stages.published.document import Json

UNITS: Mapping[str, str] = {"whole pictures": "image", "objects": "object"}  # in words → `objects.unit`


def agreement(document: Json, truth: Mapping[str, Any]) -> tuple[float, int]:
    """Adjusted mutual information of clusters and true kinds, and of how many pictures; unclustered ones are one group.

    Pictures without a post have no kind, and do not count.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    found = {image["key"]: cluster["id"] for cluster in document["clusters"] for image in cluster["images"]}
    found |= {image["key"]: "unclustered" for image in document["unclustered"] if image["key"] not in found}
    kinds = {key: truth.get(key.rpartition("-")[0]) for key in found}
    keys = sorted(key for key, kind in kinds.items() if kind is not None)
    return float(adjusted_mutual_info_score([kinds[key] for key in keys], [found[key] for key in keys])), len(keys)


def print_comparison(root: Path, documents: Mapping[str, Path]) -> None:
    """Print the agreement of each clusters.json, by the words for its unit, with the true kinds."""
    truth = json.loads((root / TRUTH).read_text(encoding="utf-8"))["images"]
    click.echo("\nAgreement with the true kinds of post (AMI, 1 = the same groups)")
    shares: list[float] = []
    for words, path in documents.items():
        document = json.loads(path.read_bytes())
        score, pictures = agreement(document, truth)
        click.echo(f"  {words:<15} {score:.3f}   {len(document['clusters'])} clusters, {pictures} pictures with a post")
        shares += [image["box"]["w"] * image["box"]["h"]
                   for cluster in document["clusters"] for image in cluster["images"] if image.get("box")]  # fmt: skip
    if shares:
        click.echo(
            f"A post fills {100 * median(shares):.0f} % of its picture; the rest is road, trees and light. "
            "Whole pictures are grouped by all of it, objects by the post and its margin."
        )
