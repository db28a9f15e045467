"""Granularity over HTTP: compare, look, choose, and take it back."""

from tests.service.site import Site, problem

BASE = "/categories/bollards/granularity"


def test_settings_are_compared_one_is_chosen_with_a_run_and_an_undo_takes_it_back(site: Site) -> None:
    with site.serve() as client:
        first = client.get(BASE).raise_for_status().json()
        assert (first["value"], first["settings"], first["decided"], first["comparison"]) == (
            "auto",
            "auto",
            None,
            None,
        )
        detail = problem(client.get(f"{BASE}/0.5"), 409)["detail"]
        assert "image-cluster tune bollards" in detail
        run = client.post(f"{BASE}/compare", json={"runs": 0}).raise_for_status().json()
        assert run["kind"] == "tuning"
        ended = client.until(f"/runs/{run['id']}", lambda one: one["state"] not in ("queued", "running"))
        assert (ended["state"], ended["error"]) == ("succeeded", None)
        compared = client.get(BASE).json()["comparison"]
        assert [row["setting"] for row in compared["settings"] if row["current"]] == ["auto"]
        assert not compared["decided_since"]
        problem(client.get(f"{BASE}/0.55"), 404)
        before = client.clusters()
        setting = next(row for row in compared["settings"] if row["clusters"] != len(before))
        seen = client.get(f"{BASE}/{setting['setting']}").raise_for_status().json()
        assert (seen["clusters"], seen["clusters_now"]) == (setting["clusters"], len(before))
        assert all(one["shown"] for step in seen["steps"] for one in (*step["before"], *step["after"]))

        made = client.post(BASE, json={"value": setting["setting"], "actor": "ann"}).raise_for_status().json()
        assert made["event"]["decision"] == {"kind": "granularity", "value": setting["setting"]}
        ended = client.until(f"/runs/{made['run']['id']}", lambda one: one["state"] not in ("queued", "running"))
        assert (ended["state"], ended["kind"]) == ("succeeded", "clustering")
        client.until("/categories/bollards", lambda one: one["clusters"] == seen["clusters"])
        now = client.get(BASE).json()
        assert (now["value"], now["decided"]["actor"], now["pending"]) == (setting["setting"], "ann", False)
        again = client.post(BASE, json={"value": setting["setting"]}).raise_for_status().json()
        assert again == {"event": None, "run": None}

        client.post("/categories/bollards/undo", json={"number": made["event"]["number"]}).raise_for_status()
        assert client.get(BASE).json()["pending"]
        run = client.post("/cluster/run", json={"category": "bollards", "only": "clusters"}).raise_for_status().json()
        client.until(f"/runs/{run['id']}", lambda one: one["state"] == "succeeded")
        after = client.until("/categories/bollards/clusters", lambda found: found["total"] == len(before))["items"]
        assert {one["id"]: one["size"] for one in after} == {one["id"]: one["size"] for one in before}


def test_a_wrong_value_and_a_service_that_only_shows_change_nothing(site: Site) -> None:
    with site.serve() as client:
        assert "from 0 (coarse) to 1 (fine)" in problem(client.post(BASE, json={"value": "finer"}), 422)["detail"]
        assert client.get("/categories/bollards/history").json()["items"] == []
    with site.serve(read_only=True) as client:
        problem(client.post(BASE, json={"value": "0.4"}), 403)
        problem(client.post(f"{BASE}/compare", json={}), 403)
        assert client.get(BASE).raise_for_status().json()["value"] == "auto"


def test_a_setting_that_one_run_was_given_wins_over_the_decision(site: Site) -> None:
    with site.serve() as client:
        made = client.post(BASE, json={"value": "0.2", "run": False}).raise_for_status().json()
        assert made["run"] is None
        body = {"category": "bollards", "only": "clusters", "settings": {"labels": {"granularity": "0.9"}}}
        run = client.post("/cluster/run", json=body).raise_for_status().json()
        client.until(f"/runs/{run['id']}", lambda one: one["state"] == "succeeded")
    labels = site.project().store.require("bollards", "labels")
    assert labels.provenance.params["granularity"] == 0.9
