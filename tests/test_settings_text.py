"""One value changes in a settings file that people wrote, and not a character more."""

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import parse_settings
from pipeline.settings_text import settings_text, with_value

COMMENTED = """\
# our library
source:
  url: photos   # the NAS

labels:
    # found by looking, 3 March
    granularity: auto   # was fine
    seed: 7
"""


def changed(text: str, value: str = "0.6") -> str:
    return with_value(text, "labels", "granularity", value)


def test_only_the_value_changes_and_comments_stay() -> None:
    assert changed(COMMENTED) == COMMENTED.replace("granularity: auto ", "granularity: 0.6 ")
    assert changed(settings_text()) == settings_text({"labels": {"granularity": 0.6}})


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("", "labels:\n  granularity: 0.6\n"),
        ("source:\n  url: x", "source:\n  url: x\n\nlabels:\n  granularity: 0.6\n"),
        ("labels:\n    # c\n    seed: 4\n", "labels:\n    # c\n    granularity: 0.6\n    seed: 4\n"),
        ("labels:\n  # granularity: auto\n", "labels:\n  granularity: 0.6\n  # granularity: auto\n"),
        ("labels:", "labels:\n  granularity: 0.6\n"),
        ("labels: {}\n", "labels: {granularity: 0.6}\n"),
        ("labels: {seed: 1} # c\n", "labels: {granularity: 0.6, seed: 1} # c\n"),
        ("labels: {granularity: 'fine', seed: 1}\n", "labels: {granularity: 0.6, seed: 1}\n"),
        ("source:\r\n  url: x\r\n", "source:\r\n  url: x\r\n\r\nlabels:\r\n  granularity: 0.6\r\n"),
    ],
)
def test_every_way_of_writing_a_section_is_understood(text: str, becomes: str) -> None:
    assert changed(text) == becomes
    assert parse_settings(becomes).labels.granularity == "0.6"


def test_writing_it_twice_changes_nothing() -> None:
    assert changed(changed(COMMENTED)) == changed(COMMENTED)


def test_a_value_or_a_file_that_does_not_hold_is_refused_before_anything_is_written() -> None:
    with pytest.raises(SettingsError, match="granularity"):
        changed(COMMENTED, "1.5")
    with pytest.raises(SettingsError, match="line 1: there is no setting labelz"):
        changed("labelz:\n  seed: 1\n")


def test_a_section_that_is_shared_with_another_is_not_changed_in_passing() -> None:
    text = "identities: &one\n  min_overlap: 0.3\nrepresentatives: *one\n"
    with pytest.raises(SettingsError):
        with_value(text, "representatives", "count", "3")
