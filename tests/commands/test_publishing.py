"""publish, changes and rollback on the command line: what they print where, and exit code 3 for what is held back."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.curation import decisions as d
from pipeline.steps import published_result
from pipeline.storage.curation.store import CurationStore
from tests.fakes import MeanColourEncoder
from tests.steps.publishing import PublishingBench, view_of
from tests.steps.test_run import KINDS, add


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishingBench:
    """Two versions of bollards, with what is computed now still to be published."""
    monkeypatch.chdir(tmp_path)
    made = PublishingBench(tmp_path)
    (tmp_path / "settings.yaml").write_text("published: {guard: {max_cluster_share: 1}}\n")
    made.publish()
    made.view = view_of([7, 5, 4])
    made.publish()
    monkeypatch.setattr(published_result, "gather", lambda project, slug: made.view)
    return made


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--out", "data", "--settings", "settings.yaml"])


def test_what_is_held_back_is_said_plainly_with_exit_code_3(bench: PublishingBench) -> None:
    bench.view = view_of([16])
    found = call("publish", "--category", "bollards", "--quiet")
    assert found.exit_code == 3
    assert found.stdout.splitlines()[1].split("\t")[:2] == ["bollards", "held"]
    assert "bollards is not published. It waits for your approval:" in found.stderr
    assert "  - the clusters would fall from 3 to 1, by more than 50%" in found.stderr
    assert "Still published: 000002-" in found.stderr
    [row] = json.loads(call("publish", "--candidates", "--json").stdout)
    assert Path(row["page"]).is_file()
    command = found.stderr.split("To publish it: image-cluster ")[1].split()
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("000003-")
    assert call("publish", "--category", "bollards").exit_code == 0
    nothing = call("publish", "--candidates")
    assert (nothing.stdout, nothing.stderr) == ("", "No candidate waits.\n")


def test_what_was_published_is_listed_newest_first(bench: PublishingBench) -> None:
    call("rollback")
    lines = [line.split("\t") for line in call("publish", "--history").stdout.splitlines()]
    assert lines[0][:5] == ["category", "version", "at", "event", "now"]
    assert [(line[1][:6], line[3], line[4]) for line in lines[1:]] == [
        ("000001", "rolled back", "*"), ("000002", "published", ""), ("000001", "published", ""),
    ]  # fmt: skip


def test_changes_are_a_sentence_and_a_table(bench: PublishingBench) -> None:
    found = call("changes")
    assert found.stdout.startswith("In bollards, 1 image came; 1 cluster grew; 2 were kept.\n\n| Cluster |")
    assert "| Unnamed `c-0` | grown | 6 → 7 | 1 | 0 |" in found.stdout
    [since] = json.loads(call("changes", "--since", "1", "--json").stdout)
    assert since["summary"]["imagesAdded"] == 1
    unknown = call("changes", "--since", "2020-01-01")
    assert unknown.exit_code == 2
    assert "There is no version or date 2020-01-01 of bollards. The newest: 000002-" in unknown.stderr


def test_a_rollback_says_what_it_did_and_publishing_then_waits(bench: PublishingBench) -> None:
    found = call("rollback", "--category", "bollards")
    assert found.exit_code == 0
    assert found.stdout.startswith("Readers of bollards see 000001-")
    assert bench.sizes() == [6, 5, 4]
    assert call("publish", "--category", "bollards").exit_code == 3
    assert bench.sizes() == [6, 5, 4]
    back = call("publish", "--accept", "2")
    assert back.exit_code == 0
    assert bench.sizes() == [7, 5, 4]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["publish", "--accept", "9"], 2, "There is no candidate 9 of bollards. Nothing is waiting"),
        (["publish", "--accept", "1"], 2, "1 of bollards is older than what is published, 000002-"),
        (["rollback", "--to", "9"], 2, "no published version 9"),
        (["rollback", "--category", "cars"], 1, "Nothing of cars is published"),
        (["changes", "--category", "cars"], 1, "Nothing of cars is published"),
    ],
)
def test_trouble_is_one_clear_message(bench: PublishingBench, arguments: list[str], code: int, says: str) -> None:
    found = call(*arguments)
    assert (found.exit_code, found.stdout) == (code, "")
    assert says in found.stderr


def test_with_two_published_categories_one_must_be_named(bench: PublishingBench) -> None:
    bench.view = view_of([3, 3], category="cars")
    bench.publish("cars")
    found = call("rollback")
    assert found.exit_code == 2
    assert "rollback needs one --category; there are bollards, cars." in found.stderr


@pytest.mark.slow
def test_a_run_that_is_held_back_ends_with_exit_code_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(24):
        add(tmp_path / "library", f"bollards/de/{seed:03d}-800w.png", list(KINDS)[seed % 3], seed)
    monkeypatch.setattr("pipeline.adapters.encoders.registry.open_encoder", lambda *_, **__: MeanColourEncoder())
    common = ["run", "library", "--out", "d", "--reducer", "pca", "--clusterer", "kmeans", "--quiet"]
    assert CliRunner().invoke(main, [*common, "--clusters", "8"]).exit_code == 0
    before = Path("d/published/bollards/clusters.json").read_bytes()
    found = CliRunner().invoke(main, [*common, "--clusters", "2", "--json"])
    assert found.exit_code == 3
    assert "the clusters would fall from 8 to 2" in json.loads(found.stdout)[0]["headline"]
    assert "bollards is not published" in found.stderr
    assert Path("d/published/bollards/clusters.json").read_bytes() == before


def test_lost_decisions_stop_publishing_until_somebody_says_to_go_on_without_them(bench: PublishingBench) -> None:
    store = CurationStore(f"sqlite:///{bench.data / 'curation.sqlite3'}")
    with store.transaction("bollards") as tx:
        tx.append(d.Tag(images=("ab",), tag="night"), at="now", actor="ann")
    store.close()
    bench.view = view_of([6, 5, 4])
    assert call("publish", "--category", "bollards").exit_code == 0
    for path in bench.data.glob("curation.sqlite3*"):
        path.unlink()
    bench.view = view_of([7, 5, 4])
    stopped = call("publish", "--category", "bollards")
    assert stopped.exit_code == 1
    assert "Error: Decisions about bollards are missing: it was published from 1 decision" in stopped.stderr
    assert "image-cluster publish --accept-lost-decisions --category bollards" in stopped.stderr
    assert bench.sizes() == [6, 5, 4]
    done = call("publish", "--category", "bollards", "--accept-lost-decisions")
    assert done.exit_code == 0, done.output
    assert "goes on with 0 decisions, without what was there before (1 decision)" in done.stderr
    assert bench.sizes() == [7, 5, 4]
    assert call("publish", "--category", "bollards").exit_code == 0
