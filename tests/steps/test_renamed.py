"""A renamed folder keeps ids, names and decisions: by itself where it is certain, else by one command."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.curation import decisions as d
from pipeline.errors import UnknownNameError
from pipeline.steps.manifest import manifest
from pipeline.steps.renamed import carry_over
from pipeline.storage.layout import read_slugs
from tests.steps.test_run import Bench, add


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A category `posts` of three kinds, each with a name, one image left out, and one decision undone."""
    made = Bench(tmp_path / "library", tmp_path / "data")
    for seed in range(36):
        add(made.library, f"posts/de/{seed:03d}-800w.png", ("red", "green", "blue")[seed % 3], seed)
    made.run()
    curation = made.project().curation
    ids = list(curation.curated("posts").clusters)
    for number, name in enumerate(ids):
        curation.decide("posts", d.Rename(cluster=name, name=f"Kind {number}"), actor="ann")
    image = min(curation.curated("posts").clusters[ids[0]].members)
    curation.decide("posts", d.Exclude(images=(image,)), actor="ann")
    curation.decide("posts", d.Rename(cluster=ids[0], name="wrong"), actor="ann")
    curation.undo("posts", None, actor="ann")
    made.run()
    made.notices.clear()
    return made


def names(bench: Bench, category: str) -> dict[str, Any]:
    return {one["id"]: one["name"] for one in bench.document(category)["clusters"]}


def test_a_renamed_folder_keeps_ids_names_and_decisions_and_embeds_nothing(bench: Bench) -> None:
    before, encoded = names(bench, "posts"), bench.encoder.encoded
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    done = bench.run()
    assert set(done) == {"roadside-posts"}
    assert names(bench, "roadside-posts") == before
    assert sorted(map(str, before.values())) == ["Kind 0", "Kind 1", "Kind 2"]
    (left_out,) = bench.document("roadside-posts")["rejected"]
    assert "excluded by ann" in left_out["reason"]
    assert bench.encoder.encoded == encoded
    assert any("posts is roadside-posts now" in text and "6 decisions" in text for text in bench.notices)
    assert bench.project().slug_of("posts") == "roadside-posts"
    assert names(bench, "posts") == before  # what readers saw stays where they know it
    assert set(bench.run()) == {"roadside-posts"}


def test_a_rename_back_takes_along_what_was_decided_meanwhile(bench: Bench) -> None:
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    bench.run()
    curation = bench.project().curation
    one = min(curation.curated("roadside-posts").clusters)
    curation.decide("roadside-posts", d.Rename(cluster=one, name="Later"), actor="bob")
    (bench.library / "roadside-posts").rename(bench.library / "posts")
    assert set(bench.run()) == {"posts"}
    assert names(bench, "posts")[one] == "Later"
    assert len(bench.project().curation.log.events("posts")) == 7
    assert read_slugs(bench.project().layout) == {"posts": "posts"}


def test_a_folder_that_was_renamed_and_emptied_first_is_still_recognised(bench: Bench) -> None:
    """As where Dagster runs the old partition before the new one."""
    before = names(bench, "posts")
    bench.settings["published"] = {"guard": {"enabled": False}}
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    bench.run("posts")
    bench.run()
    assert names(bench, "roadside-posts") == before


def test_a_renamed_category_is_not_run_under_its_old_name(bench: Bench) -> None:
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    bench.run()
    with pytest.raises(UnknownNameError, match="posts goes on as roadside-posts"):
        manifest(bench.project(), "posts")


def test_a_copy_of_a_folder_is_a_category_of_its_own(bench: Bench) -> None:
    shutil.copytree(bench.library / "posts", bench.library / "copies")
    bench.run()
    assert set(names(bench, "copies").values()) == {None}
    assert set(read_slugs(bench.project().layout)) == {"posts", "copies"}


def test_what_cannot_be_listed_is_not_taken_for_renamed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(bench.library / "posts", bench.library / "copies")
    hidden = bench.library.parent / "elsewhere"
    (bench.library / "posts").rename(hidden)
    (bench.library / "posts").symlink_to(bench.library / "posts")  # a link to itself cannot be listed
    bench.run("copies")
    assert "posts" in read_slugs(bench.project().layout)
    assert set(names(bench, "copies").values()) == {None}


def test_where_half_of_the_images_are_the_same_the_command_is_named_and_does_it(bench: Bench) -> None:
    before = names(bench, "posts")
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    for seed in range(100, 118):
        add(bench.library, f"roadside-posts/de/{seed:03d}-800w.png", ("red", "green", "blue")[seed % 3], seed)
    bench.run("roadside-posts")
    assert set(names(bench, "roadside-posts").values()) == {None}
    command = f"image-cluster carry-over posts roadside-posts --out {bench.data}"
    assert any(command in text for text in bench.notices)
    curation = bench.project().curation
    own = min(curation.curated("roadside-posts").clusters)
    curation.decide("roadside-posts", d.Note(cluster=own, text="looked at"), actor="bob")
    project = bench.project()
    assert "6 decisions came with them" in carry_over(project, "posts", "roadside-posts")
    bench.settings["published"] = {"guard": {"enabled": False}}
    bench.run()
    assert names(bench, "roadside-posts") == before
    events = bench.project().curation.log.events("roadside-posts")
    assert [one.number for one in events] == list(range(1, 8))
    assert events[6].decision == d.Undo(event=6)
