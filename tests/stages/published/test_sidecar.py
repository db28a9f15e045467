"""XMP sidecars: what a photo manager finds in them."""

from xml.etree import ElementTree as ET

import pytest

from pipeline.stages.published.sidecar import NAMESPACES, is_ours, keywords, sidecar


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


def test_keywords_are_read_back_as_they_were_written() -> None:
    paths = [("bollards", "White"), ("night",)]
    assert keywords(sidecar(paths)) == paths


def test_flat_keywords_that_stand_in_no_path_are_read_too() -> None:
    herons = b"<rdf:li>Herons</rdf:li>"
    document = sidecar([("Birds", "Herons")]).replace(herons, herons + b"<rdf:li>wet</rdf:li>", 1)
    assert keywords(document) == [("Birds", "Herons"), ("wet",)]


@pytest.mark.parametrize("document", [b"", b"no xml", b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'])
def test_what_is_no_sidecar_or_declares_entities_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        keywords(document)


def test_a_name_with_a_separator_is_read_again_as_it_was() -> None:
    paths = [("a|b", "c/d|e"), ("f|g",)]
    assert keywords(sidecar(paths)) == [("a/b", "c/d|e"), ("f|g",)]


def test_text_that_xml_cannot_hold_spoils_no_sidecar() -> None:
    assert keywords(sidecar([("esc\x1b[31m", "new\nline\ufffe")])) == [("esc [31m", "new line")]
