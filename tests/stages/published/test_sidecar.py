"""XMP sidecars: what a photo manager finds in them."""

from xml.etree import ElementTree as ET

from pipeline.stages.published.sidecar import NAMESPACES, is_ours, sidecar


def lists(document: bytes) -> dict[str, list[str | None]]:
    root = ET.fromstring(document)
    (described,) = root.findall("rdf:RDF/rdf:Description", NAMESPACES)
    return {
        f"{prefix}:{child.tag.rpartition('}')[2]}": [item.text for item in child.iter(f"{{{NAMESPACES['rdf']}}}li")]
        for child in described
        for prefix, address in NAMESPACES.items()
        if child.tag.startswith(f"{{{address}}}")
    }


def test_keywords_stand_flat_and_as_a_tree_for_each_program() -> None:
    assert lists(sidecar([("bollards", "White Cylindrical"), ("night",)])) == {
        "dc:subject": ["White Cylindrical", "night"],
        "lr:hierarchicalSubject": ["bollards|White Cylindrical", "night"],
        "digiKam:TagsList": ["bollards/White Cylindrical", "night"],
    }


def test_a_name_with_the_separator_of_a_program_stays_one_level_there() -> None:
    found = lists(sidecar([("posts", "red/white <&> a|b")]))
    assert found["dc:subject"] == ["red/white <&> a|b"]
    assert found["lr:hierarchicalSubject"] == ["posts|red/white <&> a/b"]
    assert found["digiKam:TagsList"] == ["posts/red|white <&> a|b"]


def test_a_sidecar_of_ours_is_known_and_one_of_another_program_is_not() -> None:
    assert is_ours(sidecar([("posts", "Red")]))
    assert not is_ours(b'<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2"/>')
