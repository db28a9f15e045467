"""Similarity search is exact, and a member finds itself first."""

from pathlib import Path

import numpy as np

from pipeline.stages.similarity.index import build, load, open_mapped, refined, search, update, vector_of


def test_a_member_finds_itself_first_with_score_one() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(size=(300, 48)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    index = load(build(data.astype(np.float16)))
    for row in (0, 17, 299):
        hits = search(index, data[row], 5)
        assert hits[0].row == row
        assert abs(hits[0].score - 1.0) < 2e-3
        exact = np.argsort(-(data @ data[row]))[:5]
        assert [hit.row for hit in hits] == exact.tolist()


def test_more_results_than_images_are_not_invented() -> None:
    index = load(build(np.eye(3, dtype=np.float32)))
    assert [hit.row for hit in search(index, np.array([0, 1, 0.5]), 50)] == [1, 2, 0]


def some(count: int, dimension: int = 24, seed: int = 1) -> np.ndarray:
    data = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return data / np.linalg.norm(data, axis=1, keepdims=True)


def test_a_filter_is_part_of_the_search_and_not_applied_to_its_results() -> None:
    data = some(2000)
    index = load(build(data))
    allowed = np.zeros(2000, dtype=bool)
    allowed[np.argsort(data @ data[0])[:60]] = True  # the sixty least similar: none is among the best 50 of all
    hits = search(index, data[0], 50, allowed)
    assert len(hits) == 50
    assert all(allowed[hit.row] for hit in hits)
    best = [row for row in np.argsort(-(data @ data[0])) if allowed[row]][:50]
    assert {hit.row for hit in hits} == {int(row) for row in best}


def test_an_updated_index_answers_as_one_that_was_built_afresh() -> None:
    data = some(300)
    updated = load(update(build(data[:200]), [0, 17, 199], data[200:]))
    fresh = load(build(np.delete(data, [0, 17, 199], axis=0)))
    for row in (0, 100, 296):
        assert search(updated, data[row], 10) == search(fresh, data[row], 10)


def test_an_index_that_lost_everything_is_empty_and_can_be_filled_again() -> None:
    data = some(3)
    empty = update(build(data), [0, 1, 2], data[:0])
    assert empty == b""
    assert load(update(empty, [], data)).ntotal == 3


def test_a_mapped_index_answers_as_the_one_in_memory(tmp_path: Path) -> None:
    data = some(500)
    path = tmp_path / "index.faiss"
    path.write_bytes(build(data))
    mapped = open_mapped(path)
    assert search(mapped, data[3], 20) == search(load(path.read_bytes()), data[3], 20)
    assert np.allclose(vector_of(mapped, 3), data[3], atol=1e-3)
    path.write_bytes(b"")
    assert open_mapped(path) is None


def test_likes_draw_a_query_near_and_dislikes_push_it_away() -> None:
    query, liked, disliked = np.eye(3, dtype=np.float32)
    moved = refined(query, liked[None], disliked[None])
    assert np.isclose(np.linalg.norm(moved), 1.0)
    assert moved @ liked > query @ liked
    assert moved @ disliked < query @ disliked
    nothing = np.empty((0, 3), np.float32)
    assert np.allclose(refined(query, nothing, nothing), query)
