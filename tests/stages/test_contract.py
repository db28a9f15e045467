"""Facts become JSON as they are stored, and come back as the model says or not at all."""

import json

import pytest
from pydantic import ValidationError

from pipeline.stages.contract import StageFacts
from pipeline.stages.duplicates.contract import Facts as DuplicateFacts
from pipeline.stages.labels.contract import Base, Facts
from pipeline.stages.reduced.contract import Facts as ReducedFacts
from pipeline.stages.similarity.contract import CellSearch
from pipeline.stages.similarity.contract import Facts as SimilarityFacts

COUNTS = {"groups": 2, "unclustered": 1, "largest": 5, "images": 9}


def test_what_is_stored_are_the_facts_that_were_given_in_order_and_seen_last() -> None:
    facts = Facts(**COUNTS, full=Base(at="2026-11-21T00:00:00Z", images=9, made_of="x"), mode="full")
    stored = facts.model_copy(update={"seen": "abc"}).stored()
    assert list(stored) == [*COUNTS, "mode", "full", "seen"]
    assert stored["full"] == {"at": "2026-11-21T00:00:00Z", "images": 9, "made_of": "x"}


def test_an_exact_index_records_an_empty_search_as_it_always_did() -> None:
    assert SimilarityFacts(vectors=1, embeddings="e", search=CellSearch()).stored()["search"] == {}


def test_facts_come_back_from_json_as_they_were() -> None:
    facts = ReducedFacts(embeddings="e", dimension=0, pairs=[("a", "b", True)], space_params={"weights": {"time": 0.5}})
    again = ReducedFacts.of(json.loads(json.dumps(facts.stored())))
    assert again == facts
    assert facts.stored()["pairs"] == [["a", "b", True]]


def test_whole_numbers_and_fractions_stay_what_they_are() -> None:
    settings = {"max_hamming": 10, "max_difference": 40.0}
    stored = dict.fromkeys(name for name, field in DuplicateFacts.model_fields.items() if field.is_required())
    facts = DuplicateFacts.of({**dict.fromkeys(stored, 0), "compared": ["e", settings, 2, 1]})
    assert json.dumps(facts.stored()["compared"]) == json.dumps(["e", settings, 2, 1])


def test_facts_of_older_versions_lack_some_and_those_of_newer_ones_have_more() -> None:
    old = Facts.of({**COUNTS, "of_tomorrow": 1})
    assert (old.full, old.came_since_full, old.mode) == (None, 0, None)
    assert "of_tomorrow" not in old.stored()


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        Facts.of({**COUNTS, "groups": "2", "full": {"at": "", "images": 1}, "mode": "half"})
    assert {one["loc"] for one in caught.value.errors()} == {("groups",), ("full", "made_of"), ("mode",)}


def test_facts_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        StageFacts(seen="a").seen = "b"  # pyright: ignore[reportAttributeAccessIssue]
