"""Posted vectors: three formats, one answer; time and place count when they are given; long ones become a run."""

import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.service.vectors import Posted, posted, read_posted
from tests.service.site import Client, Site, problem

FEW = {"labels": {"min_cluster_size": 3}}


def kinds(each: int = 20, dimension: int = 16, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    middles = np.eye(3, dimension) * 3
    return (np.repeat(middles, each, axis=0) + rng.normal(0, 0.15, (3 * each, dimension))).astype(np.float32)


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def arrow(vectors: np.ndarray, **columns: list[Any]) -> bytes:
    table = pa.table({"vector": pa.array(vectors.tolist(), pa.list_(pa.float32())), **columns})
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def test_three_formats_give_the_same_groups(shared: Client) -> None:
    vectors = kinds()
    ids = [f"v{number}" for number in range(60)]
    by_json = shared.post("/cluster/vectors", json={"vectors": vectors.tolist(), "ids": ids, "parameters": FEW}).json()
    assert by_json["ids"] == ids
    assert by_json["unclustered"] == by_json["cluster"].count(None)
    assert len(by_json["clusters"]) == 3
    groups = [set(by_json["cluster"][start : start + 20]) - {None} for start in (0, 20, 40)]
    assert all(len(one) == 1 for one in groups)
    query = {"parameters": json.dumps(FEW)}
    for data, kind in (
        (npy(vectors), "application/octet-stream"),
        (npy(vectors), "application/x-npy"),
        (arrow(vectors, id=ids), "application/vnd.apache.arrow.stream"),
    ):
        answer = shared.post("/cluster/vectors", content=data, params=query, headers={"Content-Type": kind}).json()
        assert answer["cluster"] == by_json["cluster"]
        assert answer["probability"] == by_json["probability"]
    assert by_json["settings"]["labels"]["method"] == "community"


def test_equal_vectors_are_told(shared: Client) -> None:
    vectors = kinds()
    vectors[7] = vectors[3]
    answer = shared.post("/cluster/vectors", json={"vectors": vectors.tolist()}).json()
    assert answer["duplicates"] == [[3, 7]]


def test_the_same_picture_in_two_places_is_told_apart_when_place_counts(shared: Client) -> None:
    rng = np.random.default_rng(3)
    vectors = (np.eye(1, 8) + rng.normal(0, 0.05, (60, 8))).tolist()
    place = [[52.5, 13.4]] * 30 + [[-33.9, 151.2]] * 30
    parameters = {"labels": {"n_clusters": 2}}
    answer = shared.post("/cluster/vectors", json={"vectors": vectors, "place": place, "parameters": parameters}).json()
    here, there = set(answer["cluster"][:30]) - {None}, set(answer["cluster"][30:]) - {None}
    assert len(here) == len(there) == 1
    assert here != there
    assert answer["unclustered"] < 6
    assert answer["settings"]["weights"]["place"] == 1.0
    assert answer["settings"]["weights"]["time"] == 0.0
    parameters["labels"]["weights"] = {"place": 0.0}
    body = {"vectors": vectors, "place": place, "parameters": parameters}
    unweighted = shared.post("/cluster/vectors", json=body).json()
    assert unweighted["cluster"] == shared.post("/cluster/vectors", json={**body, "place": None}).json()["cluster"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"vectors": []}, "vectors"),
        ({"vectors": [[1.0], [1.0, 2.0]]}, "one length"),
        ({"vectors": [[]]}, "shape"),
        ({"vectors": [[1.0], [2.0]], "ids": ["a"]}, "2 vectors but 1 ids"),
        ({"vectors": [[1.0], [2.0]], "ids": ["a", "a"]}, "more than once"),
        ({"vectors": [[1.0]], "time": ["yesterday"]}, "Time 0"),
        ({"vectors": [[1.0]], "place": [[91.0, 0.0]]}, "Place 0"),
        ({"vectors": [[1.0]], "parameters": {"labels": {"n_clusters": 1}}}, "n_clusters"),
        ({"vectors": [[1.0]], "parameters": {"colour": 1}}, "colour"),
    ],
)
def test_what_is_wrong_is_said(shared: Client, body: dict[str, Any], said: str) -> None:
    assert said in problem(shared.post("/cluster/vectors", json=body), 422)["detail"]


def test_a_body_that_is_no_table_of_numbers_is_refused_and_never_run(shared: Client) -> None:
    def post(data: bytes, kind: str) -> Any:
        return shared.post("/cluster/vectors", content=data, headers={"Content-Type": kind})

    pickled = npy(np.array([{"a": 1}], dtype=object))
    for data in (pickled, b"", b"\x93NUMPY\x01\x00", npy(np.array(["x"])), npy(kinds())[:200], npy(np.zeros(3))):
        problem(post(data, "application/octet-stream"), 422)
    for data in (b"", b"ARROW1 nothing", arrow(kinds())[:300], arrow(kinds(), time=["x"] * 60)):
        problem(post(data, "application/vnd.apache.arrow.stream"), 422)
    problem(post(npy(np.array([[np.nan]])), "application/x-npy"), 422)
    problem(post(b"1,2,3", "text/csv"), 415)
    problem(post(b"{", "application/json"), 422)


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(site: Site) -> None:
    with Site(site.root, service={"max_vectors_megabytes": 0.01}).serve() as client:
        body = {"vectors": kinds().tolist()}
        assert "service" in problem(client.post("/cluster/vectors", json=body), 413)["detail"]


def test_many_vectors_become_a_run_with_a_result(site: Site) -> None:
    with Site(site.root, service={"vectors_inline": 10}).serve() as client:
        answer = client.post("/cluster/vectors", json={"vectors": kinds().tolist(), "parameters": FEW})
        assert answer.status_code == 202
        path = answer.headers["location"].removeprefix("/api/v1")
        run = client.until(path, lambda one: one["state"] not in ("queued", "running"))
        assert run["state"] == "succeeded", run
        result = client.get(f"{path}/result").json()
        assert len(result["clusters"]) == 3
        assert len(result["cluster"]) == 60


def test_what_is_handed_to_a_run_comes_back_the_same(tmp_path: Any) -> None:
    given = posted(kinds(2), [str(one) for one in range(6)], [0, None, "2026-01-01", 3.5, 1, 2], [None, *[[1, 2]] * 5])
    path = tmp_path / "vectors.npz"
    path.write_bytes(given.to_npz())
    again = read_posted(path)
    assert again.ids == given.ids
    assert np.array_equal(again.vectors, given.vectors)
    assert np.array_equal(again.hours, given.hours, equal_nan=True)
    assert np.array_equal(again.places, given.places, equal_nan=True)
    path.write_bytes(Posted(kinds(2)).to_npz())
    assert read_posted(path).hours is None
