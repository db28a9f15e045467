"""The options of the service, and when it refuses to start.

What belongs here: the options, the token, what counts as loopback. Not here: enforcing them (`security.py`), FastAPI.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import SettingsError

TOKEN_VARIABLE = "IMAGE_CLUSTER_TOKEN"  # noqa: S105  # the name of a variable, not a secret
EVENTS_VARIABLE = "IMAGE_CLUSTER_EVENTS_SECRET"
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Options:
    """How the service was started. `token` None: no token is needed; off loopback this requires `insecure`."""

    host: str = "127.0.0.1"
    port: int = 8765
    read_only: bool = False
    token: str | None = field(default=None, repr=False)
    events_secret: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    public_reads: bool = False
    browse: tuple[Path, ...] = ()  # folders below which a source can be chosen on an empty data directory

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def choose_token(
    host: str, *, token_file: Path | None, insecure: bool, environment: Mapping[str, str] = os.environ
) -> str | None:
    """The token that requests must carry: from the file, else from `IMAGE_CLUSTER_TOKEN`, else none.

    Raises `SettingsError` if the token is too short, or missing off loopback without `insecure`.
    """
    token = _read(token_file) if token_file is not None else environment.get(TOKEN_VARIABLE, "").strip() or None
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"The token has {len(token)} characters; at least {SHORTEST_TOKEN} are needed. Make one with: "
            'python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    if token is None and not is_loopback(host) and not insecure:
        raise SettingsError(
            f"Listening on {host} lets other machines in, and there is no token. Set {TOKEN_VARIABLE}, or give "
            "--token-file FILE, or stay on 127.0.0.1. (--insecure lets everybody read and write.)"
        )
    return token


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The token file {path} cannot be read: {error}.") from error
