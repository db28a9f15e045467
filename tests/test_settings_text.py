"""The generated settings file says what the program would do without it."""

from pipeline.settings import Settings, parse_settings
from pipeline.settings_text import settings_text


def test_the_generated_file_is_read_back_as_the_defaults() -> None:
    assert parse_settings(settings_text(), name="settings") == Settings()


def test_values_can_be_given_by_section_and_name() -> None:
    text = settings_text({"labels": {"granularity": "fine", "seed": 7}})
    read = parse_settings(text, name="settings").labels
    assert (read.granularity, read.seed) == ("fine", 7)
