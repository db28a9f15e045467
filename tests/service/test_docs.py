"""docs/api.md: every example runs as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.site import Client, Site

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "api.md"


# stands for the command, over the library of the test and with its encoder
COMMAND = """#!{python}
import sys
from pathlib import Path
from tests.service.site import Client, Site
assert sys.argv[1:] == ["run", "demo-library", "--category", "scratch"], sys.argv
Site(Path("{root}")).run("scratch")
"""


@pytest.mark.slow
def test_every_example_of_the_document_runs_as_written_and_touches_its_own_category_only(
    site: Site, tmp_path: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("The examples use curl.")
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 7
    script = "set -euo pipefail\n" + "\n".join(blocks)
    assert "http://127.0.0.1:8765" in script
    command = tmp_path / "bin/image-cluster"
    command.parent.mkdir()
    command.write_text(COMMAND.format(python=sys.executable, root=site.root))
    command.chmod(0o755)
    (tmp_path / "demo-library").symlink_to(site.library)
    environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    site.publish()
    with site.serve() as client:
        before = state_of_bollards(client)
        script = script.replace("http://127.0.0.1:8765", client.url)
        done = subprocess.run(
            ["bash", "-xc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        assert (tmp_path / "thumbnail.webp").read_bytes()[8:12] == b"WEBP"
        assert (tmp_path / "map.bin").read_bytes()[:4] == b"ICM1"
        assert len(client.get("/categories/scratch/history").json()["items"]) >= 4
        assert state_of_bollards(client) == before


def state_of_bollards(client: Client) -> list[object]:
    """All that an example could change of a category that is not its own."""
    paths = ("/categories/bollards", "/categories/bollards/clusters", "/categories/bollards/history",
             "/categories/bollards/changes", "/images?category=bollards&limit=1000")  # fmt: skip
    return [client.get(path).raise_for_status().json() for path in paths]


def test_every_address_is_in_the_document(site: Site) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    with site.serve() as client:
        paths = client.get("/openapi.json").json()["paths"]
    for path in paths:
        last = re.sub(r"\{[^}]*\}", "", path.removeprefix("/api/v1")).rstrip("/").rpartition("/")[2]
        assert last in text, f"{path} is not in docs/api.md"
