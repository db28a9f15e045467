"""Where the program `image-cluster` begins.

What belongs here: what must hold while the program is still being loaded. Not here: the commands (`cli.py`), how a
running command ends (`commands/process.py`).
"""

from pipeline.runtime.ending import end_early


def main() -> None:
    """Load the commands, and run the one that the arguments name."""
    end_early()
    from pipeline.cli import main as command

    command()
