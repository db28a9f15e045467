"""What changed since the last manifest: added, changed, same and removed images, and those that could not be listed."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.build import Manifest
from pipeline.stages.manifest.contract import MANIFEST_SCHEMA
from tests.stages.manifest.listing import NOON, build, obj


def changes(manifest: Manifest) -> dict[str, str]:
    return dict(manifest.frame.select("key", "change").iter_rows())


def test_the_first_manifest_calls_everything_added_and_the_second_everything_same() -> None:
    keys = ["bollards/de/de-002-800w.webp", "bollards/at/at-001-800w.webp"]
    first = build(*keys)
    second = build(*keys[::-1], known=first.frame)
    assert (first.added, second.same, second.added) == (2, 2, 0)
    assert first.frame["key"].is_sorted()
    assert first.frame.drop("change").equals(second.frame.drop("change"))
    assert first.digest == second.digest


def test_an_object_counts_as_changed_when_its_etag_or_size_or_key_differs() -> None:
    known = build(*(obj(f"bollards/de/de-00{i}-800w.webp") for i in range(1, 5))).frame
    now = build(
        obj("bollards/de/de-001-800w.webp"),
        obj("bollards/de/de-002-800w.webp", etag="other"),
        obj("bollards/de/de-003-800w.webp", size=11),
        obj("bollards/de/de-004-1200w.webp"),
        known=known,
    )
    assert now.frame["change"].to_list() == ["same", "changed", "changed", "changed"]


def test_a_removed_image_is_told_once_and_may_come_back() -> None:
    keys = ["bollards/de/de-001-800w.webp", "bollards/de/de-002-800w.webp"]
    first = build(*keys)
    second = build(keys[0], known=first.frame)
    third = build(keys[0], known=second.frame)
    fourth = build(*keys, known=second.frame)
    assert changes(second) == {keys[0]: "same", keys[1]: "removed"}
    assert (second.images, second.removed) == (1, 1)
    assert changes(third) == {keys[0]: "same"}
    assert changes(fourth) == {keys[0]: "same", keys[1]: "added"}


def test_a_category_that_was_emptied_is_an_empty_manifest_with_its_removals() -> None:
    manifest = build(known=build("bollards/a.png").frame)
    assert changes(manifest) == {"bollards/a.png": "removed"}
    assert (manifest.images, manifest.objects) == (0, 0)
    assert build().frame.schema == MANIFEST_SCHEMA


def test_rows_are_joined_by_id_so_that_one_removal_in_the_middle_shifts_nothing() -> None:
    objects = [obj(f"bollards/de/de-{i:03d}-800w.webp", etag=f"e{i}") for i in range(20)]
    known = build(*objects).frame
    now = build(*(objects[:7] + objects[8:]), known=known)
    assert (now.same, now.removed, now.changed, now.added) == (19, 1, 0, 0)
    assert all(etag == f"e{int(name)}" for etag, name in now.frame.select("etag", "identifier").iter_rows())


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 2)), st.dictionaries(st.integers(0, 30), st.integers(0, 2)))
def test_the_diff_is_set_arithmetic(before: dict[int, int], after: dict[int, int]) -> None:
    def objects(state: dict[int, int]) -> list[ObjectInfo]:
        return [obj(f"bollards/de/de-{name}-800w.webp", etag=str(etag)) for name, etag in state.items()]

    now = build(*objects(after), known=build(*objects(before)).frame)
    both = before.keys() & after.keys()
    assert now.added == len(after.keys() - before.keys())
    assert now.removed == len(before.keys() - after.keys())
    assert now.same == sum(before[name] == after[name] for name in both)
    assert now.changed == sum(before[name] != after[name] for name in both)
    assert (build(*objects(before)).digest == now.digest) == (before == after)


def test_images_in_a_place_that_cannot_be_looked_at_are_as_they_were() -> None:
    before = build("bollards/a/1.png", "bollards/a/2.png", "bollards/b/3.png", "bollards/c.png").frame
    closed = [ObjectInfo(place, "", 0, NOON, "Permission denied") for place in ("bollards/a/", "bollards/c.png")]
    after = build(*closed, category="bollards", known=before)
    assert changes(after) == {
        "bollards/a/1.png": "same", "bollards/a/2.png": "same", "bollards/b/3.png": "removed", "bollards/c.png": "same",
    }  # fmt: skip
    assert (after.images, after.kept, after.objects, after.removed) == (3, 3, 0, 1)
    assert after.content == build().content
    opened = build("bollards/a/1.png", "bollards/c.png", known=after.frame)
    assert (opened.same, opened.removed) == (2, 1)
