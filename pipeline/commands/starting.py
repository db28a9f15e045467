"""The commands that start Dagster: demo and dev. It runs as a process of its own and is not imported here.

What belongs here: arguments. Not here: the demo libraries (`demo/`), the processes of `dev` (`dev.py`).
"""

import sys

import click


@click.command()
@click.option(
    "--library",
    type=click.Choice(["bollards", "stamps", "objects"]),
    default="bollards",
    show_default=True,
    help="bollards: drawn on this machine; stamps: photographs from a Debian package; objects: bollards "
    "as whole pictures and as objects, side by side.",
)
@click.option("--category", "categories", multiple=True, help="Only this category; can be repeated.")
@click.option("--single", is_flag=True, help="Stamps: all folders as one category.")
def demo(library: str, categories: tuple[str, ...], single: bool) -> None:
    """Create a demo library and run the whole pipeline on it with Dagster.

    \b
    Examples:
      image-cluster demo
      image-cluster demo --library stamps --single
      image-cluster demo --library objects
      image-cluster demo --library stamps --category animals
    """
    from pipeline.demo.run import run_demo

    sys.exit(run_demo(library, categories, single=single))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the web UI listens on.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Its port.")
def dev(host: str, port: int) -> None:
    """Start the Dagster web UI and daemon for this folder; Ctrl-C stops both.

    \b
    Example:
      image-cluster dev --port 3001
    """
    from pipeline.dev import start

    sys.exit(start(host, port))
