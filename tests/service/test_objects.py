"""Objects in the API: each is an image of its own, with its box and its image."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.site import Client, Site, problem
from tests.steps.objects_library import add_scene, objects_library


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("objects")
    library = objects_library(root / "library", 24)
    boxes = [(0.1, 0.1, 0.25, 0.25), (0.6, 0.6, 0.25, 0.25)]
    add_scene(Path(library), "posts/de/de-900.png", ["red", "blue"], boxes, 900)
    site = Site(root, objects={"unit": "object", "margin": 0.0})
    site.run()
    with site.serve() as made:
        yield made


def test_every_object_is_listed_with_its_box_and_its_image(client: Client) -> None:
    items = client.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    assert len(items) == 26
    assert all(len(item["box"]) == 4 and item["source_id"] != item["image_id"] for item in items)
    both = [item for item in items if item["key"] == "posts/de/de-900.png"]
    assert len({item["source_id"] for item in both}) == 1
    assert len({item["cluster"] for item in both}) == 2


def test_the_objects_of_an_image_are_found_by_its_id_and_by_theirs(client: Client) -> None:
    items = client.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    first, second = (item for item in items if item["key"] == "posts/de/de-900.png")
    by_image = client.get(f"/images/{first['source_id']}/objects").raise_for_status().json()
    by_object = client.get(f"/images/{second['image_id']}/objects").raise_for_status().json()
    assert by_image == by_object
    assert {item["image_id"] for item in by_image["items"]} == {first["image_id"], second["image_id"]}
    problem(client.get("/images/0000000000000000/objects"), 404)


def test_similar_objects_are_found_whatever_surrounds_them(client: Client) -> None:
    items = client.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    red = next(item for item in items if item["key"] == "posts/de/de-000.png")
    found = client.get("/similarity/find", params={"image_id": red["image_id"], "top_k": 9}).raise_for_status().json()
    names = {hit["image"]["key"] for hit in found["items"]}
    assert {int(name[12:15]) % 3 for name in names - {"posts/de/de-900.png"}} == {0}


def test_an_upload_is_compared_with_objects(client: Client, tmp_path: Path) -> None:
    from tests.steps.objects_library import scene

    scene(["green"], [(0, 0, 1, 1)], 5).save(tmp_path / "a.png")
    files = {"file": ("a.png", (tmp_path / "a.png").read_bytes(), "image/png")}
    found = client.post("/similarity/find", files=files).raise_for_status().json()
    assert found["items"][0]["image"]["box"] is not None


def test_the_thumbnail_is_the_crop_and_the_original_the_whole_image(client: Client) -> None:
    items = client.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    item = items[0]
    assert client.get(f"/images/{item['image_id']}/thumbnail").raise_for_status().content
    assert client.get(f"/images/{item['image_id']}/original").raise_for_status().headers["content-type"] == "image/png"


def test_the_page_marks_objects_with_their_box(client: Client) -> None:
    (cluster, *_) = client.get("/categories/posts/clusters").raise_for_status().json()["items"]
    page = client.get(f"{client.url}/c/posts/cluster/{cluster['id']}").raise_for_status()
    assert 'data-box="0.' in page.text


def test_a_region_of_an_image_is_a_query(client: Client) -> None:
    items = client.get("/images", params={"category": "posts", "limit": 100}).raise_for_status().json()["items"]
    red = next(item for item in items if item["key"] == "posts/de/de-900.png" and item["box"][0] < 0.5)
    body = {"image_id": red["image_id"], "box": [0.6, 0.6, 0.25, 0.25], "top_k": 9}
    hits = client.post("/similarity/find", json=body).raise_for_status().json()["items"]
    (own,) = (hit for hit in hits if hit["image"]["key"] == "posts/de/de-900.png")
    assert own["image"]["box"] == [0.6, 0.6, 0.25, 0.25]
    assert own["score"] == pytest.approx(1, abs=1e-3)
    by_image = client.post("/similarity/find", json={**body, "image_id": red["source_id"]}).raise_for_status().json()
    assert by_image["items"] == hits
    others = [int(hit["image"]["key"][12:15]) % 3 for hit in hits if "900" not in hit["image"]["key"]]
    assert set(others) == {2}


@pytest.mark.parametrize(
    "body",
    [
        {"text": "red", "box": [0, 0, 1, 1]},
        {"image_id": "x", "box": [0.9, 0, 0.5, 1]},
        {"image_id": "x", "box": [0, 0, 0, 1]},
        {"image_id": "x", "box": [0, 0, 1]},
    ],
)
def test_a_region_that_is_none_is_refused(client: Client, body: dict[str, object]) -> None:
    problem(client.post("/similarity/find", json=body), 422)


def test_pages_know_that_they_show_objects_so_that_faces_of_clusters_are_shown_whole(client: Client) -> None:
    assert 'data-unit="object"' in client.get(f"{client.url}/c/posts").text


def test_the_pages_call_objects_objects(client: Client) -> None:
    wall = client.get(f"{client.url}/c/posts").text
    cluster = client.get("/categories/posts/clusters").json()["items"][0]
    assert f"<span>{cluster['size']} objects</span>" in wall
    assert f"<span>{cluster['size']} objects</span>" in client.get(f"{client.url}/c/posts/cluster/{cluster['id']}").text
