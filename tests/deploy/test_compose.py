"""`deploy/compose.yaml` and what it mounts: valid, and every command, option, setting and variable in them exists.

No container is started here: this is about the text of the files, the command line tools that they call, and Dagster's
own reading of `dagster.yaml` with a real PostgreSQL.
"""

import ast
import importlib.resources
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import jsonschema
import pytest
import yaml

from pipeline.settings import parse_settings
from tests.servers import PostgresServer, postgres_server

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
BIN = Path(sys.executable).parent
FIRST = {"image-cluster", "dagster", "dagster-webserver", "dagster-daemon", "ray", "rclone"}
EXAMPLE = dict(
    line.split("=", 1)
    for line in (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)


def words(name: str) -> Iterator[list[str]]:
    """The command lines of a service, its health check's too; those of a shell one by one."""
    service = SERVICES[name]
    command = [str(word) for word in service.get("command", [])]
    if service["image"].startswith("rclone/"):
        command = ["rclone", *command]
    check = (
        [str(word) for word in service["healthcheck"]["test"][1:]] if "test" in service.get("healthcheck", {}) else []
    )
    for line in (command, check):
        if line[:2] == ["sh", "-c"]:
            for part in re.split(r"&&|\|\||;", line[2].replace("$$", "$")):
                parsed = [word for word in shlex.split(part) if word not in ("{", "}", "exec")]
                if parsed and parsed[0] in FIRST:
                    yield parsed
        elif line:
            yield line


LINES = [(name, line) for name in SERVICES for line in words(name)]


def test_it_is_a_compose_file() -> None:
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    jsonschema.validate(COMPOSE, json.loads((folder / "compose-spec.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, line in LINES if line[0] in FIRST], ids=lambda value: str(value)[:60]
)
def test_every_command_exists_and_knows_its_options(name: str, line: list[str], tmp_path: Path) -> None:
    program = BIN / line[0]
    assert program.exists(), f"{name}: {line[0]} is not installed"
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    done = subprocess.run([program, *line[1:], "--help"], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-1000:]
    assert "usage" in (done.stdout + done.stderr).lower()
    unknown = subprocess.run(
        [program, *line[1:], "--no-such-option", "--help"], capture_output=True, text=True, env=environment, check=False
    )
    assert unknown.returncode != 0, f"{line[0]} accepts any option, so this test would say nothing"


def test_other_commands_are_python_that_parses_and_tools_of_their_images() -> None:
    for name, line in LINES:
        if line[0] == "python3":
            tree = ast.parse(line[2])
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module:
                    module = importlib.import_module(node.module)
                    assert all(hasattr(module, alias.name) for alias in node.names)
        else:
            assert line[0] in {*FIRST, "pg_isready", "nc"}, f"{name}: {line}"


def test_the_parts_that_the_image_is_for_are_there() -> None:
    assert {line[0] for _, line in LINES} >= FIRST
    assert set(SERVICES) == {
        "postgres", "s3", "code", "webserver", "daemon", "service", "demo", "ray-head", "ray-worker"
    }  # fmt: skip
    started_alone = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert all("test" in SERVICES[name]["healthcheck"] for name in started_alone)


def test_our_containers_write_nowhere_but_to_volumes_and_have_no_rights() -> None:
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name
            assert "no-new-privileges:true" in service["security_opt"], name
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {name for name in mounted if not name.startswith(".")} == set(COMPOSE["volumes"])


def test_no_port_is_open_to_other_machines_unless_a_variable_says_so() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith(("127.0.0.1:", "${LISTEN:-127.0.0.1}:")) for port in ports)


def test_every_variable_is_explained_and_no_secret_has_a_value() -> None:
    used = set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", TEXT))
    assert used - {"IMAGE"} == set(EXAMPLE)
    secret = {"POSTGRES_PASSWORD", "IMAGE_CLUSTER_TOKEN", "S3_KEY", "S3_SECRET", "RAY_AUTH_TOKEN"}
    assert all(EXAMPLE[name] == "" for name in secret)
    for name in secret - {"RAY_AUTH_TOKEN"}:
        assert f"${{{name}:?" in TEXT, f"{name} may be empty"


def test_the_settings_are_settings_and_name_the_services() -> None:
    settings = parse_settings((DEPLOY / "image-cluster.yaml").read_text(encoding="utf-8"), "image-cluster.yaml")
    assert settings.source.endpoint_url == "http://s3:9000"
    assert settings.service.dagster_url == "http://webserver:3000"
    assert {"s3", "webserver", "ray-head"} <= set(SERVICES)


def test_the_workspace_is_the_code_container() -> None:
    (entry,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    (line,) = [line for name, line in LINES if name == "code" and "code-server" in line]
    server = entry["grpc_server"]
    assert (server["host"], str(server["port"])) == ("code", line[line.index("--port") + 1])
    assert line[line.index("--module-name") + 1] == "pipeline.definitions"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.real
def test_dagster_keeps_its_history_in_postgresql_with_the_limits_of_the_file(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
    # the test's server has a port of its own, and this machine no /library
    changed = text.replace("port: 5432", f"port: {postgres.port}").replace("/library/data", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(changed, encoding="utf-8")
    for name, value in {
        "HOST": postgres.host, "USER": postgres.user, "PASSWORD": postgres.password, "DB": postgres.make_database()
    }.items():  # fmt: skip
        monkeypatch.setenv(f"DAGSTER_POSTGRES_{name}", value)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert type(instance.run_storage).__name__ == "PostgresRunStorage"
        assert type(instance.event_log_storage).__name__ == "PostgresEventLogStorage"
        assert not instance.telemetry_enabled
        assert instance.run_retries_enabled
        assert instance.run_monitoring_enabled
        config = instance.get_concurrency_config()
        assert config.pool_config.default_pool_limit == 1
        assert instance.get_run_records() == []


def test_what_the_image_copies_exists_and_is_not_ignored() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"}
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]
    } - {"."}  # fmt: skip
    assert copied <= kept
    assert all((ROOT / name).exists() for name in kept)
    assert "USER 10001:10001" in dockerfile
    assert not re.search(r"(?i)(password|secret|token)\s*=", dockerfile)


def test_the_shell_script_of_the_image_parses() -> None:
    if shutil.which("sh") is None:
        pytest.skip("There is no sh on this machine.")
    subprocess.run(["sh", "-n", DEPLOY / "install.sh"], check=True)
