"""The command line on a real S3 server, reading and publishing, with secrets that appear nowhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import make_bucket
from tests.steps.test_run import KINDS, picture

pytestmark = pytest.mark.real


def test_a_bucket_is_clustered_and_the_result_is_published_into_a_bucket(s3_server, tmp_path: Path) -> None:
    import io

    objects: dict[str, bytes] = {}
    for seed in range(18):
        stream = io.BytesIO()
        picture(KINDS[list(KINDS)[seed % 3]], seed).save(stream, "PNG")
        objects[f"images/bollards/de/de-{seed:03d}-800w.png"] = stream.getvalue()
    source, site = make_bucket(s3_server, objects), make_bucket(s3_server, {"index.html": b"hello"})
    settings = tmp_path / "settings.yaml"
    settings.write_text(
        f"source: {{url: s3://{source}/images, endpoint_url: '{s3_server.endpoint}'}}\n"
        f"reduced: {{method: pca}}\n"
        f"published: {{outlets: [{{url: s3://{site}/clusters}}]}}\n"
    )
    command = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "run",
        "--settings",
        str(settings),
        "--out",
        str(tmp_path / "d"),
        "--json",
    ]
    environment = {**os.environ, **s3_server.environment}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    [summary] = json.loads(done.stdout)
    assert (summary["images"], summary["read"], summary["embedded"]) == (18, 18, 18)

    published = s3_server.root / site / "clusters" / "bollards"
    document = json.loads((published / "clusters.json").read_bytes())
    assert document["summary"]["images"] == 18
    [companions] = (published / "versions").iterdir()
    assert {path.name for path in companions.iterdir()} == {
        "clusters.json", "clusters.schema.json", "changes.json", "changes.schema.json", "clusters.html",
        "bollards-clusters.ts", "duplicates.json", "duplicates.schema.json",
    }  # fmt: skip
    assert (companions / "clusters.json").read_bytes() == (published / "clusters.json").read_bytes()

    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    [summary] = json.loads(again.stdout)
    assert (summary["read"], summary["embedded"], summary["nothing_new"]) == (0, 0, True)

    secret = s3_server.environment["AWS_SECRET_ACCESS_KEY"]
    wrong = {**environment, "AWS_SECRET_ACCESS_KEY": "wrong-" + secret}
    refused = subprocess.run(command, capture_output=True, text=True, env=wrong, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ")
    assert s3_server.endpoint in refused.stderr
    kept = [path.read_bytes() for path in (tmp_path / "d").rglob("*") if path.is_file()]
    everything = [done.stdout, done.stderr, again.stderr, refused.stdout, refused.stderr]
    assert not any(secret in text for text in everything)
    assert not any(secret.encode() in data for data in kept)
