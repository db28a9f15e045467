"""Suggested names: what the images of a cluster carry and the others do not."""

from pipeline.curation.suggest import Carried, suggest


def images(*keys: str, group: str | None = None) -> list[Carried]:
    return [Carried(key, group) for key in keys]


def test_words_that_set_a_cluster_apart_are_suggested_and_noise_is_not() -> None:
    found = suggest(
        {
            "a": images("birds/blue-jay-01.jpg", "birds/blue-jay-02.jpg", "birds/IMG_photo_jay.jpg"),
            "b": images("birds/red-robin-01.jpg", "birds/red-robin-02.jpg", "birds/red-robin-copy.jpg"),
        },
        "birds",
    )
    assert found["a"].split()[0] == "jay"
    assert set(found["b"].split()) == {"red", "robin"}


def test_a_cluster_whose_images_say_nothing_of_their_own_gets_no_suggestion() -> None:
    same = images("x/001.jpg", "x/002.jpg", group="de")
    assert suggest({"a": same, "b": same}, "x") == {}
    assert suggest({"a": images("x/3f2a9c01deadbeef.jpg"), "b": images("x/0011aabbccddeeff.jpg")}, "x") == {}


def test_a_country_alone_is_no_name() -> None:
    found = suggest({"a": images("x/1.jpg", "x/2.jpg", group="de"), "b": images("x/3.jpg", group="fr")}, "x")
    assert found == {}


def test_what_the_manifest_says_in_words_counts_too() -> None:
    found = suggest(
        {
            "a": [Carried("x/1.jpg", None, "a red lighthouse"), Carried("x/2.jpg", None, "lighthouse at dusk")],
            "b": [Carried("x/3.jpg", None, "a windmill"), Carried("x/4.jpg", None, "windmill")],
        },
        "x",
    )
    assert found["a"].split()[0] == "lighthouse"
    assert found["b"] == "windmill"
