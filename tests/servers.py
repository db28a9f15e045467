"""Real S3 and PostgreSQL servers for the tests, started as processes on free loopback ports.

What belongs here: starting, awaiting and stopping rclone, moto and postgres. Not here: the pytest fixtures around them
(`tests/conftest.py`) and what is asserted of a bucket (`tests/real/`).
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

KEY = "AKIATESTKEY000000001"
SECRET = "s3cr3t-that-must-never-be-seen-anywhere"


class S3Server(NamedTuple):
    """A server that answers: each folder directly under `root` is a bucket (`root` is None for moto)."""

    endpoint: str
    key: str
    secret: str
    root: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which `open_bucket` finds these credentials."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def rclone_server(root: Path, *, key: str = KEY, secret: str = SECRET) -> Iterator[S3Server]:
    """rclone serving `root` with real signature checks; stopped on leaving."""
    port = free_port()
    command = [_script("rclone"), "serve", "s3", "--config", os.devnull, "--auth-key", f"{key},{secret}"]
    # not 0s: then each write into a new folder takes twice as long as the one before, until it times out
    command += ["--addr", f"127.0.0.1:{port}", "--dir-cache-time", "10ms", "--vfs-cache-mode", "off", str(root)]
    with _running(command, f"http://127.0.0.1:{port}"):
        yield S3Server(f"http://127.0.0.1:{port}", key, secret, root)


@contextmanager
def moto_server_process() -> Iterator[S3Server]:
    """moto with one IAM user, after which wrong credentials get 403; stopped on leaving."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with _running([_script("moto_server"), "-H", "127.0.0.1", "-p", str(port)], endpoint):
        key, secret = _moto_user(endpoint)
        yield S3Server(endpoint, key, secret, None)


def s3_client(server: S3Server):
    """A boto3 S3 client of `server`, to put things there that the product would not write."""
    import boto3
    from botocore.config import Config

    config = Config(
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"max_attempts": 1},
    )
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        config=config,
    )


def _moto_user(endpoint: str) -> tuple[str, str]:
    """Make a user that may do everything, then let moto check signatures from now on."""
    import boto3

    iam = boto3.client(
        "iam", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    iam.create_user(UserName="tester")
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
    iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=policy)
    made = iam.create_access_key(UserName="tester")["AccessKey"]
    plain = {"Content-Type": "text/plain"}  # as a form, moto would see no body
    request = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", data=b"0", headers=plain, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        answer.read()
    return made["AccessKeyId"], made["SecretAccessKey"]


def _script(name: str) -> str:
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; install the dev extra: pip install -e .[dev]")
    return str(path)


def _clean_environment() -> Mapping[str, str]:
    """The environment without proxies and AWS variables, which would reach the servers' own clients."""
    dropped = ("AWS_", "R2_", "RCLONE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}


@contextmanager
def _running(command: list[str], endpoint: str, *, seconds: float = 30.0) -> Iterator[None]:
    """Run `command` until the block ends; enter once `endpoint` answers HTTP, whatever the status."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_clean_environment(), start_new_session=True
        )
        try:
            deadline = time.monotonic() + seconds
            while not _answers(endpoint):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    said = log.read().decode(errors="replace")[-2000:]
                    raise RuntimeError(f"{command[0]} does not answer on {endpoint} (exit {process.poll()}): {said}")
                time.sleep(0.05)
            yield
        finally:
            _stop(process)


def _answers(endpoint: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(endpoint, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)


def make_bucket(server: S3Server, files: Mapping[str, bytes] | None = None) -> str:
    """A new bucket on `server` that holds `files`; its name."""
    name = f"bucket-{secrets.token_hex(4)}"
    if server.root is not None:
        folder = server.root / name
        folder.mkdir()
        for key, data in (files or {}).items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return name
    client = s3_client(server)
    client.create_bucket(Bucket=name)
    for key, data in (files or {}).items():
        client.put_object(Bucket=name, Key=key, Body=data)
    return name


class PostgresServer(NamedTuple):
    """A PostgreSQL that answers on loopback, with one superuser and nothing in it."""

    host: str
    port: int
    user: str
    password: str

    def url(self, database: str = "postgres") -> str:
        """The address as a user would write it."""
        return f"postgresql://{self.user}:{quote(self.password, safe='')}@{self.host}:{self.port}/{database}"

    def make_database(self) -> str:
        """A new, empty database; its name."""
        name = f"db_{secrets.token_hex(4)}"
        with self.connect() as connection:
            connection.run(f"CREATE DATABASE {name}")
        return name

    @contextmanager
    def connect(self, database: str = "postgres") -> Iterator[Any]:
        """A pg8000 connection on which every statement commits by itself."""
        import pg8000.native

        connection = pg8000.native.Connection(
            self.user, host=self.host, port=self.port, password=self.password, database=database
        )
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A fresh PostgreSQL cluster in a folder of its own, with real password checks; stopped and removed on leaving.

    PostgreSQL refuses to run as root, so then it runs as the user `postgres`, or `nobody` where there is none.
    """
    binaries = _postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="image-cluster-postgres-"))
    server = PostgresServer("127.0.0.1", free_port(), "tester", "s3cr3t/that:must@never-be-seen")
    before = _as_somebody(folder)
    password_file, log = folder / "password", folder / "log"
    try:
        password_file.write_text(server.password)
        password_file.chmod(0o644)
        _call([*before, str(binaries / "initdb"), "-D", str(folder / "data"), "-U", server.user, "-A", "scram-sha-256",
               f"--pwfile={password_file}", "--no-sync", "-E", "UTF8", "--locale=C"])  # fmt: skip
        options = {"listen_addresses": server.host, "port": server.port, "unix_socket_directories": str(folder),
                   "fsync": "off", "max_connections": 20}  # fmt: skip
        command = [*before, str(binaries / "postgres"), "-D", str(folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with log.open("wb") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True, cwd=folder
            )
        try:
            _await_postgres(server, process, log)
            yield server
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is None:
        raise FileNotFoundError("There is no PostgreSQL server: install the package `postgresql`.")
    return Path(on_path).resolve().parent


def _as_somebody(folder: Path) -> list[str]:
    """What a command begins with to run as someone else than root, who then owns `folder`."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return ["setpriv", f"--reuid={user}", "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups", "--"]


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stdout[-1000:]}{done.stderr[-2000:]}")


def _await_postgres(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    import pg8000.exceptions

    deadline = time.monotonic() + 60
    while True:
        try:
            with server.connect():
                return
        except (pg8000.exceptions.InterfaceError, pg8000.exceptions.DatabaseError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"PostgreSQL does not answer (exit {process.poll()}): {error} {said}") from error
        time.sleep(0.05)
