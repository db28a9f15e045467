"""The wall of clusters page by page, its filters, and the order of a cluster's images."""

import re
import shutil
from pathlib import Path

import pytest

from pipeline.service.page import members
from tests.service.site import Client, Site


def ids(page: str) -> list[str]:
    return re.findall(r'class="card[^"]*" data-id="([^"]+)"', page)


def test_the_wall_comes_in_parts_without_gap_or_repetition(shared: Client) -> None:
    seen: list[str] = []
    address = "/c/bollards?limit=1"
    for _ in range(3):
        page = shared.get(f"{shared.url}{address}").text
        seen += ids(page)
        more = re.search(r'data-more href="(\?[^"]+)"', page)
        address = f"/c/bollards{more[1].replace('&amp;', '&')}&limit=1" if more else ""
    assert address == ""
    assert sorted(seen) == sorted(one["id"] for one in shared.clusters())


@pytest.mark.parametrize(("query", "count"), [("which=unnamed", 3), ("which=named", 0), ("which=hidden", 0),
                                              ("group=fr", 1), ("tag=nothing", 0), ("q=c-", 0)])  # fmt: skip
def test_filters_leave_what_fits(shared: Client, query: str, count: int) -> None:
    assert len(ids(shared.get(f"{shared.url}/c/bollards?{query}").text)) == count


def test_core_and_edge_hold_every_image_once_and_the_edge_is_less_typical(shared: Client) -> None:
    snapshot = shared.service.library.get("bollards")
    for cluster, rows in snapshot.rows_by_cluster.items():
        found = members.sections(snapshot, cluster, "typical")
        assert sorted(found.rows) == sorted(rows)
        similarity = snapshot.frame["similarity"]
        core = [similarity[row] for row in rows if found.heading[row] == members.CORE]
        edge = [similarity[row] for row in rows if found.heading[row] == members.EDGE]
        assert min(core) >= max(edge, default=-1)


def test_an_image_that_people_placed_stands_apart(site: Site) -> None:
    with site.serve() as client:
        one, two = (found["id"] for found in client.clusters()[:2])
        image = client.ids(cluster=one)[3]
        moved = {"decision": {"kind": "move", "images": [image], "to": two}}
        client.post("/categories/bollards/decisions", json=moved).raise_for_status()
        snapshot = client.service.library.get("bollards")
        found = members.sections(snapshot, two, "typical")
        row = snapshot.base.row_of[image]
        placed = snapshot.rows_by_hash[snapshot.frame["content_hash"][row]]  # a copy goes along
        assert sorted(found.rows[: found.sizes[members.PLACED]]) == sorted(placed)
        assert row in placed
        assert members.PLACED in client.get(f"{client.url}/c/bollards/cluster/{two}").text


def test_the_search_finds_a_cluster_by_the_beginning_of_its_id_not_by_any_letters_of_it(shared: Client) -> None:
    first = shared.clusters()[0]["id"]
    assert ids(shared.get(f"{shared.url}/c/bollards?q={first[:6]}").text) == [first]
    assert ids(shared.get(f"{shared.url}/c/bollards?q={first[3:5]}").text) == []
    assert [one["id"] for one in shared.get(f"/categories/bollards/clusters?q={first}").json()["items"]] == [first]
    assert shared.get(f"/categories/bollards/clusters?q={first[3:8]}").json()["items"] == []


def test_groups_are_called_countries_only_where_they_are(shared: Client) -> None:
    bollards, posts = (shared.get(f"{shared.url}/c/{slug}").text for slug in ("bollards", "posts"))
    assert "All countries" in bollards
    assert "All folders" in shared.get(f"{shared.url}/c/posts/find").text
    assert "countr" not in re.sub(r'class="country[^"]*"|data-country', "", posts)
    cluster = shared.clusters()[0]["id"]
    assert "By country" in shared.get(f"{shared.url}/c/bollards/cluster/{cluster}").text


def test_the_name_of_groups_is_a_setting(drawn: Path, tmp_path: Path) -> None:
    shutil.copytree(drawn, tmp_path / "site", symlinks=True)
    section = {"url": str(tmp_path / "site/library"), "group_label": {"bollards": "year"}}
    with Site(tmp_path / "site", source=section).serve() as client:
        assert "All years" in client.get(f"{client.url}/c/bollards").text
        assert "Colour by year" in client.get(f"{client.url}/c/bollards/map").text
