"""`image-cluster serve`: the REST API and its pages over one data directory.

What belongs here: options, the socket, starting and stopping. Not here: the application (`service/`). Heavy modules are
imported inside the command.
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.common import log_options, where_options, with_project
from pipeline.commands.process import LOG

if TYPE_CHECKING:
    import socket

    from pipeline.steps.project import Project


def _port(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
    """A port number; `auto` gives 0, for which the system chooses a free port."""
    if value is None:
        return None
    if value == "auto":
        return 0
    if value.isdecimal() and 1 <= int(value) <= 65_535:
        return int(value)
    raise click.BadParameter(f"{value!r} is neither auto nor a number from 1 to 65535.")


@click.command()
@click.option("--host", help="Address to listen on; other machines need a token. [127.0.0.1]")
@click.option("--port", callback=_port, help="Port, or auto for any free one. [8765]")
@click.option("--read-only", is_flag=True, help="Allow no changes: no decisions, uploads or runs.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--token-file", type=click.Path(path_type=Path, dir_okay=False), help="File with the token. [IMAGE_CLUSTER_TOKEN]"
)
@click.option(
    "--browse", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="While the data directory is empty, a source below this folder can be chosen on the page; can be repeated. "
    "[on 127.0.0.1 without a token: your home directory]",
)  # fmt: skip
@click.option("--insecure", is_flag=True, help="Let other machines in without a token.")
@log_options
@where_options
@with_project("read", needs_library=False)
def serve(
    project: "Project",
    host: str | None,
    port: int | None,
    read_only: bool,
    open_browser: bool,
    token_file: Path | None,
    browse: tuple[Path, ...],
    insecure: bool,
    as_json: bool,
) -> None:
    """Serve the curation page and the REST API. Ctrl-C stops it.

    Prints its address on stdout when it is ready. The API is described at /api/v1/openapi.json.

    \b
    Examples:
      image-cluster serve --open
      image-cluster serve --port auto --read-only
      IMAGE_CLUSTER_TOKEN=… image-cluster serve --host 0.0.0.0
    """
    from pipeline.service.options import EVENTS_VARIABLE, Options, choose_token, is_loopback
    from pipeline.steps.live_library import require_shared_decisions

    require_shared_decisions(project, read_only=read_only)
    params = project.settings.service
    chosen = host or params.host
    token = choose_token(chosen, token_file=token_file, insecure=insecure)
    listening = _listen(chosen, params.port if port is None else port)
    options = Options(
        host=chosen,
        port=listening.getsockname()[1],
        read_only=read_only,
        token=token,
        events_secret=os.environ.get(EVENTS_VARIABLE) or None,
        allowed_hosts=tuple(params.allowed_hosts),
        public_reads=params.public_reads,
        browse=browse or ((Path.home(),) if is_loopback(chosen) and token is None else ()),
    )
    if token is None and not options.loopback:
        project.talk.notice(
            f"WARNING: --insecure: everybody who reaches {chosen}:{options.port} can read and change everything here."
        )
    _run(project, options, listening, open_browser=open_browser, as_json=as_json)


def _listen(host: str, port: int) -> "socket.socket":
    """A listening socket. Raises `SettingsError` with the reason if that is impossible."""
    import socket

    from pipeline.errors import SettingsError

    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. Choose another with --port, or --port auto."
        ) from error
    return made


def _url(options: Any) -> str:
    """The address to open on this machine."""
    from pipeline.service.options import is_loopback

    shown = options.host if is_loopback(options.host) or options.host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{options.port}"


def _run(project: "Project", options: Any, listening: "socket.socket", *, open_browser: bool, as_json: bool) -> None:
    import json
    import webbrowser

    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from pipeline.service.app import create_app

    url = _url(options)

    class Server(uvicorn.Server):
        """A server that prints its address when it is ready, and ends event streams when it stops."""

        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            if self.started:
                click.echo(json.dumps({"url": url}) if as_json else url)
                sys.stdout.flush()
                if open_browser:
                    webbrowser.open(url)

        async def shutdown(self, sockets: Any = None) -> None:
            application.state.service.stopping.set()
            await super().shutdown(sockets)

    log = click.get_current_context().find_root().meta.get(LOG)
    application = create_app(project, options, [log.request] if log is not None else [])
    config = uvicorn.Config(
        application,
        log_level="warning",
        log_config=None if log is not None else LOGGING_CONFIG,  # without one, its loggers say what ours say
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,  # a slow answer must not hold up Ctrl-C
        h11_max_incomplete_event_size=64 * 1024,
        limit_concurrency=512,
        proxy_headers=False,
    )
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again after its shutdown
        Server(config).run(sockets=[listening])
    project.talk.notice("Stopped.")
