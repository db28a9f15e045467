"""What people type becomes clean text before it is stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pipeline.curation.fields import Region, one_line, several_lines


@given(st.text())
def test_a_name_is_one_line_without_signs_that_nobody_sees(text: str) -> None:
    try:
        clean = one_line(text)
    except ValueError:
        assert not text.strip() or not any(sign.isprintable() and not sign.isspace() for sign in text)
        return
    assert clean == " ".join(clean.split())
    assert one_line(clean) == clean
    assert len(clean.splitlines()) == 1


def test_a_sign_that_turns_the_direction_of_writing_is_no_part_of_a_name() -> None:
    assert one_line("Red\u202egnp.exe\x00\n post") == "Red gnp.exe post"
    with pytest.raises(ValueError, match="is empty"):
        one_line(" \u200f\t")


def test_a_description_keeps_its_lines_and_loses_what_hangs_on_their_ends() -> None:
    assert several_lines("  One.  \r\n\r\nTwo.\x07\n") == "One.\n\nTwo."


@pytest.mark.parametrize("values", [(0.5, 0.5, 0.6, 0.1), (0.1, 0.1, 0.0, 0.1), (-0.1, 0.1, 0.2, 0.2)])
def test_a_region_outside_the_image_or_without_a_surface_is_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="is no region of an image"):
        TypeAdapter(Region).validate_python(values)
