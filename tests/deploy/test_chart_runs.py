"""The two command lines of the chart as processes of this machine, with the chart's own settings file.

They have nothing in common but a bucket and PostgreSQL: what the nightly run finds, the service shows, and what people
decide there, the next night keeps. Only addresses and ports differ from the pods.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.demo.bollards import write_library
from tests.deploy.test_chart import NEEDED, one, pod_of, render, with_helm
from tests.deploy.test_stack import BIN, running, until
from tests.servers import S3Server, free_port, make_bucket, postgres_server
from tests.service.site import TOKEN

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(600), with_helm]


def container_of(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return pod_of(one(objects, kind))["spec"]["containers"][0]


def test_the_service_shows_what_the_nightly_run_found_and_the_next_night_keeps_what_people_decided(
    tmp_path: Path, moto_server: S3Server
) -> None:
    library = tmp_path / "images"
    write_library(library, images=60, cars=0, workers=1)
    files = {path.relative_to(library).as_posix(): path.read_bytes() for path in library.rglob("*") if path.is_file()}
    objects = render(NEEDED | {
        "settings.source.url": f"s3://{make_bucket(moto_server, files)}",
        "settings.source.endpoint_url": moto_server.endpoint,
        "settings.data.url": f"s3://{make_bucket(moto_server)}/library",
    })  # fmt: skip
    pods = {name: tmp_path / name for name in ("nightly", "service")}  # the working directory of the image is /library
    for folder in pods.values():
        folder.mkdir()
        (folder / "image-cluster.yaml").write_text(one(objects, "ConfigMap")["data"]["image-cluster.yaml"])
    with postgres_server() as postgres:
        own = ("AWS_", "R2_", "IMAGE_CLUSTER_")
        secret = {
            **moto_server.environment,
            "IMAGE_CLUSTER_DATABASE_URL": postgres.url(postgres.make_database()), "IMAGE_CLUSTER_TOKEN": TOKEN,
        }  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith(own)} | secret | {
            variable["name"]: variable["value"] for variable in container_of(objects, "Deployment")["env"]
        }  # fmt: skip
        environment["IMAGE_CLUSTER_CACHE"] = os.environ["IMAGE_CLUSTER_CACHE"]
        night = [
            str(BIN / word) if word == "image-cluster" else word for word in container_of(objects, "CronJob")["command"]
        ]

        def run_the_night() -> str:
            done = subprocess.run(
                night, cwd=pods["nightly"], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr[-3000:]
            return done.stdout

        run_the_night()
        container, port = container_of(objects, "Deployment"), str(free_port())
        changed = {"0.0.0.0": "127.0.0.1", "8765": port}
        with running(container["command"], changed, pods["service"], environment):
            url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {TOKEN}"}
            ready = container["readinessProbe"]["httpGet"]["path"]
            until("the service", lambda: httpx.get(f"{url}{ready}").status_code == 200, 120)
            (category,) = httpx.get(f"{url}/api/v1/categories", headers=headers).json()["items"]
            assert category["images"] == 60
            assert "image_cluster_images" in httpx.get(f"{url}/metrics", headers=headers).text
            clusters = f"{url}/api/v1/categories/{category['category']}/clusters"
            first = httpx.get(clusters, headers=headers).json()["items"][0]["id"]
            named = httpx.patch(f"{url}/api/v1/clusters/{first}", headers=headers, json={"name": "White post"})
            assert named.status_code < 300, named.text
            run_the_night()
            until("the name", lambda: "White post" in httpx.get(clusters, headers=headers).text, 60)
        done = subprocess.run(
            [str(BIN / "image-cluster"), "clusters", "list"], cwd=pods["nightly"], env=environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "White post" in done.stdout
