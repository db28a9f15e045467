"""The changes in words: one sentence for people, and a Markdown table that no name can break."""

from pipeline.stages.published import changes, document, news
from tests.stages.published.library import GENERATED_AT, built, cluster, image, images, library


def test_the_table_says_where_images_moved_between():
    before = built(cluster("c-1", *images(0, 10), name="Post"), cluster("c-2", *images(10, 16, "fr"), name="Pole"))
    after = built(cluster("c-1", *images(0, 10), *images(10, 16, "fr"), *images(30, 32), name="Post"))
    text = news.markdown(changes.build_changes(before, after, {}))
    assert "| Post `c-1` | merged with Pole | 10 → 18 | 8 (6 from Pole) | 0 | +FR |  |" in text
    assert "| Pole `c-2` | died, into Post | 6 → 0 | 0 | 6 (6 to Post) |  |  |" in text


def test_the_markdown_table_holds_only_text():
    view = library(
        cluster("c-1", image("de", "1"), name="a|b <img src=x> `*[x](y)`\n# h", fate="split", parents=("c-0",))
    )
    text = news.markdown(
        changes.build_changes(None, document.build_document(view, generated_at=GENERATED_AT), changes.fates_of(view))
    )
    row = next(line for line in text.splitlines() if "c-1" in line)
    assert row == r"| a\|b &lt;img src=x&gt; \`\*\[x\](y)\` \# h `c-1` | split from `c-0` | 0 → 1 | 1 | 0 |  |  |"


def test_the_markdown_table_is_bounded():
    after = built(*(cluster(f"c-{n:03}", image("de", str(n))) for n in range(70)))
    text = news.markdown(changes.build_changes(None, after, {}))
    assert text.count("\n| ") == 51
    assert text.endswith("\n20 more changed.\n")


def test_an_unchanged_library_says_so():
    view = library(*(cluster(f"c-{n}", image("de", str(n))) for n in range(3)), died=())
    made = document.build_document(view, generated_at=GENERATED_AT)
    same = changes.build_changes(made, made | {"generatedAt": "2026-11-22T03:00:00Z"}, changes.fates_of(view))
    assert news.headline(same) == "Nothing changed in bollards: 3 clusters as before."
    assert news.markdown(same) == "Nothing changed in bollards: 3 clusters as before.\n\n3 clusters unchanged.\n"
    assert same["previousGeneratedAt"] == GENERATED_AT


def test_groups_are_called_what_they_are_in_the_table():
    after = built(cluster("c-1", *images(0, 10)))
    assert "| Folders | Review |" in news.markdown(changes.build_changes(None, after, {}), "folder")
    assert "| Countries | Review |" in news.markdown(changes.build_changes(None, after, {}))


def test_a_category_that_is_called_all_stands_in_quotes() -> None:
    assert news.called("all") == "“all”"
    assert news.called("bollards") == "bollards"
