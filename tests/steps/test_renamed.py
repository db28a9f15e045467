"""A renamed folder keeps ids, names and decisions: by itself where it is certain, else by one command."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.curation import decisions as d
from pipeline.errors import DecisionError, UnknownNameError
from pipeline.steps.doctor.checkup import examine
from pipeline.steps.manifest import manifest
from pipeline.steps.renamed import carry_over, carry_over_by_name
from pipeline.steps.run import run
from pipeline.storage.categories import read_slugs
from tests.odd_images import photograph
from tests.steps.test_run import Bench, add, picture

# colours that are far apart, because cluster ids go on in images that look alike
SWAPPED = {
    "a": [(200, 30, 30), (30, 180, 40), (30, 40, 200)],
    "b": [(240, 240, 60), (60, 220, 230), (230, 60, 230)],
}


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


def add_to(bench: Bench, category: str, count: int) -> None:
    for seed in range(100, 100 + count):
        add(bench.library, f"{category}/de/{seed:03d}-800w.png", ("red", "green", "blue")[seed % 3], seed)


def test_a_folder_that_was_renamed_and_added_to_keeps_ids_and_names(bench: Bench) -> None:
    before = names(bench, "posts")
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    add_to(bench, "roadside-posts", 30)
    bench.run()
    assert names(bench, "roadside-posts") == before
    assert bench.document("roadside-posts")["summary"]["images"] == 66


def test_a_folder_that_was_renamed_while_pictures_in_it_were_replaced_keeps_ids_and_names(bench: Bench) -> None:
    before = names(bench, "posts")
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    for seed in range(0, 36, 4):
        place = bench.library / "roadside-posts" / "de" / f"{seed:03d}-800w.png"
        Image.fromarray(photograph(80, 60, seed + 500)).save(place)
    add_to(bench, "roadside-posts", 5)
    bench.run()
    assert names(bench, "roadside-posts").items() >= before.items()


def test_a_folder_of_which_a_third_went_elsewhere_is_asked_about(bench: Bench) -> None:
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    for seed in range(0, 36, 3):
        (bench.library / "roadside-posts" / "de" / f"{seed:03d}-800w.png").unlink()
    bench.run("roadside-posts")
    assert any("holds 24 of the 36 images of posts" in text for text in bench.notices)


def test_a_small_folder_that_went_into_a_large_new_one_is_asked_about(bench: Bench) -> None:
    (bench.library / "posts").rename(bench.library / "all")
    add_to(bench, "all", 120)
    bench.run("all")
    assert any("holds 36 of the 36 images of posts" in text for text in bench.notices)
    assert set(names(bench, "all").values()) == {None}


def test_of_two_folders_that_went_into_one_none_is_taken_for_it(bench: Bench) -> None:
    for seed in range(200, 220):
        add(bench.library, f"signs/{seed:03d}.png", ("red", "blue")[seed % 2], seed)
    bench.run()
    curation = bench.project().curation
    curation.decide("signs", d.Rename(cluster=min(curation.curated("signs").clusters), name="Sign"), actor="ann")
    (bench.library / "posts").rename(bench.library / "all")
    (bench.library / "signs").rename(bench.library / "all" / "signs")
    bench.run("all")
    assert set(names(bench, "all").values()) == {None}
    for folder in ("posts", "signs"):
        assert any(f"image-cluster carry-over {folder} all" in text for text in bench.notices)


def test_where_most_of_the_images_are_new_the_command_is_named_and_does_it(bench: Bench) -> None:
    before = names(bench, "posts")
    (bench.library / "posts").rename(bench.library / "roadside-posts")
    for seed in range(100, 142):
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


def named_a_and_b(root: Path) -> Bench:
    """Two folders of other colours, clustered; every cluster has a name that is not published yet."""
    bench = Bench(root / "library", root / "data")
    for seed in range(48):
        folder = bench.library / "ab"[seed % 2]
        folder.mkdir(parents=True, exist_ok=True)
        picture(SWAPPED[folder.name][seed % 3], seed).save(folder / f"{seed:03d}.png")
    bench.run()
    curation = bench.project().curation
    for slug in ("a", "b"):
        for name in curation.curated(slug).clusters:
            curation.decide(slug, d.Rename(cluster=name, name=f"{slug} {name}"), actor="ann")
    return bench


def test_names_that_were_not_published_yet_are_not_lost_when_two_folders_swap(tmp_path: Path) -> None:
    bench = named_a_and_b(tmp_path)
    (bench.library / "a").rename(bench.library / "c")
    (bench.library / "b").rename(bench.library / "a")
    (bench.library / "c").rename(bench.library / "b")
    for one in run(bench.project()).finished:
        assert one.published.held is not None
        assert "named clusters would vanish" in one.published.held.reasons[0]
    (bench.library / "a").rename(bench.library / "c")
    (bench.library / "b").rename(bench.library / "a")
    (bench.library / "c").rename(bench.library / "b")
    bench.run()
    for slug in ("a", "b"):
        assert all(one["name"] == f"{slug} {one['id']}" for one in bench.document(slug)["clusters"])


def split_posts(bench: Bench) -> None:
    """`posts` becomes `low` and `high`, and the run empties it, as by itself every night."""
    for path in sorted((bench.library / "posts" / "de").glob("*.png")):
        target = bench.library / ("low" if int(path.name[:3]) < 18 else "high")
        target.mkdir(exist_ok=True)
        path.rename(target / path.name)
    shutil.rmtree(bench.library / "posts")
    run(bench.project())


def test_of_a_folder_that_was_split_both_parts_get_ids_names_and_decisions_by_the_commands_of_the_run(
    bench: Bench,
) -> None:
    before = names(bench, "posts")
    split_posts(bench)
    for part in ("low", "high"):
        assert any(f"image-cluster carry-over posts {part}" in text for text in bench.notices)
        carry_over_by_name(bench.project(), "posts", part)
        assert [one.text for one in examine(bench.project()) if one.state == "fault" and one.check == "ids"] == []
    bench.settings["published"] = {"guard": {"enabled": False}}
    bench.run()
    assert names(bench, "low") == names(bench, "high") == before
    (left_out,) = bench.document("low")["rejected"]
    assert "excluded by ann" in left_out["reason"]


def test_two_folders_that_went_into_one_bring_the_names_of_both(tmp_path: Path) -> None:
    bench = named_a_and_b(tmp_path)
    bench.run()
    before = names(bench, "a") | names(bench, "b")
    for folder in ("a", "b"):
        for path in (bench.library / folder).iterdir():
            (bench.library / "all").mkdir(exist_ok=True)
            path.rename(bench.library / "all" / path.name)
        (bench.library / folder).rmdir()
    run(bench.project())
    for folder in ("a", "b"):
        carry_over_by_name(bench.project(), folder, "all")
        run(bench.project())
    bench.settings["published"] = {"guard": {"enabled": False}}
    bench.run()
    assert names(bench, "all") == before


def test_a_category_that_still_has_its_folder_is_not_carried_over(bench: Bench) -> None:
    shutil.copytree(bench.library / "posts", bench.library / "copies")
    bench.run()
    with pytest.raises(DecisionError, match="still holds images"):
        carry_over_by_name(bench.project(), "posts", "copies")
    assert set(read_slugs(bench.project().layout)) == {"posts", "copies"}
