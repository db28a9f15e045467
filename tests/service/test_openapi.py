"""The OpenAPI document against the service that it describes: thousands of cases, no answer that it does not name."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.site import Client, Site

SECONDS = 60


def test_every_operation_says_what_it_does_and_how_it_refuses(shared: Client) -> None:
    document = shared.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in methods.items():
            assert operation.get("description"), f"{method} {path} says nothing"
            refusals = [code for code in operation["responses"] if code.startswith("4")]
            assert "422" in refusals
            for code in refusals:
                if code != "415":
                    assert "application/problem+json" in operation["responses"][code]["content"], f"{path} {code}"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_no_case_that_can_be_made_from_the_document_breaks_the_service(site: Site, tmp_path: Path) -> None:
    with site.serve() as client:
        found = subprocess.run(
            [str(Path(sys.executable).parent / "schemathesis"), "run", f"{client.url}/api/v1/openapi.json",
             "--max-examples", "20", "--workers", "1", "--max-time", str(SECONDS), "--max-failures", "30",
             "--seed", "7", "--exclude-path-regex", "/runs/.*/events|/cluster/run",
             "--exclude-checks", "positive_data_acceptance,unsupported_method,allow_header_conformance", "--no-color"],
            capture_output=True, text=True, timeout=360, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert found.returncode == 0, found.stdout[-8000:] + found.stderr[-2000:]
        assert client.get("/categories").status_code == 200
