"""Decisions over HTTP: seen at once, kept once, never made on what is out of date, and taken back."""

import json

import pytest

from tests.service.site import Site, problem


def test_a_name_is_seen_at_once_and_can_be_taken_back(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        body = {
            "decision": {"kind": "rename", "cluster": cluster, "name": "Red post"},
            "actor": "anna",
            "why": "see de",
        }
        made = client.post("/categories/bollards/decisions", json=body)
        assert made.status_code == 201
        assert made.json()["number"] == 1
        found = client.get(f"/clusters/{cluster}").json()
        assert (found["name"], found["revision"]) == ("Red post", 1)
        image = client.ids(cluster=cluster)[0]
        assert client.get(f"/images/{image}").json()["cluster_name"] == "Red post"
        assert client.get("/categories/bollards/clusters", params={"q": "red p"}).json()["total"] == 1
        client.post("/categories/bollards/undo", json={}).raise_for_status()
        assert client.get(f"/clusters/{cluster}").json()["name"] is None
        history = client.get(f"/clusters/{cluster}/history").json()["items"]
        assert [(one["decision"]["kind"], one["undone"]) for one in history] == [("undo", False), ("rename", True)]
        assert history[1]["actor"] == "anna"


def test_a_cluster_is_addressed_by_its_exact_name_and_refused_where_two_fit(site: Site) -> None:
    with site.serve() as client:
        first, second = [one["id"] for one in client.clusters()[:2]]
        client.patch(f"/clusters/{first}", json={"name": "Alpha"}).raise_for_status()
        client.patch(f"/clusters/{second}", json={"name": "alpha"}).raise_for_status()
        assert client.get("/clusters/Alpha").json()["id"] == first
        assert client.get("/clusters/alpha").json()["id"] == second
        assert client.ids(cluster="alpha") == client.ids(cluster=second)
        assert {first, second} <= set(problem(client.get("/clusters/ALPHA"), 409)["candidates"])
        body = {"decision": {"kind": "review", "cluster": "ALPHA"}}
        refused = problem(client.post("/categories/bollards/decisions", json=body), 409)
        assert first in refused["detail"]
        assert second in refused["detail"]
        problem(client.patch("/clusters/aLPHA", json={"status": "hidden"}), 409)
        problem(client.get("/images", params={"category": "bollards", "cluster": "ALPHA"}), 409)


def test_a_name_that_another_cluster_has_is_stored_and_said(site: Site) -> None:
    with site.serve() as client:
        first, second = [one["id"] for one in client.clusters()[:2]]

        def named(cluster: str, name: str) -> list[str]:
            body = {"decisions": [{"kind": "rename", "cluster": cluster, "name": name}]}
            made = client.post("/categories/bollards/decisions/batch", json=body).raise_for_status()
            return made.json()["items"][0]["same_name"]

        assert named(first, "Red post") == []
        assert named(second, "red  Post") == [first]
        assert client.get(f"/clusters/{first}").json()["same_name"] == [second]
        assert client.patch(f"/clusters/{second}", json={"name": "Red post"}).json()["same_name"] == [first]
        assert client.patch(f"/clusters/{second}", json={"name": "Green post"}).json()["same_name"] == []
        images = client.ids(cluster=second)
        for decision in (
            {"kind": "create", "images": images[:2], "name": "Red post"},
            {"kind": "split", "cluster": second, "images": images[2:3], "name": "Red post"},
        ):
            made = client.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()
            assert first in made.json()["same_name"]
        # what was two kinds is one: nobody else has the name then
        both = [first, *client.get(f"/clusters/{first}").json()["same_name"]]
        merge = {"decision": {"kind": "merge", "clusters": both, "into": first}}
        assert client.post("/categories/bollards/decisions", json=merge).json()["same_name"] == []
        assert client.get(f"/clusters/{first}").json()["same_name"] == []


def test_a_decision_on_what_is_out_of_date_is_refused(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        client.patch(f"/clusters/{cluster}", json={"name": "First", "if_revision": 0}).raise_for_status()
        problem(client.patch(f"/clusters/{cluster}", json={"name": "Second", "if_revision": 0}), 409)
        assert client.get(f"/clusters/{cluster}").json()["name"] == "First"
        changed = client.patch(f"/clusters/{cluster}", json={"status": "hidden", "description": "d", "if_revision": 1})
        assert changed.json()["status"] == "hidden"
        assert changed.json()["name"] == "First"
        assert client.patch(f"/clusters/{cluster}", json={"name": None}).json()["name"] is None


def test_name_description_and_status_change_together_or_not_at_all(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        problem(client.patch(f"/clusters/{cluster}", json={"name": "A", "description": "\u0000"}), 422)
        values = {"name": "A", "description": "About A", "status": "hidden"}
        changed = client.patch(f"/clusters/{cluster}", json={**values, "if_revision": 0}).json()
        assert {name: changed[name] for name in values} == values
        assert changed["revision"] == 3
        problem(client.patch(f"/clusters/{cluster}", json={"name": "B", "status": "active", "if_revision": 1}), 409)
        found = client.get(f"/clusters/{cluster}").json()
        assert {name: found[name] for name in values} == values


def test_decisions_that_belong_together_are_stored_together_once(site: Site) -> None:
    with site.serve() as client:
        first, second = [one["id"] for one in client.clusters()[:2]]
        where = "/categories/bollards/decisions/batch"
        merge = {"kind": "merge", "clusters": [second], "into": first}
        twice = {"decisions": [{"kind": "review", "cluster": second}, merge, merge]}
        problem(client.post(where, json=twice), 422)
        assert client.get("/categories/bollards/history").json()["items"] == []
        body = {"decisions": [{"kind": "rename", "cluster": second, "name": "Blue"}, merge], "if_revision": {first: 0}}
        made = [client.post(where, json=body, headers={"Idempotency-Key": "k"}).json()["items"] for _ in range(2)]
        assert made[0] == made[1]
        assert [one["number"] for one in made[0]] == [1, 2]
        assert client.get(f"/clusters/{first}").json()["name"] == "Blue", "the merge saw the name that came before it"
        other = {"decisions": [{"kind": "review", "cluster": first}]}
        problem(client.post(where, json=other, headers={"Idempotency-Key": "k"}), 409)
        problem(client.post(where, json={**other, "if_revision": {first: 0}}), 409)
        undo = {"decisions": [{"kind": "undo", "event": 2}, {"kind": "undo", "event": 1}]}
        client.post(where, json=undo).raise_for_status()
        assert client.get(f"/clusters/{second}").json()["name"] is None


def test_a_tag_that_cannot_be_taken_back_everywhere_is_taken_back_nowhere(site: Site) -> None:
    with site.serve() as client:
        both = [client.ids()[0], client.ids("posts")[0]]
        made = client.post("/tagging/apply", json={"image_ids": both, "tag": "x"}).json()["events"]
        events = [{"category": one["category"], "number": one["number"]} for one in made]
        client.post("/categories/posts/undo", json={}).raise_for_status()
        problem(client.post("/tagging/undo", json={"events": events}), 409)
        assert client.ids(tag="x") == both[:1]


def test_images_are_split_off_and_named_by_one_event(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        body = {
            "decision": {"kind": "split", "cluster": cluster, "images": client.ids(cluster=cluster)[:2], "name": "S"}
        }
        client.post("/categories/bollards/decisions", json=body).raise_for_status()
        assert client.get("/clusters/S").json()["size"] == 2
        assert len(client.get("/categories/bollards/history").json()["items"]) == 1


def test_images_of_several_clusters_become_one_and_every_one_of_them_tells_it(site: Site) -> None:
    with site.serve() as client:
        clusters = [cluster["id"] for cluster in client.clusters()[:2]]
        images = [client.ids(cluster=cluster)[0] for cluster in clusters]
        body = {"decision": {"kind": "create", "images": images, "name": "Both"}}
        client.post("/categories/bollards/decisions", json=body).raise_for_status()
        assert client.ids(cluster="Both") == images
        for cluster in ("Both", *clusters):
            (event,) = client.get(f"/clusters/{cluster}/history").json()["items"]
            assert (event["decision"]["kind"], sorted(event["decision"]["clusters"])) == ("create", sorted(clusters))


def test_the_same_request_twice_is_one_decision(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        body = {"decision": {"kind": "note", "cluster": cluster, "text": "once"}}
        numbers = {
            client.post("/categories/bollards/decisions", json=body, headers={"Idempotency-Key": "k1"}).json()["number"]
            for _ in range(2)
        }
        assert numbers == {1}


def test_merges_moves_splits_and_exclusions_show_in_every_list(site: Site) -> None:
    with site.serve() as client:

        def decide(**decision: object) -> None:
            answer = client.post("/categories/bollards/decisions", json={"decision": decision})
            assert answer.status_code == 201, answer.text

        first, second = [one["id"] for one in client.clusters()[:2]]
        one, other, *rest = client.ids(cluster=first)
        decide(kind="move", images=[one], to=second)
        assert client.get(f"/images/{one}/cluster").json()["id"] == second
        decide(kind="exclude", images=[other])
        assert client.get(f"/images/{other}").json()["state"] == "excluded"
        found = client.get("/similarity/find", params={"image_id": rest[0], "top_k": 100}).json()["items"]
        assert other not in [hit["image"]["image_id"] for hit in found]
        decide(kind="split", cluster=first, images=rest[:2], name="Special")
        special = client.get(f"/images/{rest[0]}/cluster").json()
        assert (special["name"], special["size"], special["made_by_people"]) == ("Special", 2, True)
        decide(kind="merge", clusters=[second], into=first)
        assert client.get(f"/clusters/{second}").json()["id"] == first
        assert one in client.ids(cluster=first)
        total = client.get("/categories/bollards").json()
        assert total["images"] == 38
        assert sum(total[part] for part in ("clustered", "unclustered", "rejected", "excluded", "new")) == 38


def test_what_makes_no_sense_is_refused_in_words(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]

        def refused(status: int, **decision: object) -> str:
            return problem(client.post("/categories/bollards/decisions", json={"decision": decision}), status)["detail"]

        assert "rename" in refused(404, kind="rname", cluster=cluster)
        assert cluster in refused(404, kind="rename", cluster=f"{cluster[:-1]}0", name="x")
        refused(422, kind="rename", cluster=cluster, name="x" * 500)
        refused(422, kind="rename", cluster=cluster, name="x", more=1)
        refused(422, kind="merge", clusters=[cluster], into=cluster)
        refused(404, kind="move", images=["0000000000000000"], to=cluster)
        refused(409, kind="exclude", images=[client.ids("posts")[0]])
        problem(client.post("/categories/bollards/undo", json={}), 422)
        assert client.get("/categories/bollards/history").json()["items"] == []


def test_a_tag_on_all_results_of_a_search_filters_and_goes_again(site: Site) -> None:
    with site.serve() as client:
        hits = client.get("/similarity/find", params={"image_id": client.ids()[0], "top_k": 12}).json()["items"]
        names = [hit["image"]["image_id"] for hit in hits]
        both = [*names, client.ids("posts")[0]]
        made = client.post("/tagging/apply", json={"image_ids": both, "tag": " style_001 "}).json()["events"]
        assert {one["category"] for one in made} == {"bollards", "posts"}
        assert set(names) <= set(client.ids(tag="style_001"))
        assert client.get(f"/images/{names[0]}").json()["tags"] == ["style_001"]
        assert client.get("/categories/bollards").json()["tags"][0]["tag"] == "style_001"
        undo = {"events": [{"category": one["category"], "number": one["number"]} for one in made]}
        client.post("/tagging/undo", json=undo).raise_for_status()
        assert client.ids(tag="style_001") == []
        problem(client.post("/tagging/undo", json=undo), 409)
        problem(client.post("/tagging/undo", json={"events": [{"category": "bollards", "number": 99}]}), 404)
        client.post("/tagging/apply", json={"image_ids": names, "tag": "a"}).raise_for_status()
        client.post("/tagging/remove", json={"image_ids": names[:1], "tag": "a"}).raise_for_status()
        assert names[0] not in client.ids(tag="a")


def test_one_unknown_id_and_nothing_is_tagged(site: Site) -> None:
    with site.serve() as client:
        name = client.ids()[0]
        problem(client.post("/tagging/apply", json={"image_ids": [name, f"{name[:-1]}z"], "tag": "x"}), 404)
        broken = client.ids(state="rejected")
        problem(client.post("/tagging/apply", json={"image_ids": [name, *broken], "tag": "x"}), 409)
        assert client.ids(tag="x") == []


def test_lost_decisions_are_said_to_readers_and_writers_and_a_run_publishes_nothing(site: Site) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        client.patch(f"/clusters/{cluster}", json={"name": "White"}).raise_for_status()
        site.publish()
        for ending in ("", "-wal", "-shm"):
            (site.data / f"curation.sqlite3{ending}").unlink(missing_ok=True)
        refused = client.patch(f"/clusters/{cluster}", json={"name": "Grey"})
        assert "image-cluster restore latest" in problem(refused, 503)["detail"]
        assert not (site.data / "curation.sqlite3").exists()
    with site.serve() as client:
        said = problem(client.get("/categories/bollards/clusters"), 503)
        assert said["type"] == "/problems/lost-decisions"
        assert "published from 1 decision" in said["detail"]
        refused = client.post("/cluster/run", json={"category": "bollards"})
        assert "Decisions about bollards are missing" in problem(refused, 503)["detail"]
    document = json.loads((site.data / "published" / "bollards" / "clusters.json").read_bytes())
    assert "White" in {one["name"] for one in document["clusters"]}


@pytest.mark.parametrize("actor", ["\u0085\x00", "\x1f", "\u202e"])
def test_a_name_without_a_letter_decides_nothing(site: Site, actor: str) -> None:
    with site.serve() as client:
        cluster = client.clusters()[0]["id"]
        named = {"decision": {"kind": "rename", "cluster": cluster, "name": "Red"}}
        body = {**named, "actor": actor}
        refused = problem(client.post("/categories/bollards/decisions", json=body), 422)
        assert "who decides" in refused["detail"]
        client.post("/categories/bollards/decisions", json={**named, "why": "a\x00b"}).raise_for_status()
        assert client.get("/categories/bollards/history").json()["items"][0]["why"] == "a b"
