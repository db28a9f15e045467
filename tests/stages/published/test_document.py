"""clusters.json, changes.json and the website's data file, as values."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import PublishRefusedError
from pipeline.stages.published import changes, document, news, schema, website
from pipeline.stages.published.document import Member, RejectedImage, Unclustered
from tests.stages.published.library import GENERATED_AT, cluster, image, library


def built(*clusters: document.ClusterView, **fields: object) -> dict[str, Any]:
    return document.build_document(library(*clusters, **fields), generated_at=GENERATED_AT)


# --- clusters.json ---


def test_the_document_has_exactly_the_published_fields():
    made = built()
    schema.validate(made)
    assert list(made) == [
        "schemaVersion", "category", "generatedAt", "model", "settings", "summary",
        "clusters", "unclustered", "rejected", "index",
    ]  # fmt: skip
    largest = made["clusters"][0]
    assert list(largest) == [
        "id", "slug", "aliases", "name", "description", "status", "needsReview", "size", "cohesion",
        "representativeImage", "representatives", "images", "countries",
    ]  # fmt: skip
    assert made["summary"] == {"images": 12, "clustered": 9, "unclustered": 2, "rejected": 1, "clusters": 3}
    assert largest["representativeImage"] == {"country": "DE", "identifier": "10", "key": "bollards/de/de-10-800w.webp"}
    assert largest["images"][1] == {
        "country": "DE",
        "identifier": "2",
        "key": "bollards/de/de-2-800w.webp",
        "probability": 0.99,
    }
    assert made["rejected"] == [{"key": "bollards/it/it-1-800w.webp", "reason": "broken: the file ends early"}]


def test_clusters_come_largest_first_then_by_id_whatever_order_they_were_given_in():
    view = library()
    backwards = library(*reversed(view.clusters), unclustered=[*reversed(view.unclustered)])
    one, other = (document.build_document(each, generated_at=GENERATED_AT) for each in (view, backwards))
    assert [each["id"] for each in one["clusters"]] == ["c-large222", "c-hidden22", "c-small222"]
    other["unclustered"] = one["unclustered"]  # the default's suggestion depends on which cluster is first
    assert document.encode(one) == document.encode(other)


def test_countries_come_with_the_most_images_first_and_identifiers_in_natural_order():
    assert built()["clusters"][0]["countries"] == [
        {"code": "DE", "images": ["1", "2", "10"]},
        {"code": "AT", "images": ["3", "4"]},
    ]


def test_only_two_letter_groups_are_country_codes():
    made = built(cluster("c-1", image("de", "1"), image("north-sea", "2"), image(None, "3")))
    assert [each["country"] for each in made["clusters"][0]["images"]] == ["DE", "north-sea", None]
    assert [each["code"] for each in made["clusters"][0]["countries"]] == ["DE", "north-sea"]
    schema.validate(made)


def test_an_empty_library_gives_a_valid_document():
    made = built(clusters=(), unclustered=(), rejected=(), total_images=0)
    schema.validate(made)
    assert made["summary"] == {"images": 0, "clustered": 0, "unclustered": 0, "rejected": 0, "clusters": 0}


def test_noise_in_the_last_bits_of_a_float_does_not_change_the_bytes():
    images = [image("de", "1"), image("de", "2")]
    one = built(cluster("c-1", *images, cohesion=0.1 + 0.2, centroid=[0.5, -1e-9, 0.25]))
    other = built(cluster("c-1", *images, cohesion=0.3, centroid=[0.5, 0.0, 0.25]))
    assert document.encode(one) == document.encode(other)
    assert one["clusters"][0]["centroid"] == [0.5, 0.0, 0.25]
    schema.validate(one)


def test_the_order_of_settings_does_not_change_the_bytes():
    one = built(settings={"a": {"x": 1, "y": (1, 2)}, "b": 2})
    other = built(settings={"b": 2, "a": {"y": [1, 2], "x": 1}})
    assert document.encode(one) == document.encode(other)


def test_the_digest_ignores_when_the_document_was_made_and_nothing_else():
    made = built()
    later = made | {"generatedAt": "2026-11-22T03:00:00Z"}
    assert document.encode(made) != document.encode(later)
    assert document.content_digest(made) == document.content_digest(later)
    assert document.content_digest(made) != document.content_digest(made | {"category": "other"})


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_survives_the_bytes(key: str, name: str):
    reference = document.ImageRef("i", key, "de", "1")
    made = built(cluster("c-1", reference, name=name), unclustered=(), rejected=(), total_images=1)
    assert json.loads(document.encode(made)) == made


def test_a_key_that_is_not_valid_utf8_is_written_as_an_escape():
    made = built(cluster("c-1", document.ImageRef("i", "bollards/\udcff.png", None, "x")))
    assert json.loads(document.encode(made))["clusters"][0]["images"][0]["key"] == "bollards/\udcff.png"


def test_slugs_come_from_names_are_unique_and_do_not_depend_on_size():
    def slugs(small_id: str, large_id: str) -> dict[str, str]:
        made = built(
            cluster(small_id, image("de", "1"), name="Weißer Pfahl, rund!"),
            cluster(large_id, image("de", "2"), image("de", "3"), name="Rød & Hvid / Słup"),
            cluster("c-3", image("de", "4"), name="石の柱"),
            cluster("c-4", image("de", "5")),
            cluster("c-5", image("de", "6"), name="Any", slug="chosen"),
        )
        schema.validate(made)
        return {each["id"]: each["slug"] for each in made["clusters"]}

    assert slugs("c-1", "c-2") == {
        "c-1": "weisser-pfahl-rund",
        "c-2": "rod-hvid-slup",
        "c-3": "c-3",
        "c-4": "c-4",
        "c-5": "chosen",
    }
    same = built(
        cluster("c-b", image("de", "1"), image("de", "2"), name="Post"), cluster("c-a", image("de", "3"), name="post")
    )
    assert {each["id"]: each["slug"] for each in same["clusters"]} == {"c-a": "post", "c-b": "post-b"}


def test_an_alias_leads_to_one_cluster_and_keeps_its_word():
    made = built(
        cluster("c-1", image("de", "1"), name="Pole", aliases=("post", "stake", "post")),
        cluster("c-2", image("de", "2"), name="Post"),  # made from the name: gives way to the alias
        cluster("c-3", image("de", "3"), slug="stake"),  # chosen by a person: the alias gives way
        cluster("c-4", image("de", "4"), name="Rail", aliases=("rail", "post")),
    )
    schema.validate(made)
    words = {each["id"]: (each["slug"], each["aliases"]) for each in made["clusters"]}
    assert words == {
        "c-1": ("pole", ["post"]),
        "c-2": ("post-2", []),
        "c-3": ("stake", []),
        "c-4": ("rail", []),
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.lists(st.sampled_from(["a", "b", "a-1", "c-1"]), max_size=3),
                  st.sampled_from(["a", "b", None])),
        max_size=5,
    )
)  # fmt: skip
def test_no_word_leads_to_two_clusters(wishes: list[tuple[str | None, list[str], str | None]]):
    clusters = [
        cluster(f"c-{n}", image("de", str(n)), name=name, aliases=aliases, slug=slug)
        for n, (name, aliases, slug) in enumerate(wishes)
    ]
    view = library(clusters=clusters, unclustered=(), rejected=(), total_images=len(clusters))
    made = document.build_document(view, generated_at=GENERATED_AT)
    schema.validate(made)
    words = [word for one in made["clusters"] for word in (one["slug"], *one["aliases"])]
    assert len(words) == len(set(words))


def test_the_index_tells_countries_of_types_and_types_of_countries():
    made = built(
        cluster("c-1", image("de", "1"), image("fr", "1"), image("fr", "2"), image(None, "9")),
        cluster("c-2", image("fr", "3")),
        cluster("c-3", image("it", "5"), status="hidden"),
        cluster("c-4", image(None, "88")),
    )
    schema.validate(made)
    assert made["index"] == {
        "types": {
            "c-1": [{"country": "FR", "images": 2}, {"country": "DE", "images": 1}],
            "c-2": [{"country": "FR", "images": 1}],
            "c-4": [],
        },
        "countries": {
            "DE": [{"cluster": "c-1", "images": 1}],
            "FR": [{"cluster": "c-1", "images": 2}, {"cluster": "c-2", "images": 1}],
        },
    }


def test_a_cohesion_a_hair_above_one_is_one_and_a_wrong_one_is_refused():
    assert built(cluster("c-1", image("de", "1"), cohesion=1.0004))["clusters"][0]["cohesion"] == 1.0
    with pytest.raises(PublishRefusedError, match="greater than the maximum of 1"):
        schema.validate(built(cluster("c-1", image("de", "1"), cohesion=1.1)))


# --- what is refused ---


def break_count(made: dict[str, Any]) -> None:
    made["summary"]["images"] = 13


def break_key(made: dict[str, Any]) -> None:
    made["unclustered"][0]["key"] = made["clusters"][0]["images"][0]["key"]


def break_nearest(made: dict[str, Any]) -> None:
    made["unclustered"][0]["nearestCluster"] = "c-nowhere"


def break_representative(made: dict[str, Any]) -> None:
    made["clusters"][0]["representatives"][1]["key"] = "elsewhere"


def break_size(made: dict[str, Any]) -> None:
    made["clusters"][0]["size"] = 4


def break_first_representative(made: dict[str, Any]) -> None:
    made["clusters"][0]["representatives"].reverse()


def break_country(made: dict[str, Any]) -> None:
    made["clusters"][0]["countries"][0]["images"].pop()


def break_number(made: dict[str, Any]) -> None:
    made["clusters"][0]["cohesion"] = float("nan")


def break_id(made: dict[str, Any]) -> None:
    made["clusters"][1]["id"] = made["clusters"][0]["id"]


def break_centroid(made: dict[str, Any]) -> None:
    made["clusters"][0]["centroid"] = [1.0, 0.0]


def break_field(made: dict[str, Any]) -> None:
    made["clusters"][0]["colour"] = "white"


def break_index(made: dict[str, Any]) -> None:
    made["index"]["countries"]["DE"][0]["images"] = 7


def break_alias(made: dict[str, Any]) -> None:
    made["clusters"][0]["aliases"] = [made["clusters"][1]["slug"]]


def break_time(made: dict[str, Any]) -> None:
    made["generatedAt"] = "yesterday"


@pytest.mark.parametrize(
    ("breakage", "message"),
    [
        (break_count, "13 images came in, but 9 clustered + 2 unclustered + 1 rejected = 12 came out"),
        (break_key, "the image 'bollards/de/de-10-800w.webp' stands in the document 2 times"),
        (break_nearest, "names the cluster 'c-nowhere', which is not in the document"),
        (break_representative, "cluster c-large222 has 1 representatives that are not its images, first 'elsewhere'"),
        (break_size, "cluster c-large222 says size 4, but has 5 images"),
        (break_first_representative, "representativeImage that is not the first"),
        (break_country, "lists countries {'DE': 2, 'AT': 2}, but its images are from {'DE': 3, 'AT': 2}"),
        (break_number, ": nan is not a finite number"),
        (break_id, "2 clusters have the id 'c-large222'"),
        (break_centroid, "a centroid of 2 numbers, but the encoder gives 3"),
        (break_index, "index.countries and the clusters' countries differ in 2 entries, first ('c-large222', 'DE', 3)"),
        (break_alias, "2 clusters have the slug or alias"),
        (break_field, "clusters[0]: Additional properties are not allowed ('colour' was unexpected)"),
        (break_time, 'generatedAt: "yesterday" does not match'),
    ],
)
def test_a_document_that_does_not_hold_is_refused_with_numbers(breakage: Any, message: str):
    made = built()
    breakage(made)
    with pytest.raises(PublishRefusedError, match=re.escape(message)):
        schema.validate(made)


def test_a_refusal_lists_twenty_problems_and_counts_the_rest():
    made = built(cluster("c-1", *(image("de", "1") for _ in range(2)), *(image("fr", str(n)) for n in range(60))))
    made["unclustered"] = [
        {
            "country": "FR",
            "identifier": str(n),
            "key": f"bollards/fr/fr-{n}-800w.webp",
            "nearestCluster": None,
            "distance": None,
        }
        for n in range(40)
    ]
    with pytest.raises(PublishRefusedError) as refusal:
        schema.validate(made)
    assert str(refusal.value).count("\n  - ") == 20
    assert "  and 23 more" in str(refusal.value)


def test_a_cluster_without_images_is_refused():
    with pytest.raises(PublishRefusedError, match=re.escape("clusters[0].size: 0 is less than the minimum of 1")):
        schema.validate(built(cluster("c-1")))


@pytest.mark.parametrize("name", [schema.CLUSTERS_SCHEMA, schema.CHANGES_SCHEMA])
def test_every_field_of_a_schema_is_described_and_no_object_takes_unknown_fields(name: str):
    from jsonschema import Draft202012Validator

    text = json.loads(schema.schema_bytes(name))
    Draft202012Validator.check_schema(text)
    free = []

    def walk(node: Any, path: str) -> None:
        assert "description" in node or "$ref" in node, f"{path} has no description"
        more = node.get("additionalProperties")
        if isinstance(more, dict):
            walk(more, f"{path}.*")
        elif node.get("type") == "object" and more is not False:
            free.append(path)
        for field, inner in node.get("properties", {}).items():
            walk(inner, f"{path}.{field}")
        for field, inner in node.get("$defs", {}).items():
            walk(inner, f"{path}#{field}")
        if "items" in node and "$ref" not in node["items"]:
            walk(node["items"], f"{path}[]")

    walk(text, "document")
    assert free == (["document.settings"] if name == schema.CLUSTERS_SCHEMA else [])


# --- changes.json ---


def test_the_first_publication_compares_with_nothing():
    view = library()
    made = changes.build_changes(None, built(), changes.fates_of(view))
    schema.validate_changes(made)
    assert made["previousGeneratedAt"] is None
    assert made["summary"]["imagesAdded"] == 12
    assert news.headline(made) == (
        "bollards is published for the first time: 9 of 12 images are in 3 clusters; 1 asks to be reviewed."
    )


def test_an_unchanged_library_says_so():
    view = library(*(cluster(f"c-{n}", image("de", str(n))) for n in range(3)), died=())
    made = document.build_document(view, generated_at=GENERATED_AT)
    same = changes.build_changes(made, made | {"generatedAt": "2026-11-22T03:00:00Z"}, changes.fates_of(view))
    assert news.headline(same) == "Nothing changed in bollards: 3 clusters as before."
    assert news.markdown(same) == "Nothing changed in bollards: 3 clusters as before.\n\n3 clusters unchanged.\n"
    assert same["previousGeneratedAt"] == GENERATED_AT


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
        "In bollards, 1 image came, 3 images left and 1 image moved; 1 cluster shrank and 1 died."
    )


def group(start: int, stop: int, country: str = "de") -> list[document.ImageRef]:
    return [image(country, str(n)) for n in range(start, stop)]


def compared(before: list[document.ClusterView], after: list[document.ClusterView], **loose: Any) -> dict[str, Any]:
    made = changes.build_changes(built(*before, rejected=()), built(*after, rejected=(), **loose), {})
    schema.validate_changes(made)
    return {each["id"]: each for each in made["clusters"]}


def test_a_split_is_told_from_both_sides():
    found = compared(
        [cluster("c-1", *group(0, 10), *group(0, 4, "fr"), name="Post")],
        [cluster("c-1", *group(0, 10), name="Post"), cluster("c-2", *group(0, 4, "fr"), *group(20, 22))],
    )
    old, new = found["c-1"], found["c-2"]
    assert (old["fate"], old["into"], old["naming"], old["countriesLost"]) == ("split", ["c-2"], "carried", ["FR"])
    assert old["wentTo"] == [{"place": "c-2", "images": 4}]
    assert (new["fate"], new["parents"], new["naming"]) == ("born", ["c-1"], "waiting")
    assert new["cameFrom"] == [{"place": "c-1", "images": 4}, {"place": "new", "images": 2}]


def test_a_merge_is_told_from_both_sides():
    found = compared(
        [cluster("c-1", *group(0, 10), name="Post"), cluster("c-2", *group(10, 16), name="Pole")],
        [cluster("c-1", *group(0, 15), name="Post")],
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
    before = [cluster(f"c-{n}", *group(10 * n, 10 * n + 4), name=name)
              for n, name in enumerate(["Same", None, "Old", "Lost", None])]  # fmt: skip
    after = [cluster(f"c-{n}", *group(10 * n, 10 * n + 4), name=name)
             for n, name in enumerate(["Same", "First", "New", None, None])]  # fmt: skip
    found = compared(before, after)
    assert [found[f"c-{n}"]["naming"] for n in range(5)] == ["carried", "given", "renamed", "waiting", "unnamed"]
    assert found["c-2"]["nameBefore"] == "Old"


def test_a_fate_told_against_another_run_gives_way_to_what_the_documents_show():
    before, after = built(cluster("c-1", *group(0, 4))), built(cluster("c-1", *group(0, 6)))
    for told in ("kept", "born", "shrunk"):
        found = changes.build_changes(before, after, {"c-1": changes.Fate(told, (), "Look at it.")})
        assert (found["clusters"][0]["fate"], found["clusters"][0]["reviewReason"]) == ("grown", "Look at it.")
    assert changes.build_changes(before, after, {"c-1": changes.Fate("split")})["clusters"][0]["fate"] == "split"


def test_the_table_says_where_images_moved_between():
    before = built(cluster("c-1", *group(0, 10), name="Post"), cluster("c-2", *group(10, 16, "fr"), name="Pole"))
    after = built(cluster("c-1", *group(0, 10), *group(10, 16, "fr"), *group(30, 32), name="Post"))
    text = news.markdown(changes.build_changes(before, after, {}))
    assert "| Post `c-1` | merged with Pole | 10 → 18 | 8 (6 from Pole) | 0 | +FR |  |" in text
    assert "| Pole `c-2` | died, into Post | 6 → 0 | 0 | 6 (6 to Post) |  |  |" in text


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


def test_the_markdown_table_holds_only_text():
    view = library(
        cluster("c-1", image("de", "1"), name="a|b <img src=x> `*[x](y)`\n# h", fate="split", parents=("c-0",))
    )
    text = news.markdown(
        changes.build_changes(None, document.build_document(view, generated_at=GENERATED_AT), changes.fates_of(view))
    )
    row = next(line for line in text.splitlines() if "c-1" in line)
    assert row == r"| a\|b &lt;img src=x&gt; \`\*\[x\](y)\` \# h `c-1` | split from `c-0` | 0 → 1 | 1 | 0 |  |  |"


def test_the_markdown_table_is_bounded():
    after = built(*(cluster(f"c-{n:03}", image("de", str(n))) for n in range(70)))
    text = news.markdown(changes.build_changes(None, after, {}))
    assert text.count("\n| ") == 51
    assert text.endswith("\n20 more changed.\n")


def test_a_summary_that_miscounts_is_refused():
    made = changes.build_changes(None, built(), {})
    made["summary"]["born"] = 7
    with pytest.raises(PublishRefusedError, match=r"summary\.born is 7, but 3 clusters have that fate"):
        schema.validate_changes(made)


# --- the website's data file ---


def test_the_website_gets_the_shape_that_it_imports():
    assert (
        website.render_website(built())
        == """\
// The named types of "bollards", generated by image-cluster. Edit names there, not here.
export interface BollardCluster {
  id: string;
  name: string; // Human-assigned
  description?: string; // Visual characteristics
  representativeImage: {
    country: string;
    seq: number;
  };
  countries: Array<{
    code: string;
    images: number[]; // Sequence numbers
  }>;
}

export const bollardClusters: BollardCluster[] = [
  {
    id: "white-cylinder",
    name: "White cylinder",
    description: "One red band.",
    representativeImage: { country: "DE", seq: 10 },
    countries: [
      { code: "DE", images: [1, 2, 10] },
      { code: "AT", images: [3, 4] },
    ],
  },
];
"""
    )


@pytest.mark.parametrize("identifier", ["a3f", "001", "12345678901234567890", "٣", "1\n"])
def test_identifiers_that_a_number_would_change_stay_text(identifier: str):
    text = website.render_website(built(cluster("c-1", image("de", "1"), image("de", identifier), name="x")))
    assert "seq: string;" in text
    assert "images: string[]; // Identifiers" in text
    assert 'seq: "1"' in text


def test_sequence_numbers_with_leading_zeros_are_numbers():
    text = website.render_website(
        built(cluster("c-1", image("de", "001"), image("at", "001"), image("de", "012"), name="x"))
    )
    assert "seq: number;" in text
    assert '{ code: "DE", images: [1, 12] }' in text


def test_text_cannot_leave_its_quotes():
    name = 'a"b\\c\n</script>${x}`\u2028'
    text = website.render_website(built(cluster("c-1", image(None, "1"), name=name), category="x\u2029*/y"))
    assert r'name: "a\"b\\c\n</script>${x}`\u2028",' in text
    assert "country: string | null;" in text
    assert "representativeImage: { country: null, seq: 1 }" in text
    assert (
        text.splitlines()[0]
        == '// The named types of "x\\u2029*/y", generated by image-cluster. Edit names there, not here.'
    )


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("bollards", "BollardCluster"),
        ("follow-cars", "FollowCarCluster"),
        ("road_signs", "RoadSignCluster"),
        ("batteries", "BatteryCluster"),
        ("boxes", "BoxCluster"),
        ("glass", "GlassCluster"),
        ("houses", "HouseCluster"),
        ("bus", "BusCluster"),
        ("2024 poles", "Image2024PoleCluster"),
        ("石", "ImageCluster"),
    ],
)
def test_the_interface_is_named_after_one_of_the_category(category: str, name: str):
    assert website.interface_name(category) == name
    assert website.file_name(category) == f"{category}-clusters.ts"


def test_only_named_active_clusters_reach_the_website():
    text = website.render_website(built())
    assert "Blurred" not in text
    assert "c-small222" not in text
    assert website.render_website(built(cluster("c-1", image("de", "1")))).endswith("= [\n];\n")


def test_no_count_is_lost_when_an_image_has_no_reason():
    made = built(rejected=[RejectedImage("k", "missing", "")])
    assert made["rejected"] == [{"key": "k", "reason": "missing"}]
    schema.validate(made)


def test_a_view_is_not_changed_by_building_its_document():
    view = library()
    copy = deepcopy(view)
    document.build_document(view, generated_at=GENERATED_AT)
    assert view == copy
    assert isinstance(view.clusters[0].members[0], Member)
