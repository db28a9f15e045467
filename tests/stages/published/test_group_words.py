"""What a group of images is called."""

import pytest

from pipeline.stages.published.group_words import group_word, plural


@pytest.mark.parametrize(
    ("groups", "labels", "word"),
    [
        (["de", "AT"], {}, "country"),
        (["de", "animals"], {}, "folder"),
        ([], {}, "folder"),
        (["de"], {"posts": "camera"}, "camera"),
        (["de"], {"Posts": "year"}, "year"),
        (["de"], {"others": "year"}, "country"),
    ],
)
def test_a_group_is_a_country_only_where_all_groups_are_codes_and_settings_come_first(
    groups: list[str], labels: dict[str, str], word: str
) -> None:
    assert group_word(groups, "posts", "Posts", labels) == word


def test_several_groups_have_a_word_too() -> None:
    assert [plural(word) for word in ("country", "folder", "day")] == ["countries", "folders", "days"]
