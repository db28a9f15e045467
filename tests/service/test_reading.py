"""What the API tells of a library: every image is somewhere, lists come whole over pages, and files are sent safely."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image

from tests.service.site import Client, Site, problem


def test_every_image_is_counted_once(shared: Client) -> None:
    found = {one["slug"]: one for one in shared.get("/categories").json()["items"]}
    bollards = found["bollards"]
    assert bollards["images"] == 38
    parts = ("clustered", "unclustered", "rejected", "excluded", "new")
    assert sum(bollards[part] for part in parts) == 38
    assert bollards["rejected"] == 1
    assert sum(one["size"] for one in shared.clusters()) == bollards["clustered"]
    assert shared.get("/categories/posts").json()["images"] == 6


def test_pages_together_are_the_whole_list(shared: Client) -> None:
    whole = shared.ids()
    seen, cursor = [], None
    while True:
        query = {"category": "bollards", "limit": 7} | ({"cursor": cursor} if cursor else {})
        page = shared.get("/images", params=query).json()
        assert page["total"] == 38
        seen += [one["image_id"] for one in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen == whole
    assert len(set(seen)) == 38


def test_clusters_are_sorted_and_filtered(shared: Client) -> None:
    sizes = [one["size"] for one in shared.clusters()]
    assert sizes == sorted(sizes, reverse=True)
    up = shared.get("/categories/bollards/clusters", params={"sort": "size"}).json()["items"]
    assert [one["size"] for one in up] == sorted(sizes)
    assert shared.get("/categories/bollards/clusters", params={"named": True}).json()["total"] == 0
    french = shared.get("/categories/bollards/clusters", params={"group": "fr"}).json()["items"]
    assert len(french) == 1
    problem(shared.get("/categories/bollards/clusters", params={"sort": "beauty"}), 422)


def test_a_cluster_its_images_and_their_cluster_agree(shared: Client) -> None:
    cluster = shared.clusters()[0]
    images = shared.get(f"/clusters/{cluster['id']}/images").json()
    assert images["total"] == cluster["size"]
    first = images["items"][0]
    assert first["image_id"] == cluster["representative"]
    assert first["cluster"] == cluster["id"]
    assert shared.get(f"/images/{first['image_id']}/cluster").json()["id"] == cluster["id"]
    assert shared.ids(cluster=cluster["id"]) == [one["image_id"] for one in images["items"]]
    both = shared.ids(cluster=cluster["id"], group="de")
    assert both
    assert set(both) < set(shared.ids(group="de"))


def test_the_rejected_come_with_the_reason(shared: Client) -> None:
    page = shared.get("/categories/bollards/rejected").json()
    assert [one["key"] for one in page["items"]] == ["bollards/fr/fr-101-800w.png"]
    assert page["items"][0]["reason"].startswith("broken: ")
    assert page["items"][0]["cluster"] is None
    unclustered = shared.get("/categories/bollards/unclustered").json()
    assert all(one["state"] == "unclustered" and one["nearest_cluster"] for one in unclustered["items"])
    name = page["items"][0]["image_id"]
    problem(shared.get(f"/images/{name}/original"), 409)
    problem(shared.get(f"/images/{name}/embedding"), 409)
    assert "rejected" in problem(shared.get(f"/images/{name}/cluster"), 404)["detail"]


def test_unknown_names_are_told_with_the_nearest(shared: Client) -> None:
    assert problem(shared.get("/categories/bolards/clusters"), 404)["nearest"] == ["bollards"]
    cluster = shared.clusters()[0]["id"]
    near = problem(shared.get(f"/clusters/{cluster[:-1]}0"), 404)
    assert cluster in near["nearest"]
    assert cluster in near["detail"]
    image = shared.ids()[0]
    assert image in problem(shared.get(f"/images/{image[:-1]}x"), 404)["nearest"]
    assert problem(shared.get("/images", params={"category": "bollards", "group": "d"}), 404)["nearest"] == ["de"]
    problem(shared.get("/no/such/thing"), 404)
    problem(shared.put("/categories"), 405)


def test_limits_and_cursors_are_checked(shared: Client) -> None:
    assert "max_page" in problem(shared.get("/images?category=bollards&limit=5000"), 422)["detail"]
    for cursor in ("x", "WzFd", "é", "bnVsbA", "WyJhIiwgLTFd"):
        problem(shared.get("/images", params={"category": "bollards", "cursor": cursor}), 422)


def test_a_thumbnail_is_small_webp_and_rarely_asked_for_twice(shared: Client) -> None:
    name = shared.ids()[0]
    answer = shared.get(f"/images/{name}/thumbnail", params={"size": 40})
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.format == "WEBP"
        assert max(image.size) == 40
    value = shared.get(f"/images/{name}").json()["content_hash"]
    lasting = shared.get(f"/thumbnails/{value}")
    assert "stale-while-revalidate" in lasting.headers["cache-control"]
    again = shared.get(f"/thumbnails/{value}", headers={"If-None-Match": lasting.headers["etag"]})
    assert again.status_code == 304
    assert not again.content
    problem(shared.get(f"/thumbnails/{'0' * 32}"), 404)
    problem(shared.get(f"/thumbnails/{value}", params={"size": 100_000}), 422)


@pytest.mark.parametrize(
    "path",
    ["images/../../../etc/passwd/original", "images/%2e%2e%2f%2e%2e%2fetc%2fpasswd/original", "thumbnails/../../x",
     "thumbnails/%2fetc%2fpasswd", "images/bollards%2fde%2fde-000-800w.png/original"],
)  # fmt: skip
def test_no_path_leads_out_of_the_library(shared: Client, path: str) -> None:
    answer = shared.get(f"{shared.url}/api/v1/{path}")
    assert answer.status_code in (404, 422)
    assert b"root:" not in answer.content


def test_the_map_is_the_same_in_both_formats_and_known_by_its_etag(shared: Client) -> None:
    columns = shared.get("/categories/bollards/map").json()
    assert columns["count"] == 37
    answer = shared.get("/categories/bollards/map", params={"format": "binary"})
    data = answer.content
    assert data[:4] == b"ICM1"
    length = struct.unpack_from("<I", data, 4)[0]
    head = json.loads(data[8 : 8 + length])
    assert head["clusters"] == columns["clusters"]
    body, n = data[8 + length :], head["count"]
    assert len(body) == 20 * n
    assert np.allclose(np.frombuffer(body, "<f4", n), columns["x"], atol=1e-3)
    numbers = np.frombuffer(body, "<i4", n, 8 * n)
    assert [None if one < 0 else one for one in numbers.tolist()] == columns["cluster"]
    assert body[12 * n :].hex()[:16] == columns["ids"][0]
    etag = answer.headers["etag"]
    again = shared.get("/categories/bollards/map", params={"format": "binary"}, headers={"If-None-Match": etag})
    assert again.status_code == 304


def test_the_change_report_is_the_published_one(site: Site) -> None:
    with site.serve() as client:
        assert problem(client.get("/categories/bollards/changes"), 409)["type"] == "/problems/not-published"
        site.publish()
        published = json.loads((site.data / "published/bollards/changes.json").read_bytes())
        assert client.get("/categories/bollards/changes").json() == published


def test_the_paths_of_the_specification_answer_too(shared: Client) -> None:
    name = shared.ids()[0]
    found = shared.get(f"{shared.url}/api/similarity/find", params={"image_id": name, "top_k": 5})
    assert found.json()["items"][0]["image"]["image_id"] == name
    assert shared.get(f"{shared.url}/health").json() == {"status": "ok"}
