"""Two machines with nothing in common but a network: a Ray cluster, a bucket, and a cable that is pulled.

What belongs here: what takes a network between machines. Not here: kills on one machine (`test_ray_kills.py`).
A machine is a network namespace with an address, a home and credentials of its own. Both see one file system, on which
only Ray keeps its session, and the driver what it stores.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.steps.distributed_library import Library, results, stored

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]
ROOT, BIN = Path(__file__).parents[2], Path(sys.executable).parent
HERE, THERE = "10.77.0.1", "10.77.0.2"
CLUSTER, ENDPOINT = f"{HERE}:6379", f"http://{HERE}:9000"
# Ray takes a silent machine for dead after some seconds here, after about a minute by default.
QUICK = {
    "RAY_health_check_initial_delay_ms": "0", "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000", "RAY_health_check_failure_threshold": "4",
}  # fmt: skip
# The driver: a run with both workers, then, when it is told so, one more, then one by itself.
DRIVER = """
import socket, sys, time
from pathlib import Path
import boto3, yaml
from pipeline.settings import Settings
from pipeline.steps.distributed import workers_of
from pipeline.steps.project import Project
from tests.steps.distributed_library import run
both, cut, local = (Project(Settings.model_validate(one)) for one in yaml.safe_load(Path(sys.argv[1]).read_text()))
for address in (both.settings.source.endpoint_url.rpartition("/")[2], both.settings.execution.ray.address):
    while True:
        try:
            socket.create_connection(tuple(address.split(":"))).close()
            break
        except OSError:
            time.sleep(0.2)
pool = workers_of(both, embed=True)
images = Path(sys.argv[2])
s3 = boto3.client("s3", endpoint_url=both.settings.source.endpoint_url, region_name="us-east-1")
s3.create_bucket(Bucket="pics")
for path in images.rglob("*.png"):
    s3.put_object(Bucket="pics", Key=str(path.relative_to(images)), Body=path.read_bytes())
while pool.size < 2:
    list(pool.results([]))
    time.sleep(0.1)
print("facts", run(both, pool)["embeddings"].facts, flush=True)
input()
print("facts", run(cut, pool)["embeddings"].facts, flush=True)
run(local)
"""


class Machine:
    """A network namespace with one end of the cable."""

    def __init__(self, name: str, address: str, home: Path, cable: str) -> None:
        self.name, self.address, self.home, self.cable = name, address, home, cable
        home.mkdir()
        ip("link", "set", cable, "netns", name)
        ip("-n", name, "addr", "add", f"{address}/24", "dev", cable)
        for device in ("lo", cable):
            ip("-n", name, "link", "set", device, "up")

    def start(self, *words: str, out: Path | None = None, **variables: str) -> "subprocess.Popen[str]":
        """`out`: the file for what it says; None: a pipe."""
        kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *words], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=out.open("w") if out else subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**kept, "HOME": str(self.home), "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0", **QUICK,
                 "RAY_AUTH_MODE": "token", "AWS_ACCESS_KEY_ID": f"key of {self.name}",
                 "AWS_SECRET_ACCESS_KEY": "secret", **variables},
        )  # fmt: skip

    def pull_the_cable(self) -> None:
        ip("-n", self.name, "link", "set", self.cable, "down")


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def namespace(name: str) -> Generator[None]:
    """A network namespace; what runs in it is killed at the end."""
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"This machine permits no network namespaces: {error.stderr.strip()}")
    try:
        yield
    finally:
        for pid in ip("netns", "pids", name).split():
            os.kill(int(pid), signal.SIGKILL)
        ip("netns", "del", name)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Machine]]:
    """A Ray node with one worker each; the first one is the head, has the driver, and an S3 server."""
    pytest.importorskip("ray")
    if os.geteuid() or shutil.which("ip") is None:
        pytest.skip("Network namespaces take root and the command ip (Debian's package iproute2).")
    mark, homes = f"ic{os.getpid()}", tmp_path_factory.mktemp("homes")
    with ExitStack() as stack:
        for end in "ab":
            stack.enter_context(namespace(f"{mark}{end}"))
        # its path holds sockets, whose names have 107 characters at most
        session = stack.enter_context(tempfile.TemporaryDirectory(prefix="ic-", ignore_cleanup_errors=True))
        ip("link", "add", f"{mark}va", "type", "veth", "peer", "name", f"{mark}vb")
        here, there = (
            Machine(f"{mark}{end}", address, homes / end, f"{mark}v{end}")
            for end, address in (("a", HERE), ("b", THERE))
        )
        node = ("--num-cpus=1", "--disable-usage-stats", "--block", "--node-ip-address")
        # who joins before the head is there gives up after some seconds
        again = ("sh", "-c", 'until "$@"; do sleep 1; done', "sh")
        ray = str(BIN / "ray")
        started = [
            here.start(str(BIN / "moto_server"), "-H", HERE, "-p", ENDPOINT.rpartition(":")[2], out=homes / "s3"),
            here.start(ray, "start", "--head", "--port", CLUSTER.rpartition(":")[2], "--include-dashboard=false",
                       "--temp-dir", session, *node, HERE, out=homes / "head"),
            there.start(*again, ray, "start", "--address", CLUSTER, *node, THERE, out=homes / "other"),
        ]  # fmt: skip
        yield here, there
        for process in started:
            process.kill()
            process.communicate()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


def drive(machine: Machine, library: Library, **variables: str) -> "subprocess.Popen[str]":
    """The driver, started on a machine. Its three data directories are `both`, `cut` and `local`."""
    source, values = {"url": "s3://pics", "endpoint_url": ENDPOINT}, list[dict[str, object]]()
    for engine, data in (("ray", "both"), ("ray", "cut"), ("local", "local")):
        project = library.project(engine, data, keys_per_task=2, address=CLUSTER, workers=2)
        values.append({**project.settings.model_dump(mode="json"), "source": source})
    settings = library.root / "settings.yaml"
    settings.write_text(yaml.safe_dump(values))
    return machine.start(
        sys.executable, "-c", DRIVER, str(settings), str(library.root / "library"), **variables
    )  # fmt: skip


def test_a_driver_without_the_token_of_its_cluster_is_told_so(
    machines: tuple[Machine, Machine], library: Library
) -> None:
    said, _ = drive(machines[0], library, RAY_AUTH_MODE="disabled").communicate(timeout=600)
    assert "wants its token. Set RAY_AUTH_MODE=token" in said.splitlines()[-1], said


def test_a_machine_whose_cable_is_pulled_costs_its_tasks_only(
    machines: tuple[Machine, Machine], library: Library
) -> None:
    driver, said = drive(machines[0], library), list[str]()
    assert driver.stdout is not None
    for line in driver.stdout:
        said.append(line)
        if line.startswith("facts"):
            break
    assert "'workers': 2" in said[-1], "".join(said)
    machines[1].pull_the_cable()
    rest, _ = driver.communicate("\n", timeout=600)
    assert driver.returncode == 0, rest
    assert "'workers': 1" in rest, rest
    assert "'tasks_lost': 0" not in rest, rest
    both, cut, local = (library.project("ray", data) for data in ("both", "cut", "local"))
    assert stored(both) == stored(cut) == stored(local)
    assert len(results(local)["rows"]) == len(list(library.folder.iterdir()))
