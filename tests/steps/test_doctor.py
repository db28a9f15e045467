"""The doctor finds each kind of damage, says what to do, and mends what is safe; where nothing is wrong it says so."""

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.curation import decisions as d
from pipeline.errors import LostDecisionsError, MissingArtifactError
from pipeline.steps.decision_guard import accept_loss
from pipeline.steps.doctor.checkup import examine
from pipeline.steps.doctor.finding import Finding
from pipeline.steps.published_sets import rollback
from pipeline.steps.run import run
from pipeline.storage.history import read_history
from tests.steps.named_library import HARM as HARM_TO_DECISIONS
from tests.steps.named_library import Bench, bench, database, library, names, published_library, remove

__all__ = ["bench"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library and its data directory, published with names; copied for each test."""
    root = tmp_path_factory.mktemp("sound")
    published_library(root)
    return root


@pytest.fixture
def unpublished(tmp_path: Path) -> Bench:
    """A library that is published without decisions, and then three names that are not published."""
    from tests.steps.named_library import name_all

    made = library(tmp_path)
    made.run()
    name_all(made)
    return made


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Bench:
    shutil.copytree(sound, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Bench(tmp_path / "library", tmp_path / "data")


def findings(bench: Bench, *, repair: bool = False) -> list[Finding]:
    return list(examine(bench.project(), repair=repair))


def faults(bench: Bench) -> list[tuple[str, str]]:
    return [(one.check, one.category) for one in findings(bench) if one.state == "fault"]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def current(bench: Bench, artifact: str) -> Path:
    folder = bench.data / "categories" / "posts" / artifact
    return folder / str(json.loads((folder / "current.json").read_bytes())["version"])


def flip(path: Path, at: float = 0.5) -> None:
    """Other bytes in the middle, as a failing disk gives them."""
    data = bytearray(path.read_bytes())
    middle = int(len(data) * at)
    data[middle : middle + 4] = bytes(value ^ 0xFF for value in data[middle : middle + 4])
    path.write_bytes(bytes(data))


def old(path: Path) -> Path:
    os.utime(path, (1e9, 1e9))
    return path


def test_a_sound_directory_has_no_fault_and_is_not_changed(copy: Bench) -> None:
    before = files(copy.data)
    assert [one for one in findings(copy) if one.state != "ok"] == []
    assert files(copy.data) == before


def test_counts_are_told_in_words(copy: Bench) -> None:
    text = {one.check: one.text for one in findings(copy) if one.category == "posts"}
    assert text["counts"] == "36 images = 36 usable + 0 set aside"
    assert text["decisions"] == "3 decisions, replayed; 0 waiting"
    assert text["ids"] == "3 living ids and 0 former ones, each once"


def test_one_of_a_thing_is_told_in_the_singular(copy: Bench) -> None:
    texts = [finding.text for finding in findings(copy)]
    assert [text for text in texts if re.search(r"(?<![\d,.])1 (?:[a-z]+ )?[a-z]{3,}s\b", text)] == []
    assert any("1 category" in text for text in texts)
    assert any("in 1 part" in text for text in texts)


def test_without_a_data_directory_it_says_so_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifactError, match="There is no data directory"):
        findings(Bench(tmp_path / "library", tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def _part(bench: Bench) -> Path:
    return next(bench.data.glob("vectors/*/posts/*.parquet"))


def _noise_in_vectors(bench: Bench) -> None:
    path = _part(bench).with_suffix(".npy")
    data = path.read_bytes()
    path.write_bytes(data[:-40] + b"\x7b" * 40)


def _no_vectors(bench: Bench) -> None:
    for path in _part(bench).parent.iterdir():
        path.unlink()


def _no_key(bench: Bench) -> None:
    path = bench.data / "published" / "posts" / "clusters.json"
    document = json.loads(path.read_bytes())
    document["clusters"][0]["images"].pop()
    path.write_text(json.dumps(document))


def _noise_in_thumbnail(bench: Bench) -> None:
    path = next(bench.data.glob("thumbnails/*/*"))
    data = path.read_bytes()
    start = len(data) // 4
    path.write_bytes(data[:start] + bytes(n * 7919 % 251 for n in range(len(data) // 2)) + data[start * 3 :])


def _orphan(bench: Bench) -> None:
    path = bench.data / "thumbnails" / "ab" / ("ab" * 16)
    path.parent.mkdir(exist_ok=True)
    shutil.copyfile(next(bench.data.glob("thumbnails/*/*")), path)
    old(path)


def _old_temporary(bench: Bench) -> None:
    path = bench.data / ".categories.json.0a1b2c3d.tmp"
    path.touch()
    old(path)


DAMAGE: dict[str, tuple[Callable[[Bench], object], str]] = {
    "noise in a table": (lambda b: flip(current(b, "labels") / "labels.parquet"), "results"),
    "noise in the search index": (lambda b: flip(current(b, "similarity") / "index.faiss"), "results"),
    "a version that is gone": (lambda b: shutil.rmtree(current(b, "reduced")), "results"),
    "a pointer cut": (lambda b: (current(b, "images").parent / "current.json").write_bytes(b'{"ver'), "results"),
    "no pointer to the ids": (lambda b: (current(b, "identities").parent / "current.json").unlink(), "results"),
    "noise in the ledger": (lambda b: flip(current(b, "identities") / "ledger.parquet"), "results"),
    "noise in vectors": (_noise_in_vectors, "vectors"),
    "a part of vectors cut": (lambda b: _part(b).write_bytes(b"PAR1"), "vectors"),
    "vectors without hashes": (lambda b: flip(_part(b).with_suffix(".hashes.npy"), 0.9), "vectors"),
    "no vectors": (_no_vectors, "vectors"),
    "contents cut": (lambda b: next(b.data.glob("contents/posts/*")).write_bytes(b"PAR1"), "contents"),
    "an image taken out of clusters.json": (_no_key, "published"),
    "noise in the review page": (lambda b: flip(b.data / "published/posts/clusters.html"), "published"),
    "a published file gone": (lambda b: (b.data / "published/posts/changes.json").unlink(), "published"),
    "the link gone": (lambda b: (b.data / "published/posts").unlink(), "published"),
    "a thumbnail cut": (lambda b: next(b.data.glob("thumbnails/*/*")).write_bytes(b"\xff\xd8"), "thumbnails"),
    "a thumbnail gone": (lambda b: next(b.data.glob("thumbnails/*/*")).unlink(), "thumbnails"),
    "noise in a thumbnail": (_noise_in_thumbnail, "thumbnails"),
    "no pointer to the manifest": (lambda b: (current(b, "manifest").parent / "current.json").unlink(), "results"),
    "no pointer to images": (lambda b: (current(b, "images").parent / "current.json").unlink(), "results"),
    "no pointer to reduced": (lambda b: (current(b, "reduced").parent / "current.json").unlink(), "results"),
    "no pointer to similarity": (lambda b: (current(b, "similarity").parent / "current.json").unlink(), "results"),
    "no pointer to embeddings": (lambda b: (current(b, "embeddings").parent / "current.json").unlink(), "vectors"),
    "embeddings gone": (lambda b: shutil.rmtree(current(b, "embeddings").parent), "vectors"),
    "no encoder.json": (lambda b: next(b.data.glob("vectors/*/encoder.json")).unlink(), "vectors"),
    "noise in encoder.json": (lambda b: next(b.data.glob("vectors/*/encoder.json")).write_bytes(b"\xffno"), "vectors"),
    "a thumbnail of nothing": (_orphan, "thumbnails"),
    "a half-written file": (lambda b: (current(b, "labels").parent / ".x.json.0a1b2c3d.tmp").touch(), "leftovers"),
    "a half version": (lambda b: (current(b, "labels").parent / "000099").mkdir(), "leftovers"),
    "arrays without a part": (lambda b: (_part(b).parent / "part-000009-aa.npy").touch(), "leftovers"),
    "a set that nobody saw": (lambda b: (b.data / "published/.versions/posts/000099-abc").mkdir(), "leftovers"),
    "an old file of nobody": (_old_temporary, "leftovers"),
    "no marker": (lambda b: (b.data / "image-cluster.json").unlink(), "directory"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_mended_and_made_good_by_the_next_run(copy: Bench, kind: str) -> None:
    before = database(copy).read_bytes()
    DAMAGE[kind][0](copy)
    damaged = files(copy.data)
    found = [one for one in findings(copy) if one.state == "fault"]
    assert DAMAGE[kind][1] in {one.check for one in found}
    assert all(one.remedy for one in found)
    assert files(copy.data) == damaged, "without --repair nothing is changed"
    assert any(one.state == "repaired" for one in findings(copy, repair=True))
    assert faults(copy) == []
    copy.run()
    assert faults(copy) == []
    assert names(copy) == ["Kind 0", "Kind 1", "Kind 2"]
    assert database(copy).read_bytes() == before


@pytest.mark.parametrize("content", [None, b"{}", b'{"po'])
def test_a_list_of_categories_that_is_lost_is_told_and_written_by_the_next_run(
    copy: Bench, content: bytes | None
) -> None:
    path = copy.data / "categories.json"
    path.unlink() if content is None else path.write_bytes(content)
    (found,) = findings(copy)
    assert (found.check, found.state) == ("directory", "fault")
    assert found.remedy
    if content == b'{"po':
        path.unlink()  # as the text says
    copy.run()
    assert faults(copy) == []
    assert names(copy) == ["Kind 0", "Kind 1", "Kind 2"]


def test_a_damaged_record_of_publications_is_told_with_what_to_do(copy: Bench) -> None:
    path = copy.data / "published" / ".history" / "posts.json"
    path.write_bytes(path.read_bytes()[:50])
    found = [one for one in findings(copy) if one.state == "fault"]
    assert {one.check for one in found} >= {"history", "published"}
    assert all("from a backup" in one.remedy for one in found)


def _publish_another(bench: Bench) -> None:
    curation = bench.project().curation
    cluster = curation.curated("posts").clusters
    curation.decide("posts", d.Rename(cluster=next(iter(cluster)), name="Other"), actor="ann")
    curation.close()
    bench.run()


def _sets(bench: Bench) -> dict[str, bytes]:
    return files(bench.data / "published" / ".versions")


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"schemaVersion": 1, "publications": 3}', b"\xff\x00noise"])
def test_a_history_that_is_lost_is_rebuilt_from_complete_sets_and_none_is_removed(
    copy: Bench, content: bytes | None
) -> None:
    _publish_another(copy)
    path = copy.data / "published" / ".history" / "posts.json"
    versions = [one["version"] for one in json.loads(path.read_bytes())["publications"]]
    assert len(versions) > 1
    path.unlink() if content is None else path.write_bytes(content)
    before = _sets(copy)
    assert ("history", "posts") in faults(copy)
    assert [one.state for one in findings(copy, repair=True) if one.check == "history"] == ["repaired"]
    assert _sets(copy) == before
    assert faults(copy) == []
    assert [one["version"] for one in json.loads(path.read_bytes())["publications"]] == versions
    copy.run()
    assert before.items() <= _sets(copy).items()
    assert faults(copy) == []


def test_a_lost_history_beside_lost_pointers_costs_no_set(copy: Bench) -> None:
    _publish_another(copy)
    before = _sets(copy)
    (copy.data / "published" / ".history" / "posts.json").unlink()
    for name in ("identities", "embeddings"):
        (current(copy, name).parent / "current.json").unlink()
    findings(copy, repair=True)
    assert _sets(copy) == before


def test_a_set_newer_than_the_one_that_readers_see_waits_when_the_history_is_rebuilt(copy: Bench) -> None:
    older = (copy.data / "published" / "posts").readlink().name
    _publish_another(copy)
    newer = (copy.data / "published" / "posts").readlink().name
    rollback(copy.project(), "posts")
    before = _sets(copy)
    (copy.data / "published" / ".history" / "posts.json").unlink()
    findings(copy, repair=True)
    history = read_history(copy.data / "published", "posts")
    assert history.current is not None
    assert history.candidate is not None
    assert (history.current.version, history.candidate.version) == (older, newer)
    assert _sets(copy) == before


def test_without_a_history_and_a_link_it_only_tells(copy: Bench) -> None:
    before = _sets(copy)
    (copy.data / "published" / ".history" / "posts.json").unlink()
    (copy.data / "published" / "posts").unlink()
    (fault,) = [one for one in findings(copy, repair=True) if one.state == "fault"]
    assert (fault.check, fault.category) == ("history", "posts")
    assert _sets(copy) == before


def test_a_complete_set_that_the_history_lacks_is_never_swept(copy: Bench) -> None:
    _publish_another(copy)
    path = copy.data / "published" / ".history" / "posts.json"
    values = json.loads(path.read_bytes())
    values["publications"] = values["publications"][-1:]
    path.write_text(json.dumps(values))
    before = _sets(copy)
    findings(copy, repair=True)
    assert _sets(copy) == before


@pytest.mark.parametrize("kind", HARM_TO_DECISIONS)
def test_harm_to_decisions_is_told_with_the_ways_on_and_never_mended(copy: Bench, kind: str) -> None:
    HARM_TO_DECISIONS[kind][0](copy)
    before = _rows(copy)
    found = [one for one in findings(copy, repair=True) if one.state == "fault"]
    assert {one.check for one in found} == {"decisions"}
    assert any("image-cluster restore" in one.remedy for one in found)
    assert _rows(copy) == before


@pytest.mark.parametrize("published", [True, False], ids=["published", "nothing published"])
def test_decisions_that_were_never_published_are_missed_when_their_database_is_gone(
    unpublished: Bench, published: bool
) -> None:
    if not published:
        shutil.rmtree(unpublished.data / "published")
    assert faults(unpublished) == []
    remove(database(unpublished))
    found = [one for one in findings(unpublished, repair=True) if one.state == "fault"]
    assert [(one.check, one.category) for one in found] == [("decisions", ""), ("decisions", "posts")]
    assert all("image-cluster restore" in one.remedy for one in found)
    curation = unpublished.project().curation
    with pytest.raises(LostDecisionsError, match=r"decisions\.json tells that some were made"):
        curation.curated("posts")


def test_a_person_can_go_on_without_decisions_that_were_never_published(unpublished: Bench) -> None:
    remove(database(unpublished))
    project = unpublished.project()
    assert accept_loss(project, "posts", project.curation.guard, project.curation.log)
    assert faults(unpublished) == []


def test_decisions_of_earlier_versions_without_a_mark_are_no_fault(unpublished: Bench) -> None:
    (unpublished.data / "decisions.json").unlink()
    assert faults(unpublished) == []


def test_a_damaged_mark_of_decisions_is_told_with_what_to_do(unpublished: Bench) -> None:
    (unpublished.data / "decisions.json").write_bytes(b'{"po')
    (fault,) = [one for one in findings(unpublished) if one.state == "fault"]
    assert fault.check == "decisions"
    assert "next decision writes it anew" in fault.remedy


def _rows(bench: Bench) -> list[str] | bytes:
    """All that the database holds; of one that cannot be read, its bytes."""
    if not database(bench).exists():
        return b""
    try:
        with sqlite3.connect(database(bench)) as connection:
            return list(connection.iterdump())
    except sqlite3.DatabaseError:
        return database(bench).read_bytes()


def test_a_damaged_copy_of_the_decisions_is_told_and_left(copy: Bench) -> None:
    path = next((copy.data / "backups" / "decisions").glob("*.sqlite3"))
    flip(path)
    before = path.read_bytes()
    assert [one.check for one in findings(copy, repair=True) if one.state == "fault"] == ["copies"]
    assert path.read_bytes() == before


def test_a_lost_file_of_results_without_recorded_digests_is_found_too(copy: Bench) -> None:
    """As in data directories of earlier versions."""
    pointer = current(copy, "labels").parent / "current.json"
    values = json.loads(pointer.read_bytes())
    del values["digests"]
    pointer.write_text(json.dumps(values))
    assert faults(copy) == []
    (current(copy, "labels") / "labels.parquet").unlink()
    assert faults(copy)[0] == ("results", "posts")


def test_a_category_that_a_run_holds_is_busy_and_not_judged(copy: Bench) -> None:
    with copy.project().lock("posts"):
        (current(copy, "labels").parent / "000099").mkdir()  # as the run that holds it writes it
        states = {(one.check, one.category): one.state for one in findings(copy)}
    assert states["lock", "posts"] == "busy"
    assert "fault" not in states.values()


def test_between_two_steps_of_a_run_nothing_is_wrong(copy: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    from pipeline.steps import run as running

    def looked(step: Callable[..., object]) -> Callable[..., object]:
        def first_look(*arguments: object, **options: object) -> object:
            seen.extend(faults(copy))
            return step(*arguments, **options)

        return first_look

    for name in ("ingest", "publish"):
        monkeypatch.setattr(running, name, looked(getattr(running, name)))
    monkeypatch.setattr(running, "CLUSTER_STEPS", tuple(looked(step) for step in running.CLUSTER_STEPS))
    (copy.library / "posts" / "de" / "000-800w.png").unlink()
    run(copy.project())
    assert seen == []


def test_images_that_left_the_bucket_leave_nothing_orphaned(copy: Bench) -> None:
    for path in copy.data.glob("thumbnails/*/*"):
        old(path)
    (copy.library / "posts" / "de" / "000-800w.png").unlink()
    copy.run()
    assert faults(copy) == []


def test_the_command_prints_lines_that_can_be_piped_and_its_exit_code_says_the_rest(copy: Bench) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        found = CliRunner().invoke(main, ["doctor", *arguments, "--out", str(copy.data)])
        return found.exit_code, found.stdout

    code, text = call()
    assert code == 0
    assert text.splitlines()[0] == "state\tcategory\tcheck\ttext\tremedy"
    assert {line.split("\t")[0] for line in text.splitlines()[1:]} == {"ok"}
    (current(copy, "labels") / "labels.parquet").unlink()
    code, text = call("--json")
    assert code == 1
    assert next(one["check"] for one in json.loads(text) if one["state"] == "fault") == "results"
    assert call("--category", "posts")[0] == 1
    assert call("--repair")[0] == 0
    assert call()[0] == 0


def test_a_result_that_waits_to_be_accepted_is_no_fault_and_is_named(copy: Bench) -> None:
    shutil.rmtree(copy.library / "posts")
    copy.run()
    (text,) = [one.text for one in findings(copy) if one.check == "counts"]
    assert text.endswith("waits to be accepted")
    assert faults(copy) == []
