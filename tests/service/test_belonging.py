"""What else belongs to a kind that people make: loose images and those at the edge of their cluster."""

import numpy as np

from pipeline.service.belonging import edge_rows
from pipeline.service.page import members
from tests.service.site import Client, problem


def test_only_loose_and_edge_images_are_proposed_best_first_and_none_of_the_given(shared: Client) -> None:
    snapshot = shared.service.library.get("bollards")
    given = [str(snapshot.frame["image_id"][row]) for row in next(iter(snapshot.rows_by_cluster.values()))[:3]]
    answer = shared.post("/categories/bollards/belonging", json={"image_ids": given, "limit": 1000}).json()
    found = [hit["image"]["image_id"] for hit in answer["items"]]
    scores = [hit["score"] for hit in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    names = snapshot.frame["image_id"]
    asked = {names[row] for row in [*snapshot.rows_by_state.get("unclustered", []), *edge_rows(snapshot)]}
    assert set(found) == asked - set(given)
    vectors = shared.service.searcher.vectors(given).astype(np.float64)
    centre = vectors.mean(axis=0) / np.linalg.norm(vectors.mean(axis=0))
    own = vectors @ centre
    assert answer["floor"] == round(own.mean() - own.std(), 4)
    other = shared.service.searcher.vectors(found[:1]).astype(np.float64)[0]
    assert abs(scores[0] - float(other @ centre)) < 1e-3


def test_the_edge_is_the_one_that_the_page_of_a_cluster_shows(shared: Client) -> None:
    snapshot = shared.service.library.get("bollards")
    shown = [row for cluster in snapshot.clusters for row, heading in
             members.sections(snapshot, cluster, "typical").heading.items() if heading == members.EDGE]  # fmt: skip
    assert shown
    assert sorted(edge_rows(snapshot)) == sorted(shown)


def test_one_image_has_no_floor_and_unknown_ones_are_refused(shared: Client) -> None:
    (image, *_) = shared.ids()
    assert shared.post("/categories/bollards/belonging", json={"image_ids": [image]}).json()["floor"] is None
    problem(shared.post("/categories/bollards/belonging", json={"image_ids": ["no-such"]}), 404)
    problem(shared.post("/categories/posts/belonging", json={"image_ids": [image]}), 404)
