"""Two publications side by side: what came, what left, names, faces."""

from typing import Any

from pipeline.steps.published_sets import rollback
from tests.service.site import Client, Site, problem


def decide(client: Client, **decision: Any) -> None:
    client.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()


def test_a_result_that_waits_is_published_from_the_page_and_over_the_api(site: Site) -> None:
    site.publish()
    with site.serve() as client:
        decide(client, kind="rename", cluster=client.clusters()[0]["id"], name="A kind")
        site.publish()
        rollback(site.project(), "bollards")  # what was published waits for a person now
        page = client.get(f"{client.url}/c/bollards/runs").text
        items = client.get("/categories/bollards/publications").json()["items"]
        waiting = next(one for one in items if one["event"] == "candidate")
        assert f'id="accept" data-version="{waiting["version"]}"' in page
        with site.serve(read_only=True) as reader:
            assert "publish --accept 2 --category bollards" in reader.get(f"{reader.url}/c/bollards/runs").text
            problem(reader.post(f"/categories/bollards/publications/{waiting['version']}/accept"), 403)
        problem(client.post("/categories/bollards/publications/77/accept"), 422)
        accepted = client.post(f"/categories/bollards/publications/{waiting['version']}/accept")
        assert accepted.raise_for_status().json() == {"version": waiting["version"], "changed": True}
        items = client.get("/categories/bollards/publications").json()["items"]
        assert "accepted" in [one["event"] for one in items if one["version"] == waiting["version"]]
        assert "Publish it" not in client.get(f"{client.url}/c/bollards/runs").text
        again = client.post(f"/categories/bollards/publications/{waiting['version']}/accept").json()
        assert not again["changed"]


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
