"""`image-cluster mcp`: the library for agents, over the Model Context Protocol.

What belongs here: arguments. Not here: the tools (`service/mcp_server.py`).
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.commands.common import data_url_option, with_project
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.steps.project import Project


@click.command()
@click.option("--write", is_flag=True, help="Let the agent name, describe, tag and undo its own decisions.")
@click.option("--out", type=click.Path(path_type=Path), help="Data directory, shared by all commands. [data]")
@data_url_option
@click.option("--settings", "settings_file", type=click.Path(path_type=Path), help="[image-cluster.yaml]")
@click.option("--quiet", is_flag=True, help="Print only errors on stderr.")
@with_project("read", needs_library=False)
def mcp(project: "Project", write: bool) -> None:
    """Serve the library to an agent (Model Context Protocol, over stdin and stdout).

    The agent can list, look, and find similar images; it sees contact sheets as pictures. With --write it can also
    decide: its decisions stand in the history under the name `agent`, and each can be undone.

    \b
    Example, which the host of an agent starts:
      image-cluster mcp --out /home/ann/data --write
    """
    if find_spec("mcp") is None:
        raise SettingsError(
            "The MCP server needs one package more: pip install 'image-cluster[mcp]', in a checkout "
            ".venv/bin/pip install -e '.[mcp]'."
        )
    from pipeline.service.agent import Agent
    from pipeline.service.context import Service
    from pipeline.service.mcp_server import build
    from pipeline.service.options import Options
    from pipeline.steps.live_library import require_shared_decisions

    require_shared_decisions(project, read_only=not write)
    service = Service(project, Options(read_only=not write))
    try:
        build(Agent(service, write=write)).run("stdio")
    finally:
        service.stop()
