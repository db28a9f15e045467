"""The guides as written: every ```sh block of a page runs, from top to bottom, as a reader would type it.

The command is the real one with the packaged encoder; the photos are drawn.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.manual.pages import text_of
from tests.servers import S3Server, make_bucket
from tests.service.site import KINDS, picture

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
# what long-running commands would show is tested elsewhere; the pages put these into ```bash blocks
GUIDES = ("from-another-tool", "website", "automation")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos of three kinds, after the first guide was followed in it."""
    folder = tmp_path_factory.mktemp("home")
    for kind, colour in KINDS.items():
        for seed in range(12):
            path = folder / "photos" / kind / f"{kind}-{seed:02d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(colour, seed).resize((320, 240)).save(path, quality=90)
    follow("start", folder)
    return folder


@pytest.mark.parametrize("page", GUIDES)
def test_the_guide_runs_as_written(started: Path, tmp_path: Path, page: str) -> None:
    home = tmp_path / "home"
    shutil.copytree(started, home, symlinks=True)
    if page == "from-another-tool":  # its reader named nothing yet
        assert shell("image-cluster clusters undo", home).returncode == 0
    (home / "docs").symlink_to(ROOT / "docs")
    for table in re.findall(r"^```csv\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE):
        (home / "names.csv").write_text(table, encoding="utf-8")
    follow(page, home)
    for made in PROMISED[page]:
        assert list(home.glob(made)), made


PROMISED = {
    "from-another-tool": ("all.csv", "all.json", "sorted/*/*.jpg", "sorted/metadata.csv", "sidecars/**/*.xmp"),
    "website": ("site/clusters.json", "site/index.html", "site/images/red/*.jpg"),
    "automation": ("last-run.json", "decisions.sqlite3"),
}


def test_the_first_guide_ends_with_a_name_and_a_page(started: Path) -> None:
    published = json.loads(next(started.glob("data/published/*/clusters.json")).read_text())
    assert "My first kind" in [cluster["name"] for cluster in published["clusters"]]
    assert list(started.glob("data/published/*/clusters.html"))


def follow(page: str, folder: Path) -> None:
    """Run the ```sh blocks of a page in `folder`."""
    script = "\n".join(re.findall(r"^```sh\n(.*?)^```", text_of(page), re.DOTALL | re.MULTILINE))
    assert "image-cluster" in script
    done = shell(script, folder)
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-2500:]}"


def shell(script: str, folder: Path, secrets: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the lines of a page in `folder`, each of which must succeed."""
    command = folder / "bin" / "image-cluster"
    command.parent.mkdir(exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline.cli "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        **(secrets or {}),
    }
    bash = shutil.which("bash") or pytest.skip("The pages are written for bash.")
    return subprocess.run(
        [bash, "-c", f"set -euxo pipefail\n{script}"], cwd=folder, env=environment, capture_output=True, text=True,
        timeout=800, check=False,
    )  # fmt: skip


def test_the_guide_to_a_bucket_runs_as_written(s3_server: S3Server, tmp_path: Path) -> None:
    """On a real S3 server, addressed as R2 is; results go into the same bucket and are no category of it."""
    objects: dict[str, bytes] = {}
    for kind, colour in KINDS.items():
        for seed in range(8):
            stream = io.BytesIO()
            picture(colour, seed).save(stream, "PNG")
            objects[f"bollards/de/{kind}-{seed:02d}-800w.png"] = stream.getvalue()
    bucket = make_bucket(s3_server, objects)
    text = text_of("r2").replace("my-bucket", bucket)
    text = text.replace("https://ACCOUNT_ID.r2.cloudflarestorage.com", s3_server.endpoint)
    [settings] = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "image-cluster.yaml").write_text(settings, encoding="utf-8")
    keys = {f"R2_{name}": s3_server.environment[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")}
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    done = shell("\n".join([*blocks, "image-cluster run --json"]), tmp_path, keys)
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-2500:]}"
    assert (s3_server.root / bucket / ".clusters" / "bollards" / "clusters.json").is_file()
    last = json.loads(done.stdout[done.stdout.rindex("\n[") :])
    assert [one["category"] for one in last] == ["bollards"]
