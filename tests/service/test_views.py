"""Saved views: kept, listed, replaced, removed and brought back; and filters of images that hold together."""

import pytest

from tests.service.site import Client, Site, problem


def test_a_view_is_kept_for_everybody_and_its_removal_can_be_undone(site: Site) -> None:
    with site.serve() as client:
        address = "find?tag=wet%20posts&sort=-date"
        made = client.post("/categories/bollards/views", json={"name": "Wet", "address": address, "actor": "ann"})
        assert made.status_code == 201
        client.post("/categories/bollards/views", json={"name": "All", "address": ""}).raise_for_status()
        items = client.get("/categories/bollards/views").json()["items"]
        assert [(one["name"], one["url"], one["actor"]) for one in items] == [
            ("All", "/c/bollards", "api"), ("Wet", f"/c/bollards/{address}", "ann"),
        ]  # fmt: skip
        assert client.get(f"{client.url}{items[1]['url']}").status_code == 200
        gone = client.delete("/categories/bollards/views/Wet", params={"actor": "ben"}).raise_for_status().json()
        assert [one["name"] for one in client.get("/categories/bollards/views").json()["items"]] == ["All"]
        client.post("/categories/bollards/undo", json={"number": gone["number"]}).raise_for_status()
        assert [one["name"] for one in client.get("/categories/bollards/views").json()["items"]] == ["All", "Wet"]
        assert problem(client.delete("/categories/bollards/views/Dry"), 404)["nearest"] is not None
    with site.serve(read_only=True) as client:
        assert len(client.get("/categories/bollards/views").json()["items"]) == 2


@pytest.mark.parametrize(
    "address", ["//evil.example", "https://evil.example", "javascript:alert(1)", "../x", "find?<b>", "/c/other"]
)
def test_a_view_is_an_address_of_this_page_only(shared: Client, address: str) -> None:
    problem(shared.post("/categories/bollards/views", json={"name": "x", "address": address}), 422)


def test_filters_of_images_hold_together_and_order_them(shared: Client) -> None:
    every = shared.get("/images", params={"category": "bollards", "group": "de", "sort": "name"}).json()
    keys = [one["key"] for one in every["items"]]
    assert keys == sorted(keys)
    cluster = every["items"][0]["cluster"]
    both = {"category": "bollards", "group": "de", "cluster": cluster, "state": "unnamed", "q": "de-0"}
    found = shared.get("/images", params=both).json()
    assert found["total"] == 6
    assert {one["cluster"] for one in found["items"]} == {cluster}
    assert shared.get("/images", params={**both, "until": "1999-12-31"}).json()["total"] == 0
    assert shared.get("/images", params={**both, "since": "1999-12-31"}).json()["total"] == 6
    assert shared.get("/images", params={**both, "state": "named"}).json()["total"] == 0
    assert shared.get("/images", params={**both, "camera": "Pixel 8"}).json()["total"] == 0


def test_an_export_takes_the_same_filters(shared: Client) -> None:
    wanted = {"format": "json", "group": "de", "q": "de-00"}
    rows = shared.get("/categories/bollards/export", params=wanted).raise_for_status().json()
    assert sorted(row["key"].rpartition("/")[2][:6] for row in rows) == [
        "de-000",
        "de-002",
        "de-004",
        "de-006",
        "de-008",
    ]
    assert shared.get("/categories/bollards/export", params={**wanted, "until": "1999-12-31"}).json() == []


def test_midnight_is_a_moment_and_a_day_counts_to_its_end(shared: Client) -> None:
    every = shared.get("/images", params={"category": "bollards"}).json()["items"]
    latest = max(one["date"] for one in every)
    day = latest[:10]
    before = sum(one["date"] < f"{day}T00:00:00.001" for one in every)

    def until(value: str) -> int:
        return shared.get("/images", params={"category": "bollards", "until": value}).raise_for_status().json()["total"]

    assert until(day) == len(every) > before
    assert until(f"{day}T00:00:00") == until(f"{day}T00:00:00Z") == before
    assert until(f"{day}T00:00:00-14:00") == sum(one["date"] < f"{day}T14:00:00.001" for one in every)


def test_a_time_that_is_no_time_in_utc_is_refused(shared: Client) -> None:
    early = "0001-01-01T01:00:00+05:00"
    answer = shared.get("/images", params={"category": "bollards", "since": early})
    assert "UTC" in problem(answer, 422)["detail"]
    problem(shared.get("/images", params={"category": "bollards", "since": "2026-11-21T99:00"}), 422)
    image = shared.ids()[0]
    problem(shared.post("/similarity/find", json={"image_id": image, "filters": {"since": early}}), 422)
    problem(shared.get("/similarity/find", params={"image_id": image, "until": "9999-12-31T23:00:00-05:00"}), 422)


def test_a_view_whose_name_has_a_slash_can_be_removed(site: Site) -> None:
    with site.serve() as client:
        client.post("/categories/bollards/views", json={"name": "a/b", "address": ""}).raise_for_status()
        client.delete("/categories/bollards/views/a%2Fb").raise_for_status()
        assert client.get("/categories/bollards/views").json()["items"] == []


def test_an_empty_tag_is_all_images_in_lists_and_exports(shared: Client) -> None:
    listed = shared.get("/images", params={"category": "bollards", "tag": ""}).raise_for_status().json()
    rows = shared.get("/categories/bollards/export", params={"format": "json", "tag": ""}).raise_for_status().json()
    assert len(rows) == listed["total"]
