"""Suggested names over the API."""

from tests.service.site import Site


def test_unnamed_clusters_have_an_entry_and_an_encoder_that_only_sees_gives_no_words(site: Site) -> None:
    with site.serve() as client:
        found = client.get("/categories/bollards/name-ideas").json()
        clusters = client.get("/categories/bollards/clusters").json()["items"]
    assert [one["cluster"] for one in found] == [one["id"] for one in clusters if one["name"] is None]
    assert {(one["looks_like"], one["score"]) for one in found} == {(None, None)}
