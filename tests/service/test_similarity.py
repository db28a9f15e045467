"""Search over HTTP: itself first, filters inside the search, and every way to ask."""

import csv
import io
import time

import numpy as np
import pytest

from pipeline.steps.library_view.cache import LOOK_SECONDS
from tests.odd_images import odd_images
from tests.service.site import KINDS, Client, Site, picture, problem

HOSTILE = {name: odd.data for name, odd in odd_images().items() if odd.status != "ok"}


def encoded(kind: str, seed: int = 500) -> bytes:
    out = io.BytesIO()
    picture(KINDS[kind], seed).save(out, "PNG")
    return out.getvalue()


def names(answer) -> list[str]:
    return [one["image"]["image_id"] for one in answer.raise_for_status().json()["items"]]


def test_a_member_finds_itself_first_and_its_copy_next_with_score_one(shared: Client) -> None:
    twin = next(one for one in shared.get("/images?category=bollards&limit=100").json()["items"]
                if one["key"].endswith("de-000-800w.png"))  # fmt: skip
    answer = shared.get("/similarity/find", params={"image_id": twin["image_id"], "top_k": 10})
    items = answer.json()["items"]
    assert items[0]["image"]["image_id"] == twin["image_id"]
    assert [one["score"] for one in items[:2]] == [1.0, 1.0]
    assert items[1]["image"]["key"] == "bollards/fr/fr-100-800w.png"
    scores = [one["score"] for one in items]
    assert scores == sorted(scores, reverse=True)
    assert len(items) == 10
    assert answer.json()["searched"] == 37


def test_a_ranking_is_sent_as_csv_in_the_same_order(shared: Client) -> None:
    question = {"image_id": shared.ids()[0], "top_k": 7}
    wanted = shared.post("/similarity/find", json=question).json()["items"]
    sent = shared.post("/similarity/find", json=question | {"format": "csv"})
    assert sent.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(sent.text)))
    assert [row["image_id"] for row in rows] == [one["image"]["image_id"] for one in wanted]
    assert [float(row["score"]) for row in rows] == [one["score"] for one in wanted]
    assert [row["rank"] for row in rows] == [str(place) for place in range(1, 8)]
    files = {"file": ("x.png", encoded("red"), "image/png")}
    brought = shared.post("/similarity/find", files=files, data={"options": '{"top_k": 3, "format": "csv"}'})
    assert len(brought.text.splitlines()) == 4


def test_the_best_of_a_filter_are_as_many_as_were_asked_for(shared: Client) -> None:
    at = shared.ids(group="at")
    other = shared.ids(group="de")[0]
    found = shared.get("/similarity/find", params={"image_id": other, "group": "at", "top_k": 18})
    assert sorted(names(found)) == sorted(at)
    assert found.json()["searched"] == 18
    cluster = shared.clusters()[0]
    in_cluster = shared.get("/similarity/find", params={"image_id": other, "cluster": cluster["id"], "top_k": 100})
    assert len(names(in_cluster)) == cluster["size"]
    body = {"image_id": other, "filters": {"since": "2100-01-01T00:00:00Z"}}
    assert shared.post("/similarity/find", json=body).json()["items"] == []


def test_a_tag_filters_inside_the_search(site: Site) -> None:
    with site.serve() as client:
        red = client.ids()[0]
        far = names(client.get("/similarity/find", params={"image_id": red, "top_k": 37}))[-5:]
        client.post("/tagging/apply", json={"image_ids": far, "tag": "far"}).raise_for_status()
        found = client.get("/similarity/find", params={"image_id": red, "tag": "far", "top_k": 5})
        assert sorted(names(found)) == sorted(far)


def test_an_uploaded_picture_finds_its_kind_and_is_not_kept(site: Site) -> None:
    with site.serve() as client:
        answer = client.post(
            "/similarity/find", files={"file": ("x.png", encoded("green"))}, data={"options": '{"top_k": 5}'}
        )
        green = names(answer)
        assert len(green) == 5
        clusters = {client.get(f"/images/{one}").json()["cluster"] for one in green}
        assert len(clusters) == 1
        assert client.get("/queue").json()["items"] == []
        assert client.get("/categories/bollards").json()["images"] == 38


def test_a_vector_and_an_image_give_the_same_answer(shared: Client) -> None:
    name = shared.ids()[3]
    vector = shared.get(f"/images/{name}/embedding").json()["vector"]
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-3)
    by_vector = names(shared.post("/similarity/find", json={"vector": [3 * one for one in vector], "top_k": 8,
                                                          "filters": {"categories": ["bollards"]}}))  # fmt: skip
    assert set(by_vector) == set(names(shared.get("/similarity/find", params={"image_id": name, "top_k": 8})))
    problem(shared.post("/similarity/find", json={"vector": [0.0] * 12}), 422)
    problem(shared.post("/similarity/find", json={"vector": [1.0] * 5}), 409)


def test_disliked_images_are_left_out_and_liked_ones_draw_nearer(shared: Client) -> None:
    first, second, third = names(shared.get("/similarity/find", params={"image_id": shared.ids()[0], "top_k": 3}))
    own = shared.get(f"/images/{first}/cluster").json()["id"]
    other = next(one for one in shared.ids(state="clustered") if one not in shared.ids(cluster=own))
    body = {"image_id": first, "top_k": 37, "liked": [other], "disliked": [second]}
    found = names(shared.post("/similarity/find", json=body))
    before = names(shared.get("/similarity/find", params={"image_id": first, "top_k": 37}))
    assert second not in found
    assert third in found
    assert found.index(other) < before.index(other)
    problem(shared.post("/similarity/find", json={**body, "liked": [second]}), 422)


def test_text_needs_an_encoder_that_reads_and_the_answer_says_which(shared: Client) -> None:
    detail = problem(shared.post("/similarity/find", json={"text": "a white post"}), 422)["detail"]
    assert "open_clip:" in detail
    assert "packaged:efficientnet_lite0" in detail


def test_a_question_is_exactly_one(shared: Client) -> None:
    problem(shared.post("/similarity/find", json={}), 422)
    problem(shared.post("/similarity/find", json={"image_id": shared.ids()[0], "text": "x"}), 422)
    problem(shared.get("/similarity/find", params={"image_id": "0123456789abcdef"}), 404)
    problem(shared.get("/similarity/find", params={"image_id": shared.ids()[0], "category": "nothing"}), 404)


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_a_hostile_upload_is_refused_with_a_reason(shared: Client, name: str) -> None:
    answer = shared.post("/similarity/find", files={"file": (name, HOSTILE[name])})
    assert answer.status_code in (413, 422), answer.text
    problem(answer, answer.status_code)


def test_a_new_version_of_the_index_is_seen(site: Site) -> None:
    with site.serve() as client:
        name = client.ids("posts")[0]
        assert len(names(client.get("/similarity/find", params={"image_id": name}))) == 6
        picture((120, 120, 120), 900).save(site.library / "posts/x/new.png")
        site.run()
        time.sleep(LOOK_SECONDS)  # so long a change by another process may stay unseen
        assert len(names(client.get("/similarity/find", params={"image_id": name}))) == 7
