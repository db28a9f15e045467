"""A stored result that is damaged is made again, or the version before is taken up; ids are never made up anew."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DamagedFileError, ImageClusterError
from pipeline.storage.healing import heal
from tests.steps.named_library import Bench, bench, name_all, names

__all__ = ["bench"]

HARM: dict[str, Callable[[Path], Any]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "noise": lambda path: path.write_bytes(bytes(n * 7919 % 251 for n in range(path.stat().st_size))),
    "gone": lambda path: path.unlink(),
}


def current(bench: Bench, artifact: str) -> Path:
    folder = bench.data / "categories" / "posts" / artifact
    return folder / str(json.loads((folder / "current.json").read_bytes())["version"])


def outcome(bench: Bench) -> str | None:
    """What a run says that does not end well."""
    try:
        bench.run()
    except ImageClusterError as error:
        return str(error)
    return None


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("table", ["clusters", "members", "ledger"])
def test_a_damaged_ledger_is_taken_up_from_the_version_before_and_every_name_stays(
    bench: Bench, table: str, harm: str
) -> None:
    name_all(bench, "Again")
    shutil.copytree(current(bench, "identities"), current(bench, "identities").with_name("000009"))
    pointer = bench.data / "categories" / "posts" / "identities" / "current.json"
    pointer.write_text(json.dumps({**json.loads(pointer.read_bytes()), "version": "000009"}))
    HARM[harm](current(bench, "identities") / f"{table}.parquet")
    bench.run()
    assert names(bench) == ["Again 0", "Again 1", "Again 2"]
    assert any("identities of posts was damaged; version 00000" in text for text in bench.notices)


@pytest.mark.parametrize("harm", ["cut", "empty", "noise"])
@pytest.mark.parametrize("artifact", ["identities", "labels", "images"])
def test_a_damaged_pointer_is_mended(bench: Bench, artifact: str, harm: str) -> None:
    HARM[harm](bench.data / "categories" / "posts" / artifact / "current.json")
    bench.run()
    assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"]


def test_a_ledger_without_a_whole_version_is_said_so_and_nothing_is_made_up(bench: Bench) -> None:
    for path in (bench.data / "categories" / "posts" / "identities").glob("*/ledger.parquet"):
        path.write_bytes(b"")
    with pytest.raises(DamagedFileError, match=r"ledger\.parquet is damaged or gone"):
        bench.project().curation.curated("posts")
    with pytest.raises(DamagedFileError, match=r"no version of it is whole\. Cluster ids cannot be computed again"):
        heal(bench.project().store, "posts", "identities")
    assert (bench.data / "categories" / "posts" / "identities" / "current.json").exists()


def test_a_pointer_that_is_gone_does_not_give_new_ids(bench: Bench) -> None:
    before = {one["id"] for one in bench.document("posts")["clusters"]}
    (bench.data / "categories" / "posts" / "identities" / "current.json").unlink()
    bench.run()
    assert {one["id"] for one in bench.document("posts")["clusters"]} == before
    assert any("the newest that is whole, is taken up again" in text for text in bench.notices)


def test_a_first_version_that_was_never_finished_does_not_block(bench: Bench) -> None:
    folder = bench.data / "categories" / "posts" / "identities"
    shutil.rmtree(folder)
    (folder / "000001").mkdir(parents=True)
    assert "begun and never finished" in heal(bench.project().store, "posts", "identities")


@pytest.mark.parametrize("harm", HARM)
def test_whatever_file_is_damaged_the_next_run_mends_it_or_says_what_to_do(
    bench: Bench, tmp_path: Path, harm: str
) -> None:
    ours = [bench.data / name for name in ("image-cluster.json", "categories.json")]
    ours += [bench.data / "published" / ".history" / "posts.json", bench.data / "cache" / "published" / "posts.json"]
    ours += sorted((bench.data / "categories" / "posts").glob("*/current.json"))
    ours += [path for name in ("images", "labels", "reduced", "representatives", "manifest")
             for path in sorted(current(bench, name).glob("*.parquet"))]  # fmt: skip
    whole = tmp_path / "whole"
    shutil.copytree(bench.data, whole, symlinks=True)
    for path in [path for path in ours if path.exists()]:
        HARM[harm](path)
        said = outcome(bench)
        assert said is None or str(path) in said, path
        assert names(bench) == ["Kind 0", "Kind 1", "Kind 2"], path
        shutil.rmtree(bench.data)
        shutil.copytree(whole, bench.data, symlinks=True)
