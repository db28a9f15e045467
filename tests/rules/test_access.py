"""What must hold of commands and of the API where the library is in a bucket: each says what it does with it.

A command that writes without saying so would work in a copy that the next library from the bucket replaces.
"""

from typing import Any

import click
import pytest

from pipeline.cli import main
from pipeline.service.app import create_app
from pipeline.service.options import Options
from pipeline.settings import Settings
from pipeline.steps.project import Project

OF_NO_LIBRARY = {"settings", "help"}  # they print what is the same everywhere
STARTS_DAGSTER = {"demo", "dev"}  # the runs take the lease, not the command that starts them
BETWEEN_TWO = {"data copy", "data list"}  # they name both places themselves

DECIDES = "decides, in a database that all machines see, or is refused at the start (`require_shared_decisions`)"
RUNS = "starts a worker, which takes the lease"
QUEUES = "queues keys for the category; who works them off takes the lease"
TAKES = "takes the lease itself (`live_library.writing`): a moment's work"
NOTES = "notes what is made again (`layout.MADE_AGAIN`); the work itself is queued or started"
NOTHING = "stores nothing in the data directory"
WRITES = {
    "/categories/{category}/belonging": NOTHING,
    "/categories/{category}/decisions": DECIDES,
    "/categories/{category}/decisions/batch": DECIDES,
    "/categories/{category}/encoder": RUNS,
    "/categories/{category}/encoder/compare": RUNS,
    "/categories/{category}/granularity": RUNS,
    "/categories/{category}/granularity/compare": RUNS,
    "/categories/{category}/import": DECIDES,
    "/categories/{category}/publications/{version}/accept": TAKES,
    "/categories/{category}/undo": DECIDES,
    "/categories/{category}/views": DECIDES,
    "/categories/{category}/views/{name}": DECIDES,
    "/cluster/run": RUNS,
    "/cluster/vectors": NOTHING,
    "/clusters/{cluster}": DECIDES,
    "/events/bucket": NOTES,
    "/images": QUEUES,
    "/runs/{run_id}/cancel": NOTHING,
    "/similarity/find": NOTHING,
    "/source/plan": NOTHING,
    "/source/run": NOTES,
    "/tagging/apply": DECIDES,
    "/tagging/remove": DECIDES,
    "/tagging/undo": DECIDES,
}


def commands(command: click.Command, *names: str) -> list[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        return [(" ".join(names), command)]
    context = click.Context(command)
    children = [(name, command.get_command(context, name)) for name in command.list_commands(context)]
    return [found for name, child in children if child is not None for found in commands(child, *names, name)]


@pytest.mark.parametrize(("name", "command"), [pytest.param(*found, id=found[0]) for found in commands(main)])
def test_every_command_says_what_it_does_with_a_library_in_a_bucket(name: str, command: click.Command) -> None:
    access: Any = getattr(command.callback, "access", None)
    if name in OF_NO_LIBRARY | STARTS_DAGSTER | BETWEEN_TWO:
        assert access is None
    else:
        assert callable(access) or access in ("none", "read", "decide", "write")


def test_every_write_of_the_api_is_known_and_what_it_does_with_the_library(tmp_path: Any) -> None:
    app = create_app(Project(Settings.model_validate({"data_dir": tmp_path})), Options(read_only=True))
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    writes = {path.removeprefix("/api/v1") for path, methods in paths.items() if set(methods) - {"get", "head"}}
    assert sorted(writes) == sorted(WRITES)
