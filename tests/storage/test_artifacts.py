"""A version is whole or not there, and the schema is checked on the way in and out."""

import json
from pathlib import Path

import polars as pl
import pytest

from pipeline.errors import FactsMismatchError, MissingArtifactError, NewerSchemaError
from pipeline.stages.contract import StageFacts
from pipeline.stages.labels.contract import Facts
from pipeline.storage.artifacts import ArtifactStore, digest
from pipeline.storage.layout import open_layout
from pipeline.storage.versions import VERSIONS_KEPT

SCHEMA = pl.Schema({"name": pl.String(), "size": pl.Int64()})


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(open_layout(tmp_path / "data"))


def write(store: ArtifactStore, size: int) -> None:
    frame = pl.DataFrame({"name": ["a"], "size": [size]}, schema=SCHEMA)
    store.write("cars", "labels", {"labels": (frame, SCHEMA)}, fingerprint=str(size), created_at="2026-11-21T00:00:00Z")


def test_what_was_written_is_read_back_with_its_provenance(store: ArtifactStore) -> None:
    write(store, 1)
    found = store.require("cars", "labels")
    assert found.table("labels", SCHEMA)["size"].to_list() == [1]
    assert found.provenance.fingerprint == "1"
    assert found.provenance.rows == {"labels": 1}


def test_a_reader_that_holds_an_old_version_is_not_disturbed_by_a_new_one(store: ArtifactStore) -> None:
    write(store, 1)
    held = store.require("cars", "labels")
    write(store, 2)
    assert held.table("labels", SCHEMA)["size"].to_list() == [1]
    assert store.require("cars", "labels").table("labels", SCHEMA)["size"].to_list() == [2]


@pytest.mark.parametrize(
    ("artifact", "command", "asset"),
    [("manifest", "run", "image_manifest"), ("similarity", "cluster", "similarity"), ("tuning", "tune", "tuning"),
     ("embeddings", "embed", "embeddings")],
)  # fmt: skip
def test_a_missing_artefact_names_the_command_and_the_asset_that_make_it(
    store: ArtifactStore, artifact: str, command: str, asset: str
) -> None:
    with pytest.raises(MissingArtifactError, match=f"`image-cluster {command}` first .or materialize {asset} in"):
        store.require("cars", artifact)


def test_old_versions_are_dropped_and_the_current_one_is_not(store: ArtifactStore) -> None:
    for size in range(VERSIONS_KEPT + 4):
        write(store, size)
    folder = store.layout.artifact("cars", "labels")
    assert len([path for path in folder.iterdir() if path.is_dir()]) == VERSIONS_KEPT
    assert store.require("cars", "labels").provenance.fingerprint == str(VERSIONS_KEPT + 3)


def test_a_write_that_fails_half_way_leaves_the_old_version_current(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, 1)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OSError, match="No space left"):
        write(store, 2)
    monkeypatch.undo()
    assert store.require("cars", "labels").provenance.fingerprint == "1"
    assert len([p for p in store.layout.artifact("cars", "labels").iterdir() if p.is_dir()]) == 1


def test_ctrl_c_between_tables_and_pointer_leaves_the_old_version_current(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(store, 1)
    monkeypatch.setattr("pipeline.storage.artifacts.write_atomically", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(store, 2)
    assert store.require("cars", "labels").provenance.fingerprint == "1"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_table_of_another_schema_is_refused_with_both_types(store: ArtifactStore) -> None:
    frame = pl.DataFrame({"name": ["a"], "size": ["large"]})
    with pytest.raises(ValueError, match="size: String instead of Int64"):
        store.write("cars", "labels", {"labels": (frame, SCHEMA)}, fingerprint="", created_at="")


def test_a_missing_artefact_says_which_command_makes_it(store: ArtifactStore) -> None:
    with pytest.raises(MissingArtifactError, match="image-cluster cluster"):
        store.require("cars", "labels")


def test_a_newer_artefact_is_refused(store: ArtifactStore) -> None:
    write(store, 1)
    pointer = store.layout.artifact("cars", "labels") / "current.json"
    pointer.write_text(json.dumps({**json.loads(pointer.read_text()), "schema_version": 99}))
    with pytest.raises(NewerSchemaError):
        store.current("cars", "labels")


def test_the_digest_tells_values_frames_and_their_order_apart() -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    assert digest(frame, 1) == digest(frame, 1)
    assert len({digest(frame, 1), digest(1, frame), digest(frame), digest(frame, "1"), digest(frame.reverse(), 1)}) == 5


def test_facts_that_cannot_be_read_are_all_named_with_the_file_and_what_to_run(store: ArtifactStore) -> None:
    write(store, 1)
    pointer = store.layout.artifact("cars", "labels") / "current.json"
    values = json.loads(pointer.read_text())
    values["facts"] = {"groups": "many", "unclustered": 0, "images": 3}
    pointer.write_text(json.dumps(values))
    with pytest.raises(FactsMismatchError) as caught:
        store.require("cars", "labels").facts(Facts)
    text = str(caught.value)
    assert str(pointer) in text
    assert "groups: " in text
    assert "largest: " in text
    assert "image-cluster cluster" in text


def test_facts_that_are_brought_up_leave_the_others_as_they_are(store: ArtifactStore) -> None:
    frame = pl.DataFrame({"name": ["a"], "size": [1]}, schema=SCHEMA)
    facts = Facts(groups=1, unclustered=0, largest=1, images=1)
    written = store.write("cars", "labels", {"labels": (frame, SCHEMA)}, fingerprint="", created_at="", facts=facts)
    store.update_facts(written, StageFacts(seen="abc"))
    assert store.require("cars", "labels").facts(Facts) == facts.model_copy(update={"seen": "abc"})
