"""Boxes that people refuse or draw, over HTTP: seen at once, told as waiting, followed by the next run, taken back."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.service.boxes_site import BLUE, BOTH, NONE, RED, boxes_site
from tests.service.site import Client, Site, problem
from tests.steps.objects_library import objects_library


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return boxes_site(tmp_path)


@pytest.fixture
def client(site: Site) -> Iterator[Client]:
    with site.serve() as made:
        yield made


def image(client: Client, key: str) -> dict[str, Any]:
    items = client.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    return next(item for item in items if item["key"] == key)


def decide(client: Client, **decision: Any) -> dict[str, Any]:
    made = client.post("/categories/posts/decisions", json={"decision": decision, "actor": "ann"})
    return made.raise_for_status().json()


def category(client: Client) -> dict[str, Any]:
    return client.get("/categories/posts").raise_for_status().json()


def test_counts_say_images_and_objects(client: Client) -> None:
    found = category(client)
    assert (found["unit"], found["images"], found["objects"], found["rejected"]) == ("object", 26, 25, 1)
    assert found["boxes_waiting"] == {"added": 0, "removed": 0, "undone": 0}


def test_a_wrong_box_leaves_its_cluster_at_once_and_comes_back_with_an_undo(site: Site, client: Client) -> None:
    wrong = image(client, BOTH)
    event = decide(client, kind="wrong_box", image=wrong["image_id"])
    assert event["decision"]["box"] == list(RED)
    assert event["decision"]["clusters"] == [wrong["cluster"]]
    assert client.get(f"/images/{wrong['image_id']}").json()["state"] == "excluded"
    assert category(client)["boxes_waiting"] == {"added": 0, "removed": 1, "undone": 0}
    (waiting,) = client.get(f"/images/{wrong['source_id']}/objects").json()["waiting"]
    assert (waiting["kind"], waiting["box"]) == ("wrong_box", list(RED))
    assert client.get(f"/images/{wrong['image_id']}/history").json()["items"][0]["decision"]["kind"] == "wrong_box"
    client.post("/categories/posts/undo", json={}).raise_for_status()
    assert client.get(f"/images/{wrong['image_id']}").json()["cluster"] == wrong["cluster"]
    assert category(client)["boxes_waiting"] == {"added": 0, "removed": 0, "undone": 0}


def test_a_drawn_box_waits_for_the_next_run_and_is_then_an_object(site: Site, client: Client) -> None:
    there = image(client, BOTH)
    decide(client, kind="add_box", image=there["image_id"], box=BLUE, label="post")
    found = client.get(f"/images/{there['image_id']}/objects").json()
    assert len(found["items"]) == 1
    assert [(one["kind"], one["box"], one["label"]) for one in found["waiting"]] == [("add_box", list(BLUE), "post")]
    site.run()
    client.service.library.forget("posts")
    found = client.get(f"/images/{there['image_id']}/objects").json()
    assert sorted(item["box"] for item in found["items"]) == [list(RED), list(BLUE)]
    assert not found["waiting"]


def test_a_box_can_be_drawn_on_an_image_without_any_and_its_original_be_seen(client: Client) -> None:
    lonely = image(client, NONE)
    assert (lonely["state"], lonely["box"]) == ("rejected", None)
    assert client.get(f"/images/{lonely['image_id']}/original").raise_for_status().headers["content-type"]
    decide(client, kind="add_box", image=lonely["image_id"], box=RED)
    assert category(client)["boxes_waiting"]["added"] == 1


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ({"kind": "wrong_box", "image": "nothing"}, 404),
        ({"kind": "add_box", "image": "nothing", "box": RED}, 404),
        ({"kind": "add_box", "box": RED}, 422),
        ({"kind": "add_box", "image": BOTH, "box": [0.9, 0.1, 0.3, 0.3]}, 422),
        ({"kind": "add_box", "image": BOTH, "box": [0.1, 0.1, 0, 0.3]}, 422),
        ({"kind": "wrong_box", "image": BOTH, "box": RED}, 422),
    ],
)
def test_a_decision_about_no_box_is_refused(client: Client, decision: dict[str, Any], status: int) -> None:
    problem(client.post("/categories/posts/decisions", json={"decision": decision}), status)
    assert not client.get("/categories/posts/history").json()["items"]


def test_where_whole_images_are_clustered_boxes_are_refused_with_the_setting(tmp_path: Path) -> None:
    objects_library(tmp_path / "library", 24)
    site = Site(tmp_path)
    site.run()
    with site.serve() as client:
        there = image(client, "posts/de/de-000.png")
        body = {"decision": {"kind": "add_box", "image": there["image_id"], "box": RED}}
        refused = problem(client.post("/categories/posts/decisions", json=body), 422)
        assert "objects.unit" in refused["detail"]
        found = category(client)
        assert (found["unit"], found["objects"], found["boxes_waiting"]) == ("image", None, None)


def test_a_region_is_seen_as_it_was_drawn_and_kept_nowhere(site: Site, client: Client) -> None:
    there = image(client, BOTH)
    before = {path: path.stat().st_mtime_ns for path in site.data.rglob("*") if path.is_file()}
    answer = client.get(f"/images/{there['source_id']}/region", params={"box": "0.6,0.6,0.25,0.25"})
    picture = Image.open(BytesIO(answer.raise_for_status().content))
    assert picture.size == (30, 30)
    red, green, blue = picture.resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert blue > 150 > max(red, green)
    etag = answer.headers["etag"]
    again = client.get(f"/images/{there['image_id']}/region", params={"box": "0.6,0.6,0.25,0.25"},
                       headers={"If-None-Match": etag})  # fmt: skip
    assert again.status_code == 304
    assert {path: path.stat().st_mtime_ns for path in site.data.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("box", ["", "1", "a,b,c,d", "0.9,0.1,0.3,0.3", "0.1,0.1,0,0.3", "nan,0,1,1", "0,0,inf,1"])
def test_a_region_that_is_none_is_told(client: Client, box: str) -> None:
    problem(client.get(f"/images/{image(client, BOTH)['image_id']}/region", params={"box": box}), 422)


def test_a_region_is_seen_with_the_margin_of_objects_as_their_stored_crops_are(tmp_path: Path) -> None:
    objects_library(tmp_path / "library", 24)
    site = Site(tmp_path, objects={"unit": "object", "margin": 0.2})
    site.run()
    with site.serve() as client:
        there = image(client, "posts/de/de-000.png")
        address = f"/images/{there['image_id']}/region"
        question = {"box": ",".join(map(str, there["box"])), "as_object": "true"}
        answer = client.get(address, params=question).raise_for_status()
        stored = client.get(f"/thumbnails/{there['content_hash']}").raise_for_status()
        sizes = [Image.open(BytesIO(one.content)).size for one in (answer, stored)]
        assert sizes == [(43, 43), (43, 43)]  # whole pixels around a box of 30 pixels, and a fifth of it on each side
        bare = client.get(address, params={"box": question["box"]}).raise_for_status()
        assert Image.open(BytesIO(bare.content)).size == (31, 31)
        assert bare.headers["etag"] != answer.headers["etag"]
