"""Two publications side by side: what came, what left, names, faces."""

from typing import Any

from tests.service.site import Client, Site, problem


def decide(client: Client, **decision: Any) -> None:
    client.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()


def test_two_publications_are_compared_per_cluster_with_names_flows_and_faces(site: Site) -> None:
    site.publish()
    with site.serve() as client:
        problem(client.get("/categories/bollards/compare"), 409)
        assert "not two results" in client.get(f"{client.url}/c/bollards/compare").text
        one, two = (cluster["id"] for cluster in client.clusters()[:2])
        images = client.ids(cluster=one)[:2]
        decide(client, kind="rename", cluster=two, name="Second kind")
        decide(client, kind="move", images=images, to=two)
        site.publish()
        newest, first = client.get("/categories/bollards/publications").json()["items"]
        found = client.get("/categories/bollards/compare").raise_for_status().json()
        assert (found["before"]["version"], found["after"]["version"]) == (first["version"], newest["version"])
        entries = {entry["id"]: entry for entry in found["changes"]["clusters"]}
        assert entries[two]["naming"] == "given"
        moved = entries[two]["addedCount"]
        assert moved >= 2  # a copy goes along
        assert entries[two]["cameFrom"] == [{"place": one, "images": moved}]
        assert entries[one]["removedCount"] == moved
        assert set(images) <= set(found["faces"][two]["came"]) == set(found["faces"][one]["left"])
        assert found["names_today"] == {two: "Second kind"}
        assert 0 < len(found["faces"][one]["before"]) <= 4
        turned = client.get("/categories/bollards/compare", params={"from": "2", "to": "1"}).json()["changes"][
            "clusters"
        ]
        assert {entry["id"]: entry["naming"] for entry in turned}[two] == "waiting"
        problem(client.get("/categories/bollards/compare", params={"from": "77"}), 404)
        page = client.get(f"{client.url}/c/bollards/compare").text
        assert "Second kind" in page
        assert f"{moved} came" in page
        assert "1 unchanged" in page
