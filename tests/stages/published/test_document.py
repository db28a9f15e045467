"""clusters.json as a value and as bytes: its fields and its order."""

from copy import deepcopy

import pytest

from pipeline.errors import PublishRefusedError
from pipeline.stages.published import canonical, document, schema
from pipeline.stages.published.document import Member, RejectedImage
from tests.stages.published.library import GENERATED_AT, built, cluster, image, library
from tests.stages.published.objects import objects_document


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
    assert canonical.encode(one) == canonical.encode(other)


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
    assert canonical.encode(one) == canonical.encode(other)
    assert one["clusters"][0]["centroid"] == [0.5, 0.0, 0.25]
    schema.validate(one)


def test_the_order_of_settings_does_not_change_the_bytes():
    one = built(settings={"a": {"x": 1, "y": (1, 2)}, "b": 2})
    other = built(settings={"b": 2, "a": {"y": [1, 2], "x": 1}})
    assert canonical.encode(one) == canonical.encode(other)


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


# --- changes.json ---


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


def test_an_image_with_two_objects_in_a_cluster_counts_once_in_its_country() -> None:
    made = objects_document()
    (first, second) = made["clusters"]
    assert (first["size"], first["countries"]) == (3, [{"code": "DE", "images": ["1", "2"]}])
    assert second["countries"] == [{"code": "DE", "images": ["1"]}]
    assert made["index"]["types"]["c-first222"] == [{"country": "DE", "images": 2}]


def test_documents_of_whole_images_say_nothing_of_objects() -> None:
    made = built()
    assert made["schemaVersion"] == 1
    assert not {"unit", "detector"} & set(made)
    assert list(made["summary"]) == ["images", "clustered", "unclustered", "rejected", "clusters"]
    assert '"box"' not in canonical.encode(made).decode()
