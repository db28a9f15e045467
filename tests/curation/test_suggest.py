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
    assert found == {"a": "blue jay", "b": "red robin"}


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


def test_a_folder_is_not_said_twice_once_whole_and_once_in_words() -> None:
    """`Zoo 2022` gave “Zoo 2022 zoo”, `For sale` “For sale for sale”."""
    found = suggest(
        {
            "a": images("all/Zoo 2022/1.jpg", "all/Zoo 2022/2.jpg", group="Zoo 2022"),
            "b": images("all/For sale/1.jpg", "all/For sale/2.jpg", group="For sale"),
        },
        "all",
    )
    assert found == {"a": "Zoo 2022", "b": "For sale"}


def test_words_stand_in_the_order_in_which_the_images_say_them() -> None:
    """`2025/São Paulo` gave “2025 paulo são”."""
    found = suggest(
        {
            "a": images("all/x/São Paulo/1.jpg", "all/x/São Paulo/2.jpg"),
            "b": images("all/x/Oslo/1.jpg", "all/x/Oslo/2.jpg"),
        },
        "all",
    )
    assert found["a"] == "São Paulo"
    assert found["b"] == "Oslo"


def test_a_folder_that_is_only_a_year_is_no_name() -> None:
    found = suggest(
        {
            "a": images("all/2023/IMG_1.jpg", "all/2023/IMG_2.jpg", group="2023"),
            "b": images("all/2024/birds/1.jpg", "all/2024/birds/2.jpg", group="2024"),
        },
        "all",
    )
    assert found == {"b": "birds"}


def test_what_one_image_says_is_no_name_for_a_cluster() -> None:
    """Three animals gave “lion yak”."""
    zoo = images("zoo/lion.jpg", "zoo/yak.jpg", "zoo/3.jpg")
    assert suggest({"a": zoo, "b": images("zoo/4.jpg", "zoo/5.jpg")}, "zoo") == {}
