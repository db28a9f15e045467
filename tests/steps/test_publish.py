"""Publishing: what is held back stays out of every place, and what is fine goes to all of them."""

from pathlib import Path

import pytest

from pipeline.errors import BucketError
from tests.steps.publishing import PublishingBench, view_of


@pytest.fixture
def bench(tmp_path: Path) -> PublishingBench:
    return PublishingBench(tmp_path, str(tmp_path / "outlet"), guard={"max_cluster_share": 1})


def test_the_same_result_is_published_once(bench: PublishingBench) -> None:
    first = bench.publish()
    assert not first.unchanged
    before = bench.read()
    again = bench.publish()
    assert again.unchanged
    assert (again.headline, again.data_version) == (first.headline, first.data_version)
    assert bench.read() == before
    assert len(bench.history().publications) == 1


def test_the_command_that_a_first_publication_suggests_finds_the_data_directory(bench: PublishingBench) -> None:
    headline = bench.publish().headline
    assert headline.endswith(f"side by side: image-cluster tune bollards --out {bench.data}")


def test_a_result_that_loses_most_clusters_waits_and_nothing_else_moves(bench: PublishingBench, tmp_path: Path) -> None:
    bench.publish()
    before = bench.read()
    bench.view = view_of([15])
    report = bench.publish()
    assert report.held is not None
    assert report.held.reasons == ("the clusters would fall from 3 to 1, by more than 50%",)
    assert report.headline == "Not published: the clusters would fall from 3 to 1, by more than 50%."
    assert bench.read() == bench.read(root=tmp_path / "outlet") == before
    waiting = bench.history().candidate
    assert waiting is not None
    folder = bench.data / "published" / ".versions" / "bollards" / waiting.version
    assert {path.name for path in folder.iterdir()} == {
        "clusters.json", "clusters.schema.json", "changes.json", "changes.schema.json", "clusters.html",
        "bollards-clusters.ts",
    }  # fmt: skip
    # the same result the next night: still waiting, nothing written anew
    again = bench.publish()
    assert again.unchanged
    assert again.held == report.held
    assert bench.history().candidate == waiting


def test_another_strange_result_replaces_the_candidate_and_a_fine_one_supersedes_it(
    bench: PublishingBench, tmp_path: Path
) -> None:
    bench.publish()
    bench.view = view_of([15])
    first = bench.publish_held().candidate
    bench.view = view_of([14])
    second = bench.publish_held().candidate
    assert first != second
    sets = bench.data / "published" / ".versions" / "bollards"
    assert not (sets / first).exists()
    bench.view = view_of([6, 5, 3])
    report = bench.publish()
    assert report.held is None
    assert bench.sizes() == bench.sizes(root=tmp_path / "outlet") == [6, 5, 3]
    assert bench.history().candidate is None
    assert not (sets / second).exists()


def test_the_published_result_computed_again_drops_the_candidate(bench: PublishingBench) -> None:
    fine = bench.view
    bench.publish()
    bench.view = view_of([15])
    bench.publish()
    bench.view = fine
    assert bench.publish().held is None
    assert bench.history().candidate is None


def test_an_outlet_in_trouble_keeps_its_old_set_and_gets_the_new_one_when_it_is_back(
    bench: PublishingBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = str(tmp_path / "good"), "r2://nowhere/at/all"
    bench.outlets = [{"url": bad, "endpoint_url": "http://127.0.0.1:9"}, {"url": good}]
    for name in ("AWS_ACCESS_KEY_ID", "R2_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BucketError, match="No credentials"):
        bench.publish()
    # the library and the other outlet have it all the same, and the next run does not make it anew
    assert bench.sizes() == bench.sizes(root=Path(good)) == [6, 5, 4]
    with pytest.raises(BucketError):
        bench.publish()
    assert len(bench.history().publications) == 1
    bench.outlets = [{"url": str(tmp_path / "other")}, {"url": good}]
    assert bench.publish().unchanged
    assert bench.sizes(root=tmp_path / "other") == [6, 5, 4]


def test_every_category_has_a_history_of_its_own(bench: PublishingBench) -> None:
    bench.publish()
    bench.view = view_of([3, 3], category="cars")
    bench.publish("cars")
    assert [one.number for one in bench.history("cars").publications] == [1]
    assert bench.read(slug="cars")["summary"]["clusters"] == 2
    assert bench.sizes() == [6, 5, 4]


def test_a_link_or_a_folder_that_someone_deleted_is_made_again(bench: PublishingBench) -> None:
    import shutil

    bench.publish()
    (bench.data / "published" / "bollards").unlink()
    bench.publish()
    assert bench.sizes() == [6, 5, 4]
    shutil.rmtree(bench.data / "published")
    assert not bench.publish().unchanged
    assert bench.sizes() == [6, 5, 4]
