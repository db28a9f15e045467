"""`image-cluster encoders`: which encoders there are.

What belongs here: arguments and output. Not here: what is known of an encoder (`steps/encoders.py`).
"""

from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import CONTEXT, Group, console_of, where_options, with_project

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.group(cls=Group, context_settings=CONTEXT)
def encoders() -> None:
    """Show encoders, and compare two on your own images and decisions.

    An encoder turns an image into a vector; vectors are what is clustered and searched. The setting is encoder.spec.

    \b
    Examples:
      image-cluster encoders list
      image-cluster encoders list --measure
    """


@encoders.command("list")
@click.option("--measure", is_flag=True, help="Time each encoder whose weights are here: a few seconds for each.")
@where_options
@with_project
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
