"""Which known images a new name may belong to."""

import polars as pl

from pipeline.stages.images.other_names import MOST, images_of_other_names


def new(*paths: str, ids: tuple[str, ...] = ()) -> pl.DataFrame:
    rows = [(ids[index] if ids else f"new-{path}", f"posts/{path}", path) for index, path in enumerate(paths)]
    return pl.DataFrame(rows, schema=dict.fromkeys(("image_id", "key", "path"), pl.String), orient="row")


def known(*paths: str, gone: bool, ids: tuple[str, ...] = ()) -> pl.DataFrame:
    found = new(*paths, ids=ids or tuple(f"old-{path}" for path in paths))
    return found.with_columns(image=pl.col("path"), gone=pl.lit(gone))


def test_another_format_of_the_same_name_may_be_the_same_image_whether_the_old_file_is_there_or_gone() -> None:
    for gone in (True, False):
        found = images_of_other_names(new("a/1.webp", "a/2.JPG", "a/3.png"), known("a/1.jpg", "a/2.jpg", gone=gone))
        assert found == {"posts/a/1.webp": ["a/1.jpg"], "posts/a/2.JPG": ["a/2.jpg"]}


def test_another_width_is_the_same_image_by_its_id() -> None:
    ids = ("one", "two")
    former = known("de/de-1-400w.jpg", "x", gone=True, ids=ids)
    found = images_of_other_names(new("de/de-1-800w.jpg", ids=("one",)), former)
    assert found == {"posts/de/de-1-800w.jpg": ["de/de-1-400w.jpg"]}


def test_the_same_file_name_in_another_folder_counts_for_images_that_are_gone_only() -> None:
    assert images_of_other_names(new("b/1.webp"), known("a/1.jpg", gone=False)) == {}
    assert images_of_other_names(new("b/1.webp"), known("a/1.jpg", gone=True)) == {"posts/b/1.webp": ["a/1.jpg"]}


def test_the_nearest_name_goes_first() -> None:
    found = images_of_other_names(new("b/1.webp"), known("a/1.jpg", "b/1.jpg", gone=True))
    assert found == {"posts/b/1.webp": ["b/1.jpg"]}


def test_a_name_that_many_have_and_a_number_in_place_of_an_ending_say_nothing() -> None:
    many = known(*(f"{group}/1.jpg" for group in range(MOST + 1)), gone=True)
    assert images_of_other_names(new("b/1.webp"), many) == {}
    assert images_of_other_names(new("scan.002"), known("scan.001", gone=True)) == {}


def test_without_known_images_there_is_nothing_to_find() -> None:
    assert images_of_other_names(new("a/1.webp"), known(gone=True)) == {}
