"""A renamed category goes on with the decisions that it had, and carrying them over twice adds nothing."""

from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.events import ClusterState
from pipeline.curation.review import Flag
from pipeline.storage.curation.copying import common_events, copy_events
from pipeline.storage.curation.engine import database_url
from pipeline.storage.curation.store import CurationStore

NOW = "2026-11-21T00:00:00Z"
STATE = {"c-1": ClusterState("White", "active", frozenset({"a1", "b2"}), "All white")}


@pytest.fixture
def store(tmp_path: Path) -> CurationStore:
    made = CurationStore(database_url(tmp_path / "curation.sqlite3", None))
    decide(made, "old", d.Rename(cluster="c-1", name="Red"), d.Tag(images=("a1",), tag="night"), d.Undo(event=1))
    return made


def decide(store: CurationStore, category: str, *decisions: d.Decision, key: str | None = None) -> None:
    for decision in decisions:
        state = STATE if isinstance(decision, d.Rename) else None
        with store.transaction(category) as tx:
            tx.append(decision, at=NOW, actor="ann", state=state, key=key)


def test_all_that_was_decided_goes_on_with_its_states_and_places(store: CurationStore) -> None:
    assert copy_events(store, "old", "new") == 3
    assert list(store.events("new")) == list(store.events("old"))
    assert store.events("new")[0].state == STATE
    assert [event.number for event in store.touching("new", cluster="c-1")] == [3, 1]
    assert [event.number for event in store.touching("new", image="a1")] == [2]


def test_after_decisions_of_its_own_the_copied_ones_count_on_and_an_undo_means_the_copied_one(
    store: CurationStore,
) -> None:
    decide(store, "new", d.Rename(cluster="c-9", name="Blue"))
    assert copy_events(store, "old", "new") == 3
    copied = store.events("new")
    assert [event.number for event in copied] == [1, 2, 3, 4]
    assert copied[3].decision == d.Undo(event=2)
    decide(store, "new", d.Note(cluster="c-9", text="goes on"))
    assert store.last("new") == 5


def test_a_second_copy_adds_only_what_was_decided_since(store: CurationStore) -> None:
    copy_events(store, "old", "new")
    assert copy_events(store, "old", "new") == 0
    decide(store, "old", d.Rename(cluster="c-1", name="Crimson"))
    assert common_events(store.events("new"), store.events("old")) == 3
    assert copy_events(store, "old", "new") == 1
    assert list(store.events("new")) == list(store.events("old"))


def test_a_key_that_the_new_name_has_used_is_not_stored_twice(store: CurationStore) -> None:
    decide(store, "new", d.Note(cluster="c-9", text="here"), key="k")
    decide(store, "old", d.Note(cluster="c-1", text="there"), key="k")
    copy_events(store, "old", "new")
    with store.transaction("new") as tx:
        used = tx.with_key("k")
    assert used is not None
    assert used.number == 1
    assert len(store.events("new")) == 5


def test_a_flag_goes_along_once_and_remembers_what_was_decided_before_it(store: CurationStore) -> None:
    store.raise_flags("old", [Flag("c-1", "split", "was split", "run-7")], at=NOW)
    decide(store, "new", d.Rename(cluster="c-9", name="Blue"))
    copy_events(store, "old", "new")
    assert store.flags("new") == [Flag("c-1", "split", "was split", "run-7", 4)]
    copy_events(store, "old", "newer")
    copy_events(store, "old", "newer")
    assert store.flags("newer") == store.flags("old")
