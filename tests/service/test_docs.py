"""docs/api.md: every example runs as it stands."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.service.site import Site

DOCUMENT = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.mark.slow
def test_every_example_of_the_document_runs(site: Site, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("The examples use curl.")
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 7
    script = "set -euo pipefail\n" + "\n".join(blocks)
    assert "http://127.0.0.1:8765" in script
    with site.serve() as client:
        script = script.replace("http://127.0.0.1:8765", client.url)
        done = subprocess.run(
            ["bash", "-xc", script], cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False
        )
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
        assert (tmp_path / "thumbnail.webp").read_bytes()[8:12] == b"WEBP"
        assert (tmp_path / "map.bin").read_bytes()[:4] == b"ICM1"


def test_every_address_is_in_the_document(site: Site) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    with site.serve() as client:
        paths = client.get("/openapi.json").json()["paths"]
    for path in paths:
        last = re.sub(r"\{[^}]*\}", "", path.removeprefix("/api/v1")).rstrip("/").rpartition("/")[2]
        assert last in text, f"{path} is not in docs/api.md"
