"""The wall of clusters page by page, its filters, and the order of a cluster's images."""

import re

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
                                              ("group=fr", 1), ("tag=nothing", 0), ("q=c-", 3)])  # fmt: skip
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
