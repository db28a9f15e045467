"""Another encoder over HTTP: compare, choose, and take it back."""

from pathlib import Path
from typing import Any

import pytest

from tests.service.site import Client, Site, problem

BASE = "/categories/bollards/encoder"
LITE0, GEM = "packaged:efficientnet_lite0", "packaged:efficientnet_lite0_gem"


def has_ended(run: dict[str, Any]) -> bool:
    return run["state"] not in ("queued", "running")


def ended(client: Client, run: str) -> dict[str, Any]:
    return client.until(f"/runs/{run}", has_ended)


def test_an_encoder_is_compared_chosen_with_a_run_and_an_undo_takes_it_back(site: Site) -> None:
    with site.serve() as client:
        first = client.get(BASE).raise_for_status().json()
        assert (first["spec"], first["settings"], first["decided"], first["comparison"]) == (LITE0, LITE0, None, None)
        assert {LITE0, GEM} <= {row["spec"] for row in first["encoders"]}
        run = client.post(f"{BASE}/compare", json={"spec": GEM}).raise_for_status().json()
        assert run["kind"] == "encoders"
        found = ended(client, run["id"])
        assert (found["state"], found["error"]) == ("succeeded", None)
        compared = client.get(BASE).json()["comparison"]
        assert [side["spec"] for side in compared["sides"]] == [LITE0, GEM]
        rows = compared["sides"][1]["outlook"]["rows"]
        assert all(kind["shown"] for row in rows for kind in (*row["before"], *row["after"]))

        made = client.post(BASE, json={"spec": GEM, "actor": "ann"}).raise_for_status().json()
        assert made["event"]["decision"] == {"kind": "encoder", "spec": GEM}
        assert ended(client, made["run"]["id"])["state"] == "succeeded"
        now = client.get(BASE).json()
        assert (now["spec"], now["embedded"], now["decided"]["actor"], now["pending"]) == (GEM, GEM, "ann", False)
        assert client.post(BASE, json={"spec": GEM}).json() == {"event": None, "run": None}

        client.post("/categories/bollards/undo", json={"number": made["event"]["number"]}).raise_for_status()
        assert client.get(BASE).json()["pending"]
        run = client.post("/cluster/run", json={"category": "bollards"}).raise_for_status().json()
        assert ended(client, run["id"])["state"] == "succeeded"
        assert client.get(BASE).json()["embedded"] == LITE0


def test_an_uploaded_picture_is_compared_with_the_encoder_of_the_category(site: Site) -> None:
    picture = next(Path(site.library / "bollards/de").iterdir())
    with site.serve() as client:
        made = client.post(BASE, json={"spec": GEM}).raise_for_status().json()
        ended(client, made["run"]["id"])
        options = '{"top_k": 1, "filters": {"categories": ["bollards"]}}'
        found = client.post(
            "/similarity/find", files={"file": picture.read_bytes()}, data={"options": options}
        ).raise_for_status().json()  # fmt: skip
        assert found["items"][0]["score"] > 0.999


@pytest.mark.parametrize("spec", ["timm:resnet18@/etc/passwd", "open_clip:ViT-B-16-SigLIP2/webli"])
def test_no_request_names_a_file_or_fetches_a_model(site: Site, spec: str) -> None:
    decision = {"decision": {"kind": "encoder", "spec": spec}}
    with site.serve() as client:
        for path, body in ((f"{BASE}/compare", {"spec": spec}), (BASE, {"spec": spec}),
                           ("/categories/bollards/decisions", decision)):  # fmt: skip
            answer = client.post(path, json=body)
            assert answer.status_code in (409, 422)
            assert "is not here" in answer.json()["detail"]
        assert client.get("/categories/bollards/history").json()["items"] == []
        assert "in force" in problem(client.post(f"{BASE}/compare", json={"spec": LITE0}), 422)["detail"]
    with site.serve(read_only=True) as client:
        problem(client.post(BASE, json={"spec": GEM}), 403)
        assert client.get(BASE).raise_for_status().json()["spec"] == LITE0
