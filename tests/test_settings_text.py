"""The generated settings file says what the program would do without it."""

from pipeline.settings import Settings, parse_settings
from pipeline.settings_text import settings_text


def test_the_generated_file_is_read_back_as_the_defaults() -> None:
    assert parse_settings(settings_text(), name="settings") == Settings()
