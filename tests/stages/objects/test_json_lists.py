"""Lists are read an element at a time, and damage is told as `json.loads` tells it."""

import json
import tracemalloc

import pytest

from pipeline.stages.objects.json_lists import elements


def test_each_list_of_the_outermost_object_is_told_with_its_elements() -> None:
    document = {"a": 1, "b": [{"c": [1, 2]}, None, "x"], "d": [], "e": {"f": [3]}, "g": "[", "h": [[4], 5.5]}
    told = [
        ("b", None),
        ("b", {"c": [1, 2]}),
        ("b", None),
        ("b", "x"),
        ("d", None),
        ("h", None),
        ("h", [4]),
        ("h", 5.5),
    ]
    for text in (json.dumps(document), json.dumps(document, indent=2), f"\n {json.dumps(document)}\r\n"):
        assert list(elements(text)) == told


@pytest.mark.parametrize("text", ["[1, [2]]", "7", "", " "])
def test_what_is_no_object_has_no_lists(text: str) -> None:
    assert list(elements(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"a"',
        '{"a" 1}',
        '{"a": [',
        '{"a": [1',
        '{"a": [1 2]}',
        '{"a": [x]}',
        '{"a": 1 "b": 2}',
        '{"a": 1} {',
        "{1}",
    ],
)
def test_damage_is_an_error_as_that_of_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    with pytest.raises(json.JSONDecodeError):
        list(elements(text))


def test_a_long_list_takes_no_memory_of_its_own() -> None:
    text = json.dumps({"boxes": [{"id": n, "bbox": [n, n, 9.5, 9.5]} for n in range(50_000)]})
    tracemalloc.start()
    try:
        assert sum(1 for _ in elements(text)) == 50_001
        assert tracemalloc.get_traced_memory()[1] < len(text) // 10
    finally:
        tracemalloc.stop()
