"""The review page as text: what it shows, what it bounds, and that nothing in it is markup but our own."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.published import changes, document, page
from pipeline.stages.published.document import ClusterView, LibraryView, RejectedImage
from tests.stages.published.library import GENERATED_AT, cluster, image, library, thumbnail
from tests.stages.published.objects import objects_document

EVIL = '</script><img src=x onerror="window.__pwned=1">\'"><b>{{ 7*7 }}'


class Outline(HTMLParser):
    """Every start tag with its attributes, and the text of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str):
        self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def rendered(view: LibraryView | None = None, *, page_images: int = 5000, **options: Any) -> str:
    made = document.build_document(view or library(), generated_at=GENERATED_AT)
    options.setdefault("changes", changes.build_changes(None, made, changes.fates_of(view or library())))
    options.setdefault("thumbnails", thumbnail)
    return "".join(page.render_page(made, page_images=page_images, **options))


def big(*sizes: int) -> LibraryView:
    clusters = [cluster(f"c-{n}", *(image("de", f"{n}-{m}") for m in range(size))) for n, size in enumerate(sizes)]
    return library(*clusters)


def test_every_image_is_in_the_file_once_with_its_key_as_alternative_text():
    html = rendered()
    outline = Outline(html)
    keys = [attributes["alt"] for attributes in outline.all("img")]
    assert len(keys) == len(set(keys)) == 11
    assert html.count("data:image/webp") == 11
    assert all(
        attributes["loading"] == "lazy" and attributes["decoding"] == "async" for attributes in outline.all("img")
    )


def test_the_page_tells_names_counts_countries_fates_and_reasons():
    text = re.sub(r"\s+", " ", Outline(rendered()).text)
    for part in [
        "White cylinder", "One red band.", "Unnamed c-small222", "5 images", "cohesion 0.83", "DE 3", "AT 2", "Grown",
        "Review", "Unusable", "16.7 %", "Made 21 November 2026, 03:00 UTC", "broken: the file ends early", "Old block",
        "labels.method", "hdbscan", "published for the first time",
    ]:  # fmt: skip
        assert part in text, part


def test_the_representative_comes_first_and_is_marked():
    tiles = [attributes for attributes in Outline(rendered()).all("li") if "class" in attributes]
    assert [attributes["class"] for attributes in tiles] == ["main", "also"] * 3


def test_a_representative_that_is_not_the_most_typical_still_comes_first():
    images = [image("de", str(number)) for number in range(5)]
    html = rendered(library(cluster("c-1", *images, representatives=[images[3], images[1]])), page_images=2)
    assert [attributes["alt"] for attributes in Outline(html).all("img")] == [images[3].key, images[1].key]


def test_images_beyond_the_bound_are_counted_and_their_thumbnails_never_asked_for():
    asked: list[str] = []

    def counting(key: str) -> bytes:
        asked.append(key)
        return thumbnail(key)

    html = rendered(big(30, 4), page_images=12, thumbnails=counting)
    assert len(asked) == len(set(asked)) == 12
    assert "and 24 more" in html
    assert html.count('class="main"') == 2


def test_a_bound_of_zero_shows_no_image_and_counts_all():
    html = rendered(big(30), page_images=0)
    assert Outline(html).all("img") == []
    assert "and 30 more" in html


@given(st.integers(0, 60), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20)), max_size=8))
def test_what_is_shown_fits_the_bound_and_wastes_nothing(budget: int, groups: list[tuple[int, int]]):
    sizes = [first + rest for first, rest in groups]
    representatives = [first for first, _ in groups]
    shown = page.share_out(budget, representatives, sizes)
    assert sum(shown) == min(budget, sum(sizes))
    assert all(have <= size for have, size in zip(shown, sizes, strict=True))
    if budget >= sum(representatives):
        assert all(have >= first for have, first in zip(shown, representatives, strict=True))


def test_small_clusters_are_shown_whole_before_large_ones():
    assert page.share_out(20, [1, 1, 1], [100, 3, 5]) == [12, 3, 5]
    assert page.share_out(2, [2, 2, 2], [5, 5, 5]) == [1, 1, 0]


def test_an_image_without_a_thumbnail_keeps_its_place_and_its_key():
    outline = Outline(rendered(thumbnails=lambda key: None if "de-2-" in key else thumbnail(key)))
    assert len(outline.all("img")) == 10
    assert "bollards/de/de-2-800w.webpno thumbnail" in outline.text


def evil_library() -> LibraryView:
    """A library in which every text that comes from outside is hostile."""
    images = [document.ImageRef("i", f"{EVIL}/{number}", EVIL, EVIL + str(number)) for number in range(3)]
    hostile: ClusterView = cluster(
        f"c {EVIL}",
        *images,
        name=EVIL,
        description=EVIL,
        needs_review=True,
        review_reason=EVIL,
        parents=(EVIL,),
        fate="split",
    )
    return library(
        hostile,
        category=EVIL,
        model={"encoder": EVIL},
        settings={EVIL: EVIL},
        rejected=[RejectedImage(EVIL, EVIL, EVIL)],
    )


def test_hostile_text_stays_text():
    html = rendered(evil_library(), full_image_url=lambda key: key)
    outline = Outline(html)
    assert len(outline.all("script")) == 1
    assert not outline.all("b") or all("class" not in attributes for attributes in outline.all("b"))
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert all((attributes["src"] or "").startswith("data:image/webp;base64,") for attributes in outline.all("img"))
    assert html.count("<img src=x") == 0
    assert "{{ 7*7 }}" in html


def test_only_our_own_style_and_script_may_run():
    html = rendered()
    policy = Outline(html).all("meta")[1]["content"] or ""
    for tag in ("style", "script"):
        text = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert text is not None
        digest = base64.b64encode(hashlib.sha256(text[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not [attributes for _, attributes in Outline(html).tags if "style" in attributes]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://images.example.org/a b.webp", True),
        ("../images/a.webp", True),
        ("file:///tmp/a.webp", True),
        ("javascript:alert(1)", False),
        (" JavaScript:alert(1)", False),
        ("java\tscript:alert(1)", False),
        ("data:text/html,x", False),
        (None, False),
    ],
)
def test_links_to_full_images_cannot_run_anything(url: str | None, kept: bool):
    buttons = [
        attributes
        for attributes in Outline(rendered(full_image_url=lambda _: url)).all("button")
        if "data-full" in attributes
    ]
    assert len(buttons) == (11 if kept else 0)


def test_nothing_on_the_page_points_elsewhere():
    outline = Outline(rendered())
    addresses = [attributes.get(name) for _, attributes in outline.tags for name in ("src", "href", "srcset", "action")]
    assert all(address is None or address.startswith(("data:", "#")) for address in addresses)


def test_every_link_within_the_page_has_a_target():
    from urllib.parse import unquote

    for view in (library(), evil_library()):
        outline = Outline(rendered(view))
        ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        links = [attributes["href"] or "" for attributes in outline.all("a") if "href" in attributes]
        assert {unquote(link.removeprefix("#")) for link in links} <= set(ids)


def test_an_empty_library_has_a_page():
    html = rendered(library(clusters=(), unclustered=(), rejected=(), total_images=0, died=()), changes=None)
    assert "There are no clusters yet: the category has no images." in html


def test_a_page_without_changes_has_no_fates():
    html = rendered(changes=None)
    assert "fate-grown" not in html.split("</style>")[1]


def test_the_page_is_a_stream_of_bounded_chunks():
    made = document.build_document(big(400), generated_at=GENERATED_AT)
    chunks = list(page.render_page(made, thumbnail, page_images=5000))
    assert max(map(len, chunks)) < sum(map(len, chunks)) / 4


def test_the_same_document_gives_the_same_page():
    assert rendered() == rendered()


def test_the_page_calls_groups_what_they_are() -> None:
    outline = Outline(rendered(group_label="folder"))
    assert "Types and folders" in outline.text
    assert "All folders" in outline.text
    assert "Any country" not in outline.text
    assert outline.all("body")[0]["data-group-label"] == "folder"


def test_a_cluster_is_not_said_to_be_merged_with_itself() -> None:
    text = re.sub(r"\s+", " ", Outline(rendered(library(
        cluster("c-1", image("de", "1"), name="Post", fate="merged", parents=("c-1", "c-2")),
        cluster("c-3", image("de", "2"), name="Pole", fate="merged", parents=("c-3",)),
    ))).text)  # fmt: skip
    assert "Merged with c-2" in text
    assert text.count("Merged with") == 1


def test_the_page_of_objects_shows_crops_and_has_each_image_around_them_once() -> None:
    asked: list[str] = []

    def source(name: str) -> bytes:
        asked.append(name)
        return thumbnail(name)

    text = "".join(page.render_page(objects_document(), source, page_images=100))
    assert sum("#xywh=" in name for name in asked) == 5
    assert sorted(name for name in asked if "#" not in name) == [
        f"bollards/{code}/{code}-{number}-800w.webp" for code, number in (("de", 1), ("de", 2), ("fr", 3))]  # fmt: skip
    assert 'data-scene="bollards/de/de-1-800w.webp" data-box="0.1 0.2 0.3 0.4"' in text
    assert "<dt>Objects</dt><dd>7</dd>" in text
    assert "<b>3</b> objects" in text
