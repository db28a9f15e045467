"""The `image-cluster` command: the same steps as the assets, data on stdout and notices on stderr.

What belongs here: which commands there are, and their order in the help. Not here: the commands (`commands/`, a module
for each group of them), computing (`steps/`).
"""

import click

from pipeline.commands.adopting import adopt
from pipeline.commands.agent import mcp
from pipeline.commands.clusters import clusters
from pipeline.commands.common import CONTEXT
from pipeline.commands.data import data
from pipeline.commands.deciding import COMMANDS
from pipeline.commands.doctor import doctor
from pipeline.commands.duplicates import duplicates
from pipeline.commands.encoders import encoders
from pipeline.commands.examining import check, show_settings, sql
from pipeline.commands.exporting import export
from pipeline.commands.keeping import backup, carry_over, restore
from pipeline.commands.manual import show_help
from pipeline.commands.objects import objects
from pipeline.commands.pairs import pairs
from pipeline.commands.process import Group
from pipeline.commands.publishing import changes, publish, rollback
from pipeline.commands.running import cluster, download, embed, run, visualize
from pipeline.commands.searching import search, similar
from pipeline.commands.serve import serve
from pipeline.commands.starting import demo, dev
from pipeline.commands.tune import tune

# The commands in the order of `image-cluster --help`.
SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "Start": (run, serve, check, demo, show_settings, show_help),
    "Look and decide": (clusters, search, similar, duplicates, tune, pairs, objects, changes),
    "Pass on": (publish, rollback, export, mcp, download),
    "A part of run": (embed, cluster, visualize),
    "Look after it": (doctor, backup, restore, carry_over, data, encoders, sql, dev),
}
_NAMES = {heading: [str(command.name) for command in commands] for heading, commands in SECTIONS.items()}


@click.group(cls=Group, context_settings=CONTEXT, sections=_NAMES)
@click.version_option(package_name="image-cluster", prog_name="image-cluster")
def main() -> None:
    """Sort a bucket of images into clusters that look alike, with stable ids and names.

    \b
    Examples:
      image-cluster run ./photos --single
      image-cluster serve --open
      image-cluster clusters rename c-7k3m9qwx "White Cylindrical"
      image-cluster similar bollards/de/de-001-800w.webp --top-k 10
      image-cluster run s3://my-bucket/images --category bollards --sample 50
      image-cluster run r2://my-bucket --endpoint-url https://ACCOUNT_ID.r2.cloudflarestorage.com
    """


for _command in (*COMMANDS, adopt):
    clusters.add_command(_command)
for _commands in SECTIONS.values():
    for _command in _commands:
        main.add_command(_command)


if __name__ == "__main__":
    main()
