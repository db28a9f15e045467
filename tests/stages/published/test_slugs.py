"""The words that lead to each cluster: made from names, unique, and kept from night to night."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.published import document, schema
from tests.stages.published.library import GENERATED_AT, built, cluster, image, library


def test_slugs_come_from_names_are_unique_and_do_not_depend_on_size():
    def slugs(small_id: str, large_id: str) -> dict[str, str]:
        made = built(
            cluster(small_id, image("de", "1"), name="Weißer Pfahl, rund!"),
            cluster(large_id, image("de", "2"), image("de", "3"), name="Rød & Hvid / Słup"),
            cluster("c-3", image("de", "4"), name="石の柱"),
            cluster("c-4", image("de", "5")),
            cluster("c-5", image("de", "6"), name="Any", slug="chosen"),
        )
        schema.validate(made)
        return {each["id"]: each["slug"] for each in made["clusters"]}

    assert slugs("c-1", "c-2") == {
        "c-1": "weisser-pfahl-rund",
        "c-2": "rod-hvid-slup",
        "c-3": "c-3",
        "c-4": "c-4",
        "c-5": "chosen",
    }
    same = built(
        cluster("c-b", image("de", "1"), image("de", "2"), name="Post"), cluster("c-a", image("de", "3"), name="post")
    )
    assert {each["id"]: each["slug"] for each in same["clusters"]} == {"c-a": "post", "c-b": "post-b"}


def test_an_alias_leads_to_one_cluster_and_keeps_its_word():
    made = built(
        cluster("c-1", image("de", "1"), name="Pole", aliases=("post", "stake", "post")),
        cluster("c-2", image("de", "2"), name="Post"),  # made from the name: gives way to the alias
        cluster("c-3", image("de", "3"), slug="stake"),  # chosen by a person: the alias gives way
        cluster("c-4", image("de", "4"), name="Rail", aliases=("rail", "post")),
    )
    schema.validate(made)
    words = {each["id"]: (each["slug"], each["aliases"]) for each in made["clusters"]}
    assert words == {
        "c-1": ("pole", ["post"]),
        "c-2": ("post-2", []),
        "c-3": ("stake", []),
        "c-4": ("rail", []),
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.lists(st.sampled_from(["a", "b", "a-1", "c-1"]), max_size=3),
                  st.sampled_from(["a", "b", None])),
        max_size=5,
    )
)  # fmt: skip
def test_no_word_leads_to_two_clusters(wishes: list[tuple[str | None, list[str], str | None]]):
    clusters = [
        cluster(f"c-{n}", image("de", str(n)), name=name, aliases=aliases, slug=slug)
        for n, (name, aliases, slug) in enumerate(wishes)
    ]
    view = library(clusters=clusters, unclustered=(), rejected=(), total_images=len(clusters))
    made = document.build_document(view, generated_at=GENERATED_AT)
    schema.validate(made)
    words = [word for one in made["clusters"] for word in (one["slug"], *one["aliases"])]
    assert len(words) == len(set(words))
