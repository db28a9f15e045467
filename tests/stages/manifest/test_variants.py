"""Which images with several widths are looked at, and what the answers say."""

from datetime import UTC, datetime

from pipeline.settings import SourceSettings
from pipeline.stages.manifest.bucket import ObjectInfo
from pipeline.stages.manifest.build import Manifest, build_manifest
from pipeline.stages.manifest.variants import (
    ENOUGH,
    LOOKED_AT,
    ImageName,
    Widths,
    different,
    names_as_text,
    read_answers,
    still_true,
    to_look_at,
    write_answers,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def built(*keys: str, answers: frozenset[ImageName] = frozenset(), etag: str = "e") -> Manifest:
    objects = [ObjectInfo(f"lamps/{key}", etag, 10, NOW) for key in keys]
    return build_manifest(
        objects, category="lamps", settings=SourceSettings(), previous=None, different=answers
    )  # fmt: skip


def keys(manifest: Manifest) -> list[str]:
    return manifest.frame["key"].to_list()


def test_images_with_several_widths_are_known_and_others_are_not() -> None:
    made = built("de/a-400w.jpg", "de/a-800w.jpg", "de/b-800w.jpg", "de/c-800w.jpg", "de/c-800w.webp", "de/d.jpg")
    assert {name: widths.text for name, widths in made.several.images.items()} == {("de", "a"): "400w 800w"}


def test_names_that_are_no_widths_are_not_looked_at() -> None:
    assert built("de/bulb-5w.jpg", "de/bulb-60w.jpg").several.images == {}
    assert set(built("de/bulb-60w.jpg", "de/bulb-800w.jpg").several.images) == {("de", "bulb")}


def test_a_pattern_of_the_user_is_believed() -> None:
    settings = SourceSettings(patterns={"lamps": r"(?P<group>[^/]+)/(?P<identifier>.+)-(?P<variant>\d+w)\.jpg"})
    objects = [ObjectInfo(f"lamps/de/a-{width}w.jpg", "e", 10, NOW) for width in (500, 1000)]
    assert build_manifest(objects, category="lamps", settings=settings, previous=None).several.images == {}


def test_different_pictures_are_images_of_their_own_and_every_object_is_accounted_for() -> None:
    names = ("de/flood-500w.jpg", "de/flood-1000w.jpg", "de/a-400w.jpg", "de/a-800w.jpg")
    made = built(*names, answers=frozenset({("de", "flood")}))
    assert keys(made) == ["lamps/de/a-800w.jpg", "lamps/de/flood-1000w.jpg", "lamps/de/flood-500w.jpg"]
    assert (made.objects, made.images, made.other_variants) == (4, 3, 1)
    assert set(made.several.images) == {("de", "a"), ("de", "flood")}


def test_an_answer_holds_as_long_as_the_objects_are_the_same() -> None:
    names = ("de/flood-500w.jpg", "de/flood-1000w.jpg")
    made, again, changed = built(*names), built(*names[::-1]), built(*names, etag="other")
    answers = read_answers(write_answers({("de", "flood"): (made.several.images["de", "flood"], False)}))
    assert different(still_true(answers, again.several.images)) == {("de", "flood")}
    assert still_true(answers, changed.several.images) == {}


def images(count: int, *variants: str) -> dict[ImageName, Widths]:
    return {("de", f"{variants[0]}-{n:03d}"): Widths(frozenset(variants), n) for n in range(count)}


def test_a_few_images_stand_for_all_with_the_same_widths() -> None:
    library = {**images(100, "400w", "800w"), **images(3, "500w", "1000w")}
    first = to_look_at("lamps", library, {})
    assert len(first) == LOOKED_AT + 3
    assert first == to_look_at("lamps", library, {})
    answers = {name: (library[name], True) for name in first}
    assert to_look_at("lamps", library, answers) == []


def test_where_every_image_has_widths_of_its_own_a_sample_stands_for_all() -> None:
    library = {("de", str(n)): Widths(frozenset({"800w", f"{1000 + n}w"}), n) for n in range(1000)}
    first = to_look_at("lamps", library, {})
    assert len(first) == ENOUGH
    answers = {name: (library[name], True) for name in first}
    assert to_look_at("lamps", library, answers) == []
    answers[first[0]] = (library[first[0]], False)
    assert len(to_look_at("lamps", library, answers)) == 1000 - ENOUGH


def test_one_that_is_different_has_all_with_its_widths_looked_at() -> None:
    library = {**images(100, "400w", "800w"), **images(20, "500w", "1000w")}
    answers = {name: (library[name], True) for name in to_look_at("lamps", library, {})}
    odd = next(name for name in answers if library[name].text == "1000w 500w")
    answers[odd] = (library[odd], False)
    rest = to_look_at("lamps", library, answers)
    assert len(rest) == 20 - LOOKED_AT
    assert {library[name].text for name in rest} == {"1000w 500w"}


def test_images_are_named_for_people() -> None:
    library = images(7, "500w", "1000w")
    assert names_as_text([("de", "500w-001")], library) == "de/500w-001 (1000w, 500w)"
    assert names_as_text(library, library).endswith("de/500w-004 (1000w, 500w) and 2 more")
