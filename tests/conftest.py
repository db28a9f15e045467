"""Fixtures that several test modules share: real S3 servers.

What belongs here: fixtures only, with what they need imported inside them, so that collecting tests stays quick. Not
here: how the servers are started (`tests/servers.py`).
"""

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.servers import S3Server


@pytest.fixture(scope="session", autouse=True)
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Models are converted once per session, and never into the cache of whoever runs the tests."""
    before = os.environ.get("IMAGE_CLUSTER_CACHE")
    os.environ["IMAGE_CLUSTER_CACHE"] = str(tmp_path_factory.mktemp("models"))
    yield
    if before is None:
        del os.environ["IMAGE_CLUSTER_CACHE"]
    else:
        os.environ["IMAGE_CLUSTER_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def ray_token() -> None:
    """One token for every Ray of this process: Ray remembers its first, and seeks it in the home of a later test."""
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """rclone over a real folder, for the whole session. Make a bucket with `make_bucket`, one for each test."""
    from tests.servers import rclone_server

    with rclone_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """moto, for the whole session. It checks signatures, and is in memory."""
    from tests.servers import moto_server_process

    with moto_server_process() as server:
        yield server
