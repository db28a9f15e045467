"""What is found by words, and that a decision is found at once."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.curation import decisions as d
from pipeline.steps.library_view.listing import read_snapshot
from pipeline.steps.library_view.words import Texts, find_clusters, find_rows, words_of
from pipeline.steps.project import Project
from tests.steps.objects_library import objects_bench
from tests.steps.test_run import Bench, add

KINDS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("words")
    for seed in range(24):
        group = ["de", "at"][seed % 2]
        add(root / "library", f"bollards/{group}/Post-{seed:03d}-800w.png", KINDS[seed % 3], seed)
    bench = Bench(root / "library", root / "data")
    bench.run()
    return bench


@pytest.fixture
def project(ran: Bench, tmp_path: Path) -> Project:
    shutil.copytree(ran.data, tmp_path / "data", symlinks=True)
    return Bench(ran.library, tmp_path / "data").project()


def keys(project: Project, texts: Texts, query: str) -> list[str]:
    snapshot = read_snapshot(project, "bollards")
    return [str(snapshot.frame["key"][row]) for row in find_rows(snapshot, texts, query)]


def test_file_names_and_groups_are_found_in_any_case_and_every_word_must_fit(project: Project) -> None:
    texts = Texts(project)
    assert keys(project, texts, "POST-01") == [f"bollards/at/Post-0{n}-800w.png" for n in (11, 13, 15, 17, 19)] + [
        f"bollards/de/Post-0{n}-800w.png" for n in (10, 12, 14, 16, 18)
    ]
    assert keys(project, texts, "post-01 /at/") == [f"bollards/at/Post-0{n}-800w.png" for n in (11, 13, 15, 17, 19)]
    assert keys(project, texts, "post-01 nothing") == []
    assert len(keys(project, texts, " ")) == 24
    assert keys(project, texts, "post.01") == []  # what is typed is text, not a pattern


def test_names_descriptions_and_tags_are_found_as_soon_as_they_are_decided(project: Project) -> None:
    texts, curation = Texts(project), project.curation
    first = keys(project, texts, "post-003")
    snapshot = read_snapshot(project, "bollards")
    cluster = next(iter(snapshot.rows_by_cluster))
    members = sorted(snapshot.frame["key"][row] for row in snapshot.rows_by_cluster[cluster])
    curation.decide("bollards", d.Rename(cluster=cluster, name="Weiß and tall"), actor="ann")
    curation.decide("bollards", d.Describe(cluster=cluster, description="One red band"), actor="ann")
    image = snapshot.frame["content_hash"][snapshot.base.row_of[snapshot.frame["image_id"][0]]]
    curation.decide("bollards", d.Tag(images=(image,), tag="Wet road"), actor="ann")
    assert keys(project, texts, "tall") == members == keys(project, texts, "BAND weiss")
    assert [found["id"] for found in find_clusters(read_snapshot(project, "bollards"), "band tall")] == [cluster]
    assert keys(project, texts, "wet") == [snapshot.frame["key"][0]]
    assert keys(project, texts, "post-003") == first


def test_letters_in_the_middle_of_random_ids_find_nothing(project: Project) -> None:
    snapshot = read_snapshot(project, "bollards")
    cluster = next(iter(snapshot.rows_by_cluster))
    assert find_clusters(snapshot, cluster[:6]) != []
    assert find_clusters(snapshot, cluster[:2]) == []
    assert find_clusters(snapshot, cluster[3:]) == []
    assert find_clusters(snapshot, "") == []
    assert words_of("Wet  wet ROAD") == ["wet", "road"]


def test_an_object_is_found_by_the_caption_of_its_image(tmp_path: Path) -> None:
    bench = objects_bench(tmp_path)
    entries = [
        {"id": f"de-{seed:03d}", "category": "posts", "variants": {"original": f"posts/de/de-{seed:03d}.png"},
         **({"caption": "a rusty post"} if seed == 3 else {})}
        for seed in range(36)
    ]  # fmt: skip
    (bench.library / "manifest.json").write_text(json.dumps({"version": "1", "entries": entries}))
    bench.run()
    snapshot = read_snapshot(bench.project(), "posts")
    found = find_rows(snapshot, Texts(bench.project()), "RUSTY")
    assert [snapshot.frame["key"][row] for row in found] == ["posts/de/de-003.png"]


def test_an_image_is_found_by_the_beginning_of_its_id_and_not_by_letters_in_it(project: Project) -> None:
    texts, snapshot = Texts(project), read_snapshot(project, "bollards")
    name, key = str(snapshot.frame["image_id"][0]), str(snapshot.frame["key"][0])
    assert keys(project, texts, name) == [key] == keys(project, texts, name[:6].upper())
    assert key not in keys(project, texts, name[5:])
    folder = [f"bollards/de/Post-{number:03d}-800w.png" for number in range(0, 24, 2)]
    assert keys(project, texts, "de") == folder  # of 24 random ids, some hold these letters
