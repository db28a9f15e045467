"""An object keeps its id as long as its boxes overlap, and gets a new vector when its outline moved."""

from pipeline.stages.objects.boxes import Box
from pipeline.stages.objects.lineage import Known, crop_name, identified, object_id

IMAGE = "a" * 32
BOX = Box(0.1, 0.1, 0.4, 0.4)


def first(*boxes: Box) -> list[Known]:
    return identified(IMAGE, boxes, [])


def test_the_first_id_is_a_hash_of_image_and_box() -> None:
    (known,) = first(BOX)
    assert known == Known(crop_name(IMAGE, BOX), crop_name(IMAGE, BOX), BOX)
    assert crop_name("b" * 32, BOX) != known.content_hash
    assert len(known.content_hash) == 32


def test_the_same_boxes_in_another_order_are_the_same_objects() -> None:
    other = Box(0.6, 0.6, 0.2, 0.2)
    before = first(BOX, other)
    assert identified(IMAGE, [other, BOX], before) == before[::-1]


def test_a_redrawn_outline_keeps_its_vector_and_a_moved_one_keeps_its_id() -> None:
    before = first(BOX)
    (redrawn,) = identified(IMAGE, [Box(0.11, 0.1, 0.4, 0.4)], before)
    assert redrawn == before[0]
    moved = Box(0.1, 0.1, 0.4, 0.3)
    (after,) = identified(IMAGE, [moved], before)
    assert after == Known(before[0].content_hash, crop_name(IMAGE, moved), moved)


def test_many_small_steps_do_not_leave_a_vector_behind() -> None:
    known = first(BOX)[0]
    crops = set()
    for step in range(1, 9):
        known = identified(IMAGE, [Box(0.1 + step / 100, 0.1, 0.4, 0.4)], [known])[0]
        crops.add(known.crop)
    assert known.content_hash == first(BOX)[0].content_hash
    assert len(crops) == 3


def test_a_box_elsewhere_is_another_object() -> None:
    before = first(BOX)
    (other,) = identified(IMAGE, [Box(0.35, 0.1, 0.4, 0.4)], before)
    assert other.content_hash != before[0].content_hash


def test_of_two_boxes_that_could_be_one_object_the_nearer_one_is() -> None:
    before = first(BOX)
    near, far = Box(0.1, 0.1, 0.4, 0.38), Box(0.1, 0.1, 0.4, 0.25)
    found = identified(IMAGE, [far, near], before)
    assert found[1].content_hash == before[0].content_hash
    assert found[0].content_hash != before[0].content_hash


def test_an_object_that_comes_back_is_itself_again() -> None:
    before = [Known(known.content_hash, known.crop, known.box, here=False) for known in first(BOX)]
    (again,) = identified(IMAGE, [Box(0.1, 0.1, 0.4, 0.36)], before)
    assert again.content_hash == before[0].content_hash
    assert again.here


def test_no_two_objects_share_an_id_even_where_one_left_its_first_box() -> None:
    before = first(BOX)
    wandered = [Known(before[0].content_hash, "x", Box(0.55, 0.55, 0.4, 0.4))]
    (new,) = identified(IMAGE, [BOX], wandered)
    assert new.content_hash != before[0].content_hash
    assert new.crop == crop_name(IMAGE, BOX)


def test_copies_of_an_image_have_objects_of_their_own() -> None:
    assert object_id("one", "hash") != object_id("two", "hash")
