"""What people decide, on a real data directory: it shows in what is published, and outlives every run."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.curation import decisions as d
from pipeline.curation.events import Event
from pipeline.errors import ConflictError, DecisionError, UnknownNameError
from pipeline.steps.curation import Curation, new_cluster_id
from pipeline.steps.library_view.history import history_rows
from pipeline.steps.library_view.listing import cluster_detail, cluster_rows, content_hashes
from pipeline.steps.publish import publish
from tests.steps.test_run import Bench, add

KINDS = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    root = tmp_path_factory.mktemp("curation")
    for seed in range(36):
        group = ["de", "at", "fr"][seed % 2]
        add(root / "library", f"bollards/{group}/{group}-{seed:03d}-800w.png", KINDS[seed % 3], seed)
    bench = Bench(root / "library", root / "data")
    bench.run()
    return bench


@pytest.fixture
def bench(ran: Bench, tmp_path: Path) -> Bench:
    """A library that was run once, and may be changed."""
    shutil.copytree(ran.library, tmp_path / "library")
    shutil.copytree(ran.data, tmp_path / "data", symlinks=True)
    return Bench(tmp_path / "library", tmp_path / "data")


def held(bench: Bench) -> Curation:
    return bench.project().curation


def of_kind(bench: Bench, kind: str) -> dict[str, Any]:
    """The published cluster that holds the pictures of a kind."""
    number = KINDS.index(kind)
    return next(one for one in bench.document()["clusters"] if int(one["images"][0]["identifier"]) % 3 == number)


def decide(bench: Bench, decision: d.Decision, **options: Any) -> Event:
    return held(bench).decide("bollards", decision, actor="ann", **options)


def republish(bench: Bench) -> dict[str, Any]:
    publish(bench.project(), "bollards")
    return bench.document()


def hashes(bench: Bench, *identifiers: int) -> tuple[str, ...]:
    keys = {int(row["identifier"]): row["content_hash"] for row in bench.images().to_dicts()}
    return tuple(keys[one] for one in identifiers)


def test_a_name_is_published_and_survives_new_images_other_settings_and_a_fresh_clustering(bench: Bench) -> None:
    red = of_kind(bench, "red")["id"]
    decide(bench, d.Rename(cluster=red, name="Red Post"))
    assert next(one for one in republish(bench)["clusters"] if one["id"] == red)["name"] == "Red Post"
    for seed in range(36, 42):
        add(bench.library, f"bollards/fr/fr-{seed:03d}-800w.png", KINDS[seed % 3], seed)
    other = Bench(bench.library, bench.data, labels={"seed": 7, "min_cluster_size": 4})
    other.run()
    found = of_kind(other, "red")
    assert (found["id"], found["name"], found["size"]) == (red, "Red Post", 14)


def test_a_rename_keeps_the_old_address_as_an_alias(bench: Bench) -> None:
    red = of_kind(bench, "red")["id"]
    decide(bench, d.Rename(cluster=red, name="Red Post"))
    decide(bench, d.Rename(cluster=red, name="Crimson Post"))
    found = next(one for one in republish(bench)["clusters"] if one["id"] == red)
    assert (found["slug"], found["aliases"]) == ("crimson-post", ["red-post"])


def test_merged_clusters_are_published_as_one_with_every_image(bench: Bench) -> None:
    red, green = of_kind(bench, "red")["id"], of_kind(bench, "green")["id"]
    decide(bench, d.Merge(clusters=(red, green), into=red))
    document = republish(bench)
    assert document["summary"]["clusters"] == 2
    merged = next(one for one in document["clusters"] if one["id"] == red)
    assert merged["size"] == 24
    assert len(merged["representatives"]) == 6
    assert green in merged["aliases"]


def test_split_images_are_published_as_a_cluster_of_their_own_and_stay_one_after_a_run(bench: Bench) -> None:
    red = of_kind(bench, "red")
    chosen = hashes(bench, 0, 3, 6)
    new = new_cluster_id("bollards", chosen, 0)
    decide(bench, d.Split(cluster=red["id"], images=chosen, new_cluster=new, name="Wet"))
    for _ in range(2):
        document = republish(bench)
        wet = next(one for one in document["clusters"] if one["name"] == "Wet")
        assert (wet["id"], wet["size"]) == (new, 3)
        assert next(one for one in document["clusters"] if one["id"] == red["id"])["size"] == 9
        add(bench.library, "bollards/fr/fr-099-800w.png", "blue", 99)
        bench.run()


def test_moved_images_and_a_chosen_representative_are_published(bench: Bench) -> None:
    red, green = of_kind(bench, "red")["id"], of_kind(bench, "green")["id"]
    moved, loose, face = hashes(bench, 0, 3, 9)
    decide(bench, d.Move(images=(moved,), to=green))
    decide(bench, d.Move(images=(loose,), to=None))
    decide(bench, d.ChooseRepresentative(cluster=red, image=face))
    document = republish(bench)
    by_id = {one["id"]: one for one in document["clusters"]}
    assert (by_id[red]["size"], by_id[green]["size"]) == (10, 13)
    assert by_id[red]["representativeImage"]["identifier"] == "009"
    assert [one["identifier"] for one in document["unclustered"]] == ["003"]


def test_an_excluded_image_leaves_before_clustering_and_comes_back(bench: Bench) -> None:
    (image,) = hashes(bench, 0)
    out = decide(bench, d.Exclude(images=(image,)), why="blurred")
    now = republish(bench)
    assert now["summary"]["rejected"] == 1
    bench.run()
    document = bench.document()
    assert document["rejected"] == [{"key": "bollards/de/de-000-800w.png",
                                     "reason": "excluded by ann on 2026-11-21: blurred"}]  # fmt: skip
    assert document["summary"]["clustered"] == 35
    held(bench).undo("bollards", out.number, actor="bob")
    assert bench.run()["bollards"]["clustered"] == 36


def test_decisions_hang_on_what_an_image_shows_not_on_its_key(bench: Bench) -> None:
    (image,) = hashes(bench, 0)
    decide(bench, d.Tag(images=(image,), tag="night"))
    decide(bench, d.Exclude(images=(image,)))
    source = bench.library / "bollards/de/de-000-800w.png"
    source.rename(bench.library / "bollards/at/at-500-800w.png")
    bench.run()
    assert [one["key"] for one in bench.document()["rejected"]] == ["bollards/at/at-500-800w.png"]
    assert held(bench).curated("bollards").tags == {image: ("night",)}


def test_an_undo_restores_what_was_published(bench: Bench) -> None:
    before = republish(bench)
    event = decide(bench, d.Merge(clusters=tuple(one["id"] for one in before["clusters"][:2]),
                                  into=before["clusters"][0]["id"]))  # fmt: skip
    assert republish(bench) != before
    held(bench).undo("bollards", event.number, actor="ann")
    assert republish(bench)["clusters"] == before["clusters"]


def test_a_named_cluster_that_changed_a_lot_asks_to_be_reviewed_until_it_is(bench: Bench) -> None:
    red = of_kind(bench, "red")["id"]
    decide(bench, d.Rename(cluster=red, name="Red Post"))
    for seed in range(102, 132, 3):
        add(bench.library, f"bollards/fr/fr-{seed:03d}-800w.png", "red", seed)
    bench.run()
    found = of_kind(bench, "red")
    assert found["needsReview"]
    assert "10 images came and 0 went" in held(bench).review_reasons("bollards")[red][0]
    decide(bench, d.Review(cluster=red))
    assert not held(bench).review_reasons("bollards")
    assert not next(one for one in republish(bench)["clusters"] if one["id"] == red)["needsReview"]


def test_a_cluster_that_is_born_later_asks_to_be_reviewed(bench: Bench) -> None:
    from tests.steps import test_run

    test_run.KINDS["grey"] = (120, 120, 120)
    for seed in range(200, 208):
        add(bench.library, f"bollards/fr/fr-{seed:03d}-800w.png", "grey", seed)
    bench.run()
    (asking,) = held(bench).review_reasons("bollards").values()
    assert asking == ["is new, with 8 images"]


def test_a_wrong_id_is_refused_with_the_nearest_right_one(bench: Bench) -> None:
    red = of_kind(bench, "red")["id"]
    decide(bench, d.Rename(cluster=red, name="Red Post"))
    with pytest.raises(UnknownNameError, match=red):
        decide(bench, d.Rename(cluster=red[:-1] + "x", name="No"))
    with pytest.raises(UnknownNameError, match="Red Post"):
        held(bench).cluster("bollards", "red posst")
    with pytest.raises(UnknownNameError, match="not in bollards"):
        decide(bench, d.Tag(images=("nothing",), tag="x"))
    with pytest.raises(DecisionError, match="at least two"):
        decide(bench, d.Merge(clusters=(red,), into=red))
    with pytest.raises(UnknownNameError, match="de-0"):
        content_hashes(bench.project(), "bollards", ["bollards/de/de-00-800w.png"])
    assert len(held(bench).store.events("bollards")) == 1


def test_a_decision_on_what_has_moved_on_is_refused(bench: Bench) -> None:
    red = of_kind(bench, "red")["id"]
    decide(bench, d.Rename(cluster=red, name="Red Post"), expected={red: 0})
    with pytest.raises(ConflictError, match="revision 0, now 1"):
        decide(bench, d.Rename(cluster=red, name="Rot"), expected={red: 0})


def test_the_same_key_decides_once(bench: Bench) -> None:
    red = of_kind(bench, "red")["id"]
    first = decide(bench, d.Rename(cluster=red, name="Red Post"), key="k")
    assert decide(bench, d.Rename(cluster=red, name="Red Post"), key="k") == first


def test_rows_say_who_decided_what(bench: Bench) -> None:
    project = bench.project()
    red = of_kind(bench, "red")["id"]
    project.curation.decide("bollards", d.Rename(cluster=red, name="Red"), actor="ann", why="it is")
    project.curation.undo("bollards", None, actor="bob")
    rows = history_rows(project, "bollards", red)
    assert [(row["actor"], row["state"]) for row in rows] == [("bob", ""), ("ann", "undone")]
    assert next(row for row in cluster_rows(project, "bollards") if row["id"] == red)["name"] is None
    assert len(cluster_detail(project, "bollards", red)["images"]) == 12


def test_ratings_of_the_page_are_pairs_that_the_metric_learns_from_and_kept_duplicates_are_known(bench: Bench) -> None:
    from pipeline.steps.decided import kept_pairs
    from pipeline.steps.pairs import pairs_of

    a, b, c = hashes(bench, 0, 3, 1)
    decide(bench, d.Pair(a=a, b=b, same=True))
    wrong = decide(bench, d.Pair(a=a, b=c, same=True))
    decide(bench, d.KeepBoth(images=(a, b)))
    held(bench).undo("bollards", wrong.number, actor="ann")
    assert pairs_of(bench.project(), "bollards") == [(min(a, b), max(a, b), True)]
    assert kept_pairs(bench.project(), "bollards") == {frozenset((a, b))}


def test_names_are_suggested_from_what_the_manifest_says_of_the_images(tmp_path: Path) -> None:
    entries: list[dict[str, Any]] = []
    for seed in range(24):
        kind = ["red", "green"][seed % 2]
        key = f"posts/de/de-{seed:03d}-800w.png"
        add(tmp_path / "library", key, kind, seed)
        entries.append({"id": f"{seed}", "category": "posts", "country": "de", "countryCode": "de",
                        "caption": f"a {kind} lacquered post", "variants": {"800w": key}})  # fmt: skip
    copy = "posts/de/de-900-800w.png"
    shutil.copy(tmp_path / "library/posts/de/de-000-800w.png", tmp_path / "library" / copy)
    entries.append({**entries[0], "id": "900", "variants": {"800w": copy}})
    manifest = {"version": "1", "lastUpdated": "2026-11-20T00:00:00Z", "entries": entries}
    (tmp_path / "library" / "manifest.json").write_text(json.dumps(manifest))
    bench = Bench(tmp_path / "library", tmp_path / "data")
    bench.run()
    suggested = {row["suggestion"] for row in cluster_rows(bench.project(), "posts")}
    assert {name.split()[0] for name in suggested if name} == {"red", "green"}
    told = json.loads((bench.data / "published/posts/duplicates.json").read_bytes())
    assert told["summary"]["exact"] == {"groups": 1, "images": 2}
    assert {image["bytes"] for group in told["groups"] for image in group["images"]} == {None}, "no size was told"


def test_the_history_of_a_cluster_tells_of_images_that_people_took_out_of_it(bench: Bench) -> None:
    project = bench.project()
    red, green = of_kind(bench, "red")["id"], of_kind(bench, "green")["id"]
    (moved, left_out) = hashes(bench, 0, 3)
    decide(bench, d.Move(images=(moved,), to=green))
    decide(bench, d.Exclude(images=(left_out,)))
    assert [row["what"] for row in history_rows(project, "bollards", red)] == [
        f"excluded 1 image of {red}", f"moved 1 image from {red} to {green}"
    ]  # fmt: skip
    assert [row["what"] for row in history_rows(project, "bollards", green)] == [f"moved 1 image from {red} to {green}"]


def test_where_moved_images_came_from_is_stored_without_all_that_stayed_there(bench: Bench) -> None:
    red, green = of_kind(bench, "red")["id"], of_kind(bench, "green")["id"]
    event = decide(bench, d.Move(images=hashes(bench, 0), to=green))
    assert event.decision.clusters_touched() == (green, red)
    assert set(event.state) == {green}
