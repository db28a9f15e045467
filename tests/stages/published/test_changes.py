"""changes.json tells what became of each cluster between two documents."""

from typing import Any

from pipeline.stages.published import changes, document, families, news, schema
from pipeline.stages.published.document import Unclustered
from tests.stages.published.library import built, cluster, image, images, library
from tests.stages.published.objects import objects_document


def test_the_first_publication_compares_with_nothing():
    view = library()
    made = changes.build_changes(None, built(), changes.fates_of(view))
    schema.validate_changes(made)
    assert made["previousGeneratedAt"] is None
    assert made["summary"]["imagesAdded"] == 12
    assert news.headline(made) == (
        "bollards is published for the first time: 9 of 12 images are in 3 clusters; 1 asks to be reviewed."
    )


def test_who_sees_a_library_first_reads_where_the_other_levels_are():
    alone = built()
    assert news.other_levels(alone, "tune it") == "Coarser and finer side by side: tune it"
    first, second, third = (entry["id"] for entry in alone["clusters"])
    coarser = families.with_families(alone, {first: "f-1", second: "f-1", third: None})
    assert news.other_levels(coarser, "tune it").startswith("One level coarser: 2. Coarser and finer side by side")


def test_images_that_came_left_and_moved_are_told_apart():
    before = built(
        cluster("c-1", image("de", "1"), image("de", "2"), image("de", "3")),
        cluster("c-2", image("fr", "1"), image("fr", "2"), name="Old"),
    )
    after = built(
        cluster("c-1", image("de", "1"), image("de", "4"), name="New"),
        unclustered=[Unclustered(image("de", "2")), Unclustered(image("ch", "7")), Unclustered(image(None, "8"))],
        total_images=6,
    )
    schema.validate(after)
    made = changes.build_changes(before, after, {})
    schema.validate_changes(made)
    assert (
        made["summary"] | {"shrunk": 1, "died": 1, "imagesAdded": 1, "imagesRemoved": 3, "imagesMoved": 1}
        == made["summary"]
    )
    first, gone = made["clusters"]
    assert (first["fate"], first["sizeBefore"], first["sizeAfter"], first["addedCount"], first["removedCount"]) == (
        "shrunk", 3, 2, 1, 2,
    )  # fmt: skip
    assert first["added"] == ["bollards/de/de-4-800w.webp"]
    assert (gone["id"], gone["name"], gone["fate"], gone["sizeAfter"]) == ("c-2", "Old", "died", 0)
    assert news.headline(made) == (
        "In bollards, 1 image came, 3 images left and 1 image moved; 1 cluster shrank and 1 died; 1 cluster got a name."
    )


def test_names_that_people_gave_are_news():
    """Eight clusters were named, and the publication said that nothing changed."""
    pictures = [[image("de", str(number))] for number in range(3)]
    before = [cluster(f"c-{row}", *found) for row, found in enumerate(pictures)]
    named = [cluster("c-0", *pictures[0], name="Posts"), cluster("c-1", *pictures[1], name="Poles"), before[2]]
    renamed = [cluster("c-0", *pictures[0], name="Signs"), *named[1:]]

    def told(old: list[document.ClusterView], new: list[document.ClusterView]) -> str:
        return news.headline(changes.build_changes(built(*old, rejected=()), built(*new, rejected=()), {}))

    assert told(before, named) == "In bollards, 2 clusters got a name; 3 were kept."
    assert told(named, renamed) == "In bollards, 1 cluster got another name; 3 were kept."
    assert told(before, before) == "Nothing changed in bollards: 3 clusters as before."


def compared(before: list[document.ClusterView], after: list[document.ClusterView], **loose: Any) -> dict[str, Any]:
    made = changes.build_changes(built(*before, rejected=()), built(*after, rejected=(), **loose), {})
    schema.validate_changes(made)
    return {each["id"]: each for each in made["clusters"]}


def test_a_split_is_told_from_both_sides():
    found = compared(
        [cluster("c-1", *images(0, 10), *images(0, 4, "fr"), name="Post")],
        [cluster("c-1", *images(0, 10), name="Post"), cluster("c-2", *images(0, 4, "fr"), *images(20, 22))],
    )
    old, new = found["c-1"], found["c-2"]
    assert (old["fate"], old["into"], old["naming"], old["countriesLost"]) == ("split", ["c-2"], "carried", ["FR"])
    assert old["wentTo"] == [{"place": "c-2", "images": 4}]
    assert (new["fate"], new["parents"], new["naming"]) == ("born", ["c-1"], "waiting")
    assert new["cameFrom"] == [{"place": "c-1", "images": 4}, {"place": "new", "images": 2}]


def test_a_merge_is_told_from_both_sides():
    found = compared(
        [cluster("c-1", *images(0, 10), name="Post"), cluster("c-2", *images(10, 16), name="Pole")],
        [cluster("c-1", *images(0, 15), name="Post")],
        unclustered=[Unclustered(image("de", "15"))],
        total_images=16,
    )
    heir, dead = found["c-1"], found["c-2"]
    assert (heir["fate"], heir["parents"], heir["cameFrom"]) == (
        "merged", ["c-1", "c-2"], [{"place": "c-2", "images": 5}],
    )  # fmt: skip
    assert (dead["fate"], dead["into"], dead["naming"]) == ("died", ["c-1"], "retired")
    assert dead["wentTo"] == [{"place": "c-1", "images": 5}, {"place": "unclustered", "images": 1}]
    assert heir["countriesGained"] == heir["countriesLost"] == []


def test_names_are_carried_given_changed_and_waited_for():
    before = [cluster(f"c-{n}", *images(10 * n, 10 * n + 4), name=name)
              for n, name in enumerate(["Same", None, "Old", "Lost", None])]  # fmt: skip
    after = [cluster(f"c-{n}", *images(10 * n, 10 * n + 4), name=name)
             for n, name in enumerate(["Same", "First", "New", None, None])]  # fmt: skip
    found = compared(before, after)
    assert [found[f"c-{n}"]["naming"] for n in range(5)] == ["carried", "given", "renamed", "waiting", "unnamed"]
    assert found["c-2"]["nameBefore"] == "Old"


def test_a_fate_told_against_another_run_gives_way_to_what_the_documents_show():
    before, after = built(cluster("c-1", *images(0, 4))), built(cluster("c-1", *images(0, 6)))
    for told in ("kept", "born", "shrunk"):
        found = changes.build_changes(before, after, {"c-1": changes.Fate(told, (), "Look at it.")})
        assert (found["clusters"][0]["fate"], found["clusters"][0]["reviewReason"]) == ("grown", "Look at it.")
    assert changes.build_changes(before, after, {"c-1": changes.Fate("split")})["clusters"][0]["fate"] == "split"


def test_samples_of_keys_are_bounded_and_counted():
    after = built(cluster("c-1", *(image("de", str(n)) for n in range(50))))
    made = changes.build_changes(None, after, {})
    assert len(made["clusters"][0]["added"]) == 20
    assert made["clusters"][0]["addedCount"] == 50
    schema.validate_changes(made)


def test_clusters_that_died_are_told_even_without_the_previous_document():
    made = changes.build_changes(None, built(), changes.fates_of(library()))
    assert (
        made["clusters"][-1] | {"id": "c-gone2222", "name": "Old block", "fate": "died", "sizeBefore": 4}
        == (made["clusters"][-1])
    )


def test_an_object_whose_box_was_drawn_better_neither_came_nor_left() -> None:
    before, after = objects_document(), objects_document()
    for found in [found for entry in after["clusters"] for found in entry["images"]]:
        found["box"] = {**found["box"], "w": found["box"]["w"] + 0.05}
    made = changes.build_changes(before, after, {})
    counts = [made["summary"][name] for name in ("kept", "imagesAdded", "imagesRemoved", "imagesMoved")]
    assert counts == [2, 0, 0, 0]
    assert all(entry["added"] == entry["removed"] == [] for entry in made["clusters"])


def test_objects_of_one_image_move_on_their_own() -> None:
    before, after = objects_document(), objects_document()
    moved = after["clusters"][0]["images"].pop()
    after["clusters"][0]["size"] = 2
    after["unclustered"].append({**moved, "nearestCluster": None, "distance": None})
    made = changes.build_changes(before, after, {})
    entry = next(cluster for cluster in made["clusters"] if cluster["id"] == "c-first222")
    assert entry["removed"] == ["bollards/de/de-2-800w.webp#xywh=percent:50,25,30,40"]
    assert made["summary"]["imagesMoved"] == 1
