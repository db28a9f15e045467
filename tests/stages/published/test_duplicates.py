"""duplicates.json, and the section of the review page that is made of it."""

from typing import Any

import pytest

from pipeline.errors import PublishRefusedError
from pipeline.stages.published import document, page
from pipeline.stages.published.duplicates import build_duplicates, digest_with, validate_duplicates
from tests.stages.published.library import GENERATED_AT, library, thumbnail


def rows(groups: int, copies: int = 2, level: str = "near") -> list[dict[str, Any]]:
    return [
        {"group": f"{level}-{group}", "level": level, "kept": level == "similar" or not copy, "country": "de",
         "key": f"posts/de/{level}{group}-{copy}.jpg", "identifier": f"{group}-{copy}", "width": 80, "height": 60,
         "bytes": 1000 - copy, "hamming": copy, "distance": 0.01 * copy, "reason": "larger"}
        for group in range(groups) for copy in range(copies)
    ]  # fmt: skip


def made(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return build_duplicates("posts", parts, {"max_hamming": 10}, generated_at=GENERATED_AT)


def rendered(duplicates: dict[str, Any] | None, page_images: int = 5000) -> str:
    clusters = document.build_document(library(), generated_at=GENERATED_AT)
    return "".join(page.render_page(clusters, thumbnail, page_images=page_images, duplicates=duplicates))


def test_levels_are_counted_apart_and_only_copies_are_proposed_to_go() -> None:
    found = made([*rows(2, 3, "exact"), *rows(3), *rows(1, 4, "similar")])
    validate_duplicates(found)
    assert found["summary"] == {
        "exact": {"groups": 2, "images": 6}, "near": {"groups": 3, "images": 6}, "similar": {"groups": 1, "images": 4},
        "proposedToGo": 7, "bytesSaved": 2 * (999 + 998) + 3 * 999,
    }  # fmt: skip
    assert found["groups"][0]["images"][0]["country"] == "DE"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"kept": True}, "keeps 2 of 2"),
        ({"hamming": 65}, "65"),
        ({"key": "posts/de/near0-0.jpg"}, "two groups of one level"),
    ],
)
def test_a_document_that_does_not_hold_is_not_published(spoil: dict[str, Any], said: str) -> None:
    parts = rows(1)
    parts[1] |= spoil
    with pytest.raises(PublishRefusedError, match=said):
        validate_duplicates(made(parts))


def test_other_duplicates_are_another_set_and_none_are_the_same() -> None:
    assert digest_with("abc", None) == digest_with("abc", made([])) == "abc"
    assert digest_with("abc", made(rows(1))) != digest_with("abc", made(rows(2))) != "abc"


def test_the_page_shows_the_image_to_keep_first_and_never_all_of_a_large_library() -> None:
    found = rendered(made([*rows(100, 9), *rows(2, 2, "similar")]))
    section = found.split('id="duplicates" ')[1]
    section = section.split("</section>")[0]
    assert section.count('class="keep"') == 24
    assert section.count("data:image/") == 24 * 4
    assert "and 5 more copies" in section
    assert "and 76 more groups, in duplicates.json" in section
    assert "2 more groups are similar only" in section
    assert "similar0" not in section


def test_the_section_stays_within_the_thumbnails_that_the_page_may_carry() -> None:
    found = rendered(made(rows(5)), page_images=0)
    assert "data:image/" not in found.split('id="duplicates" ')[1].split("</section>")[0]
    assert "near0-0.jpg" in found


def test_without_duplicates_the_page_says_so_and_without_the_search_nothing() -> None:
    assert "No image is a copy of another." in rendered(made([]))
    assert 'id="duplicates"' not in rendered(None)
