"""One object of each image is read: the wanted width, or the nearest to it."""

import pytest

from tests.stages.manifest.listing import build


@pytest.mark.parametrize(
    ("there", "wanted", "chosen"),
    [
        (["400w", "800w", "1200w"], "800w", "800w"),
        (["400w", "1200w", "original"], "800w", "1200w"),
        (["400w", "original"], "800w", "original"),
        (["200w", "400w"], "800w", "400w"),
        (["400w", "1200w"], "original", "1200w"),
        (["90w", "400w", "1200w"], "100w", "400w"),
    ],
)
def test_the_wanted_width_is_read_else_the_nearest_larger_else_the_largest(
    there: list[str], wanted: str, chosen: str
) -> None:
    for order in (there, there[::-1]):
        manifest = build(*(f"bollards/de/de-001-{variant}.webp" for variant in order), variant=wanted)
        assert manifest.frame["variant"].to_list() == [chosen]
        assert manifest.other_variants == len(there) - 1


def test_pictures_whose_names_look_like_small_widths_are_pictures_of_their_own() -> None:
    keys = [f"lamps/bulbs/bulb-{watts}w.jpg" for watts in (5, 60, 100, 250)]
    for order in (keys, keys[::-1]):
        manifest = build(*order, category="lamps")
        assert manifest.frame["key"].to_list() == sorted(keys)
        assert (manifest.images, manifest.other_variants, manifest.objects) == (4, 0, 4)
        assert manifest.frame["image_id"].n_unique() == 4


def test_a_small_width_beside_one_without_doubt_is_a_width() -> None:
    for order in (["90w", "150w", "640w"], ["640w", "150w", "90w"], ["60w", "120w", "original"]):
        manifest = build(*(f"bollards/de/de-001-{variant}.webp" for variant in order))
        assert (manifest.images, manifest.other_variants) == (1, 2)


def test_small_widths_are_widths_where_settings_ask_for_one_or_a_pattern_says_so() -> None:
    keys = [f"bollards/de/de-001-{variant}.webp" for variant in ("100w", "200w")]
    assert build(*keys, variant="100w").frame["variant"].to_list() == ["100w"]
    told = {"bollards": r"(?P<group>\w+)/(?P<identifier>.+)-(?P<variant>\d+w)\..+"}
    assert build(*keys, patterns=told).frame["variant"].to_list() == ["200w"]


def test_a_single_small_width_keeps_the_id_that_it_had() -> None:
    one, large = build("bollards/de/de-001-200w.webp"), build("bollards/de/de-001-800w.webp")
    assert one.frame["image_id"].to_list() == large.frame["image_id"].to_list()


def test_of_two_objects_with_the_same_variant_the_lower_key_is_read() -> None:
    keys = ["bollards/de/de-001-800w.webp", "bollards/de/de-001-800w.jpg", "bollards/de/001-800w.webp"]
    for order in (keys, keys[::-1]):
        manifest = build(*order)
        assert manifest.frame["key"].to_list() == ["bollards/de/001-800w.webp"]
        assert (manifest.images, manifest.other_variants) == (1, 2)


def test_an_image_keeps_its_id_when_another_variant_is_read() -> None:
    keys = [f"bollards/de/de-001-{variant}.webp" for variant in ("400w", "1200w")]
    small, large = build(*keys, variant="400w"), build(*keys, variant="1200w")
    assert small.frame["image_id"].to_list() == large.frame["image_id"].to_list()
    assert small.frame["key"].to_list() != large.frame["key"].to_list()
    assert small.digest == large.digest
