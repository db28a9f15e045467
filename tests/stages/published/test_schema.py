"""A published document that breaks its schema, or contradicts itself, is refused with numbers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pipeline.errors import PublishRefusedError
from pipeline.stages.published import changes, schema
from tests.stages.published.library import built, cluster, image
from tests.stages.published.objects import objects_document


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


def test_a_summary_that_miscounts_is_refused():
    made = changes.build_changes(None, built(), {})
    made["summary"]["born"] = 7
    with pytest.raises(PublishRefusedError, match=r"summary\.born is 7, but 3 clusters have that fate"):
        schema.validate_changes(made)


def test_a_document_of_objects_is_valid_and_counts_images_and_objects() -> None:
    document = objects_document()
    schema.validate(document)
    assert document["schemaVersion"] == 2
    summary = document["summary"]
    assert {name: summary[name] for name in ("images", "clustered", "unclustered", "rejected")} == {
        "images": 5, "clustered": 2, "unclustered": 1, "rejected": 2}  # fmt: skip
    assert summary["objects"] == {"found": 7, "clustered": 4, "unclustered": 1, "rejected": 2}


def test_an_object_that_stands_twice_and_a_lost_image_are_refused() -> None:
    document = objects_document()
    document["unclustered"].append(dict(document["unclustered"][0]))
    with pytest.raises(PublishRefusedError, match=r"#xywh=percent:10,20,30,40' stands in the document 2 times"):
        schema.validate(document)
    document = objects_document()
    document["rejected"].pop()
    with pytest.raises(PublishRefusedError, match="5 images came in"):
        schema.validate(document)


def test_readers_of_schema_1_go_on_working() -> None:
    """The frozen schema of version 1: documents of whole images follow it to the letter; those of objects do once the
    fields are passed over that it does not know, as it asks of its readers."""
    frozen = json.loads((Path(__file__).parents[2] / "golden" / "clusters.schema.1.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(frozen)
    assert validator.is_valid(built())
    document = objects_document()
    types = document["clusters"]
    entries = [entry for one in types for entry in (*one["images"], *one["representatives"])]
    for entry in [*entries, *document["unclustered"], *document["rejected"]]:
        entry.pop("box", None)
    del document["unit"], document["detector"], document["summary"]["objects"]
    for one in types:
        one["representativeImage"] = one["representatives"][0]
    assert [error.message for error in validator.iter_errors(document)] == ["1 was expected"]
    validator.validate({**document, "schemaVersion": 1})
