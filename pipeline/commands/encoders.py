"""`image-cluster encoders`: which encoders there are, and which of two suits a library.

What belongs here: arguments and output. Not here: what is known of an encoder (`steps/encoders.py`), comparing two
(`steps/encoder_comparison.py`).
"""

from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import CONTEXT, console_of, where_options, with_project
from pipeline.commands.process import Group

if TYPE_CHECKING:
    from pipeline.steps.encoder_comparison import Comparison, Side
    from pipeline.steps.project import Project


@click.group(cls=Group, context_settings=CONTEXT)
def encoders() -> None:
    """Show encoders, and compare two on your own images and decisions.

    An encoder turns an image into a vector; vectors are what is clustered and searched. The setting is encoder.spec.

    \b
    Examples:
      image-cluster encoders list
      image-cluster encoders list --measure
      image-cluster encoders compare packaged:efficientnet_lite0 packaged:efficientnet_lite0_gem
    """


@encoders.command("list")
@click.option("--measure", is_flag=True, help="Time each encoder whose weights are here: a few seconds for each.")
@where_options
@with_project("none")
def list_encoders(project: "Project", measure: bool, as_json: bool) -> None:
    """List recommended encoders: dimension, size, licence, whether the weights are here, and images per second.

    The speed is that of preparing and encoding on this machine, as last measured with --measure. Reading and decoding
    images come on top. Any other model of open_clip or timm works too.

    \b
    Examples:
      image-cluster encoders list
      image-cluster encoders list --measure --json | jq '.[] | select(.images_per_second) | [.spec, .images_per_second]'
    """
    from pipeline.console import print_json, print_rows
    from pipeline.steps.encoders import list_encoders as rows_of

    rows = rows_of(project.settings, project.talk, project.now(), measuring=measure)
    console_of(project).close()
    if as_json:
        print_json(rows)
        return
    print_rows([_shown(row) for row in rows])
    for row in rows:
        if row["problem"]:
            project.talk.notice(f"{row['spec']} was not measured: {row['problem']}")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    licence = row["licence"] if row["is_open"] is not False else f"{row['licence']} (not open)"
    return {
        "encoder": row["spec"], "family": row["family"], "numbers": row["dimension"], "MB": row["megabytes"],
        "licence": licence, "reads words": "yes" if row["reads"] else "no",
        "weights": {True: "here", False: "not here", None: "unknown"}[row["weights_here"]],
        "images/s": row["images_per_second"], "": "in use" if row["now"] else "",
    }  # fmt: skip


@encoders.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--category", help="Category to compare on, if there are several.")
@click.option("--sample", type=click.IntRange(8), help="Images to embed at most. [encoder.compare_sample]")
@click.option("--seed", "draw", type=click.IntRange(0), default=0, show_default=True, help="Draws another sample.")
@where_options
@with_project("read")
def compare(
    project: "Project", first: str, second: str, category: str | None, sample: int | None, draw: int, as_json: bool
) -> None:
    """Compare encoders A and B on a sample: which one agrees better with what people decided here?

    Agreement is that of the clusters of each encoder with the clusters that people named, reviewed, merged or made
    (adjusted mutual information: 1 = the same, 0 = chance), and with the pairs that follow from merges, splits, moves
    and ratings. Also: which names would stay if the encoder were changed, and how long the change would take.

    Changes no cluster. The vectors of the sample are kept, so a second call is quick. To change the encoder, set
    encoder.spec in the settings and run: clusters keep ids and names as long as they are recognisably the same.

    \b
    Examples:
      image-cluster encoders compare packaged:efficientnet_lite0 packaged:efficientnet_lite2 --category bollards
      image-cluster encoders compare packaged:efficientnet_lite0 timm:vit_small_patch14_dinov2.lvd142m --sample 300
    """
    from dataclasses import asdict

    from pipeline.console import print_json, print_rows, tell
    from pipeline.steps.encoder_comparison import compare as compare_encoders
    from pipeline.steps.library_view.listing import only_category

    size = sample or project.settings.encoder.compare_sample
    found = compare_encoders(project, only_category(project, category), (first, second), sample=size, seed=draw)
    console_of(project).close()
    if as_json:
        print_json(asdict(found))
        return
    print_rows(_figures(found))
    for line in _verdict(found):
        tell(line)


def _figures(found: "Comparison") -> list[dict[str, Any]]:
    """A row for each figure, a column for each encoder."""
    one, other = found.sides
    what = "agreement with the present clusters" if found.without_decisions else "agreement with people's clusters"
    rows = [("in use", *("yes" if side.in_use else "no" for side in found.sides))]
    rows.append((what, *(_share(side.agreement) for side in found.sides)))
    for name, label in (("ratings", "rated pairs"), ("corrections", "corrected pairs")):
        pairs = [getattr(side, name) for side in (one, other)]
        count = pairs[0].same + pairs[0].different
        if count:
            rows.append((f"{label} that its clusters keep, of {count:,}", *(_share(pair.accuracy) for pair in pairs)))
        if pairs[0].ranking is not None:
            rows.append((f"{label} ranked rightly", *(_share(pair.ranking) for pair in pairs)))
    rows += [
        ("clusters of the sample", *(f"{side.clusters:,}" for side in found.sides)),
        ("unclustered", *(f"{side.unclustered:.0%}" for side in found.sides)),
        ("ids that stay", *(f"{side.ids_kept} of {side.ids}" for side in found.sides)),
        ("names that stay", *(f"{side.names_kept} of {side.names}" for side in found.sides)),
        ("images to embed", *(f"{side.to_embed:,}" for side in found.sides)),
        ("images/s", *(f"{side.images_per_second or '':}" for side in found.sides)),
        ("time of the change", *(_time(side) for side in found.sides)),
    ]  # fmt: skip
    return [{"": name, f"A: {one.spec}": first, f"B: {other.spec}": second} for name, first, second in rows]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _time(side: "Side") -> str:
    if side.in_use and not side.to_embed:
        return "none: it is in use"
    if side.seconds is None:
        return "not known yet"
    return f"{side.seconds:,.0f} s" if side.seconds < 120 else f"{side.seconds / 60:,.0f} min"


def _verdict(found: "Comparison") -> list[str]:
    """What the figures say, in sentences."""
    lines = [f"On {found.images:,} of {found.of:,} images of {found.category}."]
    if found.unreadable:
        lines.append(f"{found.unreadable:,} images of the sample could not be read and are left out.")
    used = next((side.spec for side in found.sides if side.in_use), None)
    if found.without_decisions:
        favours = f" {used} made them, which favours it." if used else ""
        lines.append(
            f"People decided nothing here yet, so both are compared with the present clusters.{favours} Name clusters "
            "or rate pairs (image-cluster pairs), and compare again."
        )
    elif used:
        lines.append(
            f"Names were given to clusters, most likely of {used}, which favours it; corrections mend its mistakes, "
            "which favours the other. Rated pairs favour neither."
        )
    what = "the present clusters" if found.without_decisions else "what people named"
    if found.better is None:
        lines.append(f"Neither agrees clearly better with {what}.")
    else:
        lines.append(f"{found.better} agrees better with {what}, in each of {len(found.sides[0].per_draw)} draws.")
    lost = [side for side in found.sides if side.names_lost and not side.in_use]
    lines += [f"With {side.spec} no cluster would have these names: {', '.join(side.names_lost)}." for side in lost]
    return lines
