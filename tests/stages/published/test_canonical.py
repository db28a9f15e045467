"""The bytes of published documents: those that readers and the names of stored versions rely on, and their digest."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.published import canonical, document
from tests.stages.published.library import GENERATED_AT, built, cluster, image
from tests.stages.published.objects import objects_document

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ROWS = st.lists(st.dictionaries(st.text(), PLAIN, max_size=3), max_size=3)
VALUES = st.recursive(
    PLAIN | ROWS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(st.text() | st.just("generatedAt"), VALUES, max_size=5)


def as_always(made: dict[str, Any]) -> bytes:
    """What every version before wrote, whose digests are in the names of stored sets."""
    text = json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


@given(DOCUMENTS)
def test_the_bytes_are_those_that_stored_documents_have(made: dict[str, Any]):
    assert canonical.encode(made) == as_always(made)


@given(DOCUMENTS)
def test_the_digest_is_that_of_the_bytes_without_the_time(made: dict[str, Any]):
    without = {name: value for name, value in made.items() if name != "generatedAt"}
    assert canonical.encoded(made).digest == hashlib.sha256(as_always(without)).hexdigest()


@pytest.mark.parametrize("text", ["}, {", "},\n      {", '"}', "\\", "\u2028", "\udcff", "[]", "{}"])
def test_texts_that_look_like_json_stay_texts(text: str):
    made = {"a": [{text: text, "b": 1}, {"c": text}], "d": [text, text], "e": {text: [[{text: text}], {}]}}
    assert canonical.encode(made) == as_always(made)


@pytest.mark.parametrize("made", [built(), built(clusters=(), unclustered=(), rejected=()), objects_document()])
def test_clusters_json_has_the_bytes_that_it_always_had(made: dict[str, Any]):
    assert canonical.encode(made) == as_always(made)


def test_the_digest_ignores_when_the_document_was_made_and_nothing_else():
    made = built()
    later = made | {"generatedAt": "2026-11-22T03:00:00Z"}
    assert later["generatedAt"] != GENERATED_AT
    assert canonical.encode(made) != canonical.encode(later)
    assert canonical.content_digest(made) == canonical.content_digest(later)
    assert canonical.content_digest(made) != canonical.content_digest(made | {"category": "other"})


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_survives_the_bytes(key: str, name: str):
    reference = document.ImageRef("i", key, "de", "1")
    made = built(cluster("c-1", reference, name=name), unclustered=(), rejected=(), total_images=1)
    assert canonical.decode(canonical.encode(made)) == made


def test_a_key_that_is_not_valid_utf8_is_written_as_an_escape():
    made = built(cluster("c-1", document.ImageRef("i", "bollards/\udcff.png", None, "x")))
    assert json.loads(canonical.encode(made))["clusters"][0]["images"][0]["key"] == "bollards/\udcff.png"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("nan")], {"a": -float("inf")}])
def test_a_number_that_is_not_finite_is_refused(value: object):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical.encode({"a": value})


@pytest.mark.parametrize("made", [{1: "a"}, {"a": {1: [2, [3]]}}, {"a": {1: 2}}, {"a": [{1: 2}]}])
def test_a_name_that_is_not_text_is_refused(made: Any):
    with pytest.raises(TypeError, match="is 1, which is not text"):
        canonical.encode(made)


def test_what_json_cannot_represent_is_refused():
    with pytest.raises(TypeError, match="not JSON serializable"):
        canonical.encode({"a": [image("de", "1")]})
