"""What is wrong with a stored file is said with its path; where nothing is wrong, nothing is said."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.errors import DamagedArtifactError
from pipeline.storage import integrity
from pipeline.storage.artifacts import ArtifactStore
from pipeline.storage.contents import ContentStore
from pipeline.storage.history import History
from pipeline.storage.layout import Layout, open_layout
from pipeline.storage.vectors import VectorStore

SCHEMA = pl.Schema({"name": pl.String()})
HASHES = [f"{number:032x}" for number in range(4)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return open_layout(tmp_path / "data")


def test_a_result_is_whole_until_one_of_its_bytes_changes(layout: Layout) -> None:
    frame = pl.DataFrame({"name": ["a", "b"]}, schema=SCHEMA)
    written = ArtifactStore(layout).write(
        "cars", "labels", {"labels": (frame, SCHEMA)}, fingerprint="1", created_at="", files={"index": b"abc"}
    )
    assert sorted(written.provenance.digests) == ["index", "labels.parquet"]
    assert integrity.artifact_fault(written) == ""
    index = written.file("index")
    index.write_bytes(b"abd")
    assert integrity.artifact_fault(written) == f"{index} is not as it was written"
    with pytest.raises(DamagedArtifactError, match="its bytes are not those that were written"):
        written.file("index")


def test_rows_that_are_missing_are_noticed_without_digests_too(layout: Layout) -> None:
    frame = pl.DataFrame({"name": ["a", "b"]}, schema=SCHEMA)
    store = ArtifactStore(layout)
    written = store.write("cars", "labels", {"labels": (frame, SCHEMA)}, fingerprint="1", created_at="")
    written.provenance.digests.clear()
    frame.head(1).write_parquet(written.folder / "labels.parquet")
    assert integrity.artifact_fault(written).endswith("labels.parquet has 1 rows, but 2 were written")


def vectors(layout: Layout) -> Path:
    store = VectorStore(layout.vectors("f"))
    store.append("cars", HASHES, np.eye(4, 8, dtype=np.float32))
    (part,) = integrity.vector_parts(layout, "cars")
    return part


def test_a_part_of_vectors_is_whole_until_a_vector_has_another_length(layout: Layout) -> None:
    part = vectors(layout)
    assert integrity.vector_part_fault(part) == ""
    assert integrity.embedded_hashes(layout, "f") == set(HASHES)
    np.save(part.with_suffix(".npy"), np.eye(4, 8, dtype=np.float16) * 1.1)
    assert "not of length 1" in integrity.vector_part_fault(part)
    np.save(part.with_suffix(".npy"), np.eye(3, 8, dtype=np.float16))
    assert "3 vectors for 4 images" in integrity.vector_part_fault(part)
    integrity.remove_part(part)
    assert list(part.parent.iterdir()) == []


def test_hashes_that_disagree_and_parts_that_cannot_be_read_are_noticed(layout: Layout) -> None:
    part = vectors(layout)
    np.save(part.with_suffix(".hashes.npy"), np.array(HASHES[::-1], dtype="S32"))
    assert "list different images" in integrity.vector_part_fault(part)
    part.write_bytes(b"PAR1")
    assert "cannot be read" in integrity.vector_part_fault(part)
    assert integrity.embedded_hashes(layout, "f") == set()


def test_rows_of_contents_must_be_hashes(layout: Layout) -> None:
    store = ContentStore(layout.contents)
    store.append("cars", [(HASHES[0], HASHES[1], HASHES[0])])
    (part,) = integrity.content_parts(layout, "cars")
    assert integrity.content_part_fault(part) == ""
    part.unlink()
    store.append("cars", [(HASHES[0], "not a hash", HASHES[0])])
    (part,) = integrity.content_parts(layout, "cars")
    assert integrity.content_part_fault(part).endswith("has 1 rows that are no hashes")


def test_a_journal_that_is_not_there_holds_nothing(layout: Layout) -> None:
    assert integrity.journal_hashes(layout, "cars") == set()


def test_a_set_that_is_gone_is_noticed(layout: Layout) -> None:
    fault = integrity.set_fault(layout.published, "cars", "000001-abc", History())
    assert fault.endswith("clusters.json is gone")
