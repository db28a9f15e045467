"""A person's afternoon on the curation page, in a real browser over a real server and a small real library.

What the page shows is asked of the page, what was decided is asked of the service behind it.
"""

import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.odd_images import photograph as odd_photograph
from tests.real.curation_page import EVIL, KINDS, VIEWS, clusters, decided, eventually, open_first, toast
from tests.service.site import Client, Site, picture

pytestmark = pytest.mark.real


def test_a_name_is_typed_in_place_and_enter_goes_on_to_the_next(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    expect(shown.locator(".card")).to_have_count(6)
    shown.keyboard.press("j")
    shown.keyboard.press("e")
    for name in ("Red ones", "Green ones"):
        shown.keyboard.type(name)
        shown.keyboard.press("Enter")
        toast(shown, f"Named “{name}”")
    third = shown.locator(".card").nth(2)
    expect(third.locator("input.name")).to_be_focused()
    names = {one["name"] for one in clusters(served).values()}
    assert {"Red ones", "Green ones"} <= names
    expect(shown.locator("#unnamed-count")).to_have_text("4")
    shown.keyboard.press("Escape")
    shown.keyboard.press("u")
    toast(shown, "Undone: Named “Green ones”.")
    expect(shown.locator(".card").nth(1).locator("input.name")).to_have_value("")
    assert "Green ones" not in {one["name"] for one in clusters(served).values()}


def test_clusters_are_merged_and_the_merge_undone_without_a_mouse(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    before = clusters(served)
    for key in ("j", " ", "j", " ", "m", "Enter"):
        shown.keyboard.press(key)
    expect(shown.locator(".card")).to_have_count(5)
    toast(shown, "Merged 2 clusters into")
    assert len(clusters(served)) == 5
    shown.keyboard.press("u")
    expect(shown.locator(".card")).to_have_count(6)
    assert {name: one["size"] for name, one in clusters(served).items()} == {
        n: one["size"] for n, one in before.items()
    }


def _name(served: Client, cluster: str, name: str) -> None:
    decision = {"kind": "rename", "cluster": cluster, "name": name}
    served.post("/categories/bollards/decisions", json={"decision": decision}).raise_for_status()


def test_who_merges_several_sees_their_names_and_chooses_one_or_types_another(shown: Page, served: Client) -> None:
    first, second, third = list(clusters(served))[:3]
    _name(served, first, "Striped")
    _name(served, second, "Plain")
    shown.goto("/c/bollards")
    for cluster in (first, second, third):
        shown.locator(f'.card[data-id="{cluster}"] input[type=checkbox]').check()
    shown.keyboard.press("m")
    expect(shown.locator("#ask-input")).to_have_value(re.compile("Striped|Plain"))
    expect(shown.locator("#ask-offers button").filter(has_text=re.compile("^(Striped|Plain)$"))).to_have_count(2)
    shown.locator("#ask-offers").get_by_role("button", name="Plain").click()
    shown.keyboard.press("Enter")
    toast(shown, "Merged 3 clusters into “Plain”.")
    assert decided(served, "merge")[0]["into"] == second
    assert clusters(served)[second]["name"] == "Plain"
    shown.keyboard.press("u")
    toast(shown, "Undone: Merged 3 clusters into “Plain”.")
    expect(shown.locator(".card")).to_have_count(6)
    for cluster in (first, second):
        shown.locator(f'.card[data-id="{cluster}"] input[type=checkbox]').check()
    shown.keyboard.press("m")
    shown.locator("#ask-input").fill("Any post")
    shown.keyboard.press("Enter")
    toast(shown, "Merged 2 clusters into “Any post”.")
    assert "Any post" in {one["name"] for one in clusters(served).values()}
    shown.keyboard.press("u")
    toast(shown, "Undone: Merged 2 clusters into “Any post”.")
    assert {"Striped", "Plain"} <= {one["name"] for one in clusters(served).values()}


def test_escape_from_the_name_of_a_merge_merges_nothing_and_keeps_the_selection(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    for key in ("j", " ", "j", " ", "m", "Escape"):
        shown.keyboard.press(key)
    expect(shown.locator("#selected-count")).to_have_text("2")
    assert decided(served, "merge") == []


def test_the_name_of_a_cluster_that_is_merged_into_one_without_is_kept(shown: Page, served: Client) -> None:
    first, second = list(clusters(served))[:2]
    _name(served, first, "Striped")
    shown.goto(f"/c/bollards/cluster/{first}")
    shown.keyboard.press("m")
    shown.locator("#picker-list button").filter(has_text=second).click()
    expect(shown).to_have_url(re.compile(f"/cluster/{second}$"))
    expect(shown.locator("#name")).to_have_value("Striped")


def test_a_cluster_is_reviewed_hidden_and_found_again_by_filters(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    shown.keyboard.press("j")
    first = shown.locator(".card.current").get_attribute("data-id")
    shown.keyboard.press("r")
    toast(shown, "Reviewed")
    shown.keyboard.press("x")
    expect(shown.locator(".card")).to_have_count(5)
    shown.get_by_role("radio", name="Hidden").check()
    expect(shown.locator(".card")).to_have_count(1)
    assert shown.locator(".card").get_attribute("data-id") == first
    assert clusters(served)[str(first)]["status"] == "hidden"
    assert decided(served, "review")[0]["cluster"] == first
    shown.get_by_role("radio", name="All").check()
    shown.locator("#search").fill(str(first)[:6])
    expect(shown.locator(".card")).to_have_count(0)
    expect(shown.locator("#nothing")).to_contain_text("No cluster fits")


def test_images_are_split_off_as_a_cluster_with_a_name_and_history_takes_it_back(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    picks = shown.locator("#list .pick")
    picks.nth(0).click()
    picks.nth(3).click(modifiers=["Shift"])
    expect(shown.locator("#selected-count")).to_have_text("4")
    shown.keyboard.press("s")
    shown.locator("#ask-input").fill("Four of them")
    shown.keyboard.press("Enter")
    toast(shown, "Split 4 images off as “Four of them”")
    expect(shown.locator("#head .card-facts")).to_contain_text("7 images")
    assert {"Four of them": 4}.items() <= {one["name"]: one["size"] for one in clusters(served).values()}.items()
    shown.locator("#history").get_by_role("button", name="Undo").first.click()
    expect(shown.locator("#head .card-facts")).to_contain_text("11 images")
    assert clusters(served)[name]["size"] == 11


def test_images_are_moved_excluded_and_one_is_chosen_to_stand_for_the_cluster(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    target = next(one for one in clusters(served) if one != name)
    shown.locator("#list .pick").nth(1).click()
    moved = shown.locator("#list .tile.selected").get_attribute("data-id")
    shown.keyboard.press("v")
    shown.locator("#picker-input").fill(target)
    expect(shown.locator("#picker-list button")).to_have_count(1)
    shown.keyboard.press("Enter")
    toast(shown, "Moved 1 image to")
    assert decided(served, "move")[0]["to"] == target
    assert served.get(f"/images/{moved}").json()["cluster"] == target
    expect(shown.locator("#list .tile")).to_have_count(10)
    shown.locator("#list .pick").nth(4).click()
    stands = shown.locator("#list .tile.selected").get_attribute("data-id")
    shown.keyboard.press("p")
    toast(shown, "represents")
    assert clusters(served)[name]["representative"] == stands
    shown.keyboard.press("Escape")
    shown.locator("#list .pick").nth(2).focus()
    shown.keyboard.press("x")
    toast(shown, "Excluded 1 image")
    expect(shown.locator("#list .tile")).to_have_count(9)
    shown.goto("/c/bollards/rejected")
    shown.get_by_role("button", name="Take back").click()
    toast(shown, "Taken back")
    assert decided(served, "include")


def test_what_came_and_went_since_the_review_is_shown_side_by_side(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    shown.locator("#list .pick").nth(1).click()
    shown.get_by_role("button", name="Take out").click()
    expect(shown.locator("#head .card-facts")).to_contain_text("10 images")
    shown.keyboard.press("r")
    expect(shown.locator("#history li").first).to_contain_text("reviewed")
    expect(shown.locator("#since .since")).to_have_count(0)
    served.post("/categories/bollards/undo", json={"number": max(event_numbers(served)) - 1}).raise_for_status()
    shown.reload()
    expect(shown.locator("#since summary")).to_have_text(re.compile("1 image came, 0 left"))
    expect(shown.locator("#since .tile")).to_have_count(1)
    assert clusters(served)[name]["size"] == 11


def event_numbers(served: Client) -> list[int]:
    return [one["number"] for one in served.get("/categories/bollards/history").json()["items"]]


def test_a_frame_drawn_over_the_grid_selects_what_it_touches(shown: Page, served: Client) -> None:
    open_first(shown, served)
    one, two = shown.locator("#list .tile").nth(0).bounding_box(), shown.locator("#list .tile").nth(2).bounding_box()
    assert one
    assert two
    shown.mouse.move(one["x"] + 10, one["y"] + 10)
    shown.mouse.down()
    shown.mouse.move(two["x"] + 20, two["y"] + 60, steps=6)
    shown.mouse.up()
    expect(shown.locator("#selected-count")).to_have_text("3")
    shown.keyboard.press("Escape")
    expect(shown.locator("#selection")).to_be_hidden()
    shown.locator("[data-do=select-all]").click()
    expect(shown.locator("#selected-count")).to_have_text("11")


def test_similar_images_are_tagged_all_at_once_and_found_by_that_tag(shown: Page, served: Client) -> None:
    open_first(shown, served)
    shown.locator("#list .pick").first.focus()
    shown.keyboard.press("f")
    expect(shown.locator("#list .tile")).to_have_count(50)
    expect(shown.locator("#list .tile .mark-text").first).to_have_text("1.00")
    shown.locator("#floor").fill("95")
    expect(shown.locator("#list .tile")).not_to_have_count(50)
    expect(shown.locator("#found")).to_contain_text(re.compile(r"^1[01] images"))
    count = shown.locator("#list .tile").count()
    shown.locator("#tag-all").click()
    shown.locator("#ask-input").fill("style_001")
    shown.keyboard.press("Enter")
    toast(shown, f"Tagged {count} images “style_001”")
    shown.get_by_role("link", name="Show them").click()
    expect(shown.locator("#found")).to_contain_text(f"{count} images with the tag “style_001”")
    expect(shown.locator("#list .tile")).to_have_count(count)
    assert len(served.ids(tag="style_001")) == count
    shown.goto("/c/bollards?tag=style_001")
    expect(shown.locator(".card")).to_have_count(1)


def test_a_picture_that_is_brought_is_compared_and_not_kept(shown: Page, served: Client) -> None:
    before = len(served.ids())
    file = io.BytesIO()
    picture(KINDS["cyan"], 999).save(file, "PNG")
    shown.goto("/c/bollards/find")
    expect(shown.locator("#found")).to_have_text("64 images")
    shown.locator("#file").set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()})
    expect(shown.locator("#asked")).to_contain_text("mine.png")
    expect(shown.locator("#found")).to_contain_text("50 images of")
    found = shown.locator("#list .tile").first.get_attribute("data-cluster")
    same = served.get(f"/clusters/{found}/images").json()["items"]
    assert {re.search(r"-(\d)\d\d-", one["key"])[1] for one in same} == {"5"}  # pyright: ignore[reportOptionalSubscript]
    assert len(served.ids()) == before
    shown.locator("#file").set_input_files({"name": "no.png", "mimeType": "image/png", "buffer": b"not a picture"})
    expect(shown.locator("#alerts")).to_contain_text("cannot be used as a query")


def test_thumbs_rank_the_list_anew_at_once_and_are_kept_as_pairs(shown: Page, served: Client) -> None:
    red, blue = (served.ids(cluster=name)[0] for name in list(clusters(served))[:2])
    shown.goto(f"/c/bollards/find?image={red}")
    tiles = shown.locator("#list .tile")
    expect(tiles).to_have_count(50)
    order = [one.get_attribute("data-id") for one in tiles.all()]
    far = shown.locator(f"#list .tile[data-id='{blue}']")
    rank = order.index(blue) if blue in order else 50
    (far if blue in order else tiles.nth(30)).get_by_role("button", name="Like this", exact=True).click()
    expect(shown.locator("#found")).to_contain_text("1 rating")
    new = [one.get_attribute("data-id") for one in tiles.all()]
    assert new != order
    assert blue not in order or new.index(blue) < rank
    liked = shown.locator("#list .tile.liked").get_attribute("data-id")
    out = next(one for one in new[3:] if one not in (red, liked))
    shown.locator(f"#list .tile[data-id='{out}']").get_by_role("button", name="Not like this").click()
    expect(shown.locator("#found")).to_contain_text("2 ratings")
    expect(shown.locator(f"#list .tile[data-id='{out}'] .mark-text")).to_have_text("left out")
    eventually(lambda: [one["same"] for one in decided(served, "pair")] == [False, True])


def test_unclustered_images_are_accepted_one_by_one_and_all_above_a_floor(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards/unclustered")
    waiting = served.get("/categories/bollards/unclustered").json()["items"]
    expect(shown.locator(".pair")).to_have_count(len(waiting))
    near = shown.locator(".pair").first.get_attribute("data-near")
    expect(shown.locator("#accept-all")).to_be_enabled()  # it begins where at least the best is accepted
    shown.keyboard.press("j")
    shown.keyboard.press("y")
    expect(shown.locator(".pair")).to_have_count(len(waiting) - 1)
    assert decided(served, "move")[0]["to"] == near
    shown.locator("#floor").fill("5")
    above = sum(one["distance"] <= 0.95 for one in waiting[1:])
    assert 0 < above < len(waiting) - 1
    expect(shown.locator("#accept-all")).to_have_text(f"Accept {above} image{'s' * (above > 1)}")
    shown.locator("#accept-all").click()
    expect(shown.locator(".pair")).to_have_count(len(waiting) - 1 - above)
    toast(shown, f"Accepted {above} image")
    shown.keyboard.press("u")
    expect(shown.locator(".pair")).to_have_count(len(waiting) - 1)


def test_the_map_draws_every_image_and_a_lasso_selects(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards/map")
    stage = shown.locator("#stage")
    expect(stage).to_have_attribute("data-points", "64")
    expect(shown.locator("#legend li")).to_have_count(7)
    expect(shown.locator("#near img.ready").first).to_be_visible()
    canvas = np.asarray(Image.open(io.BytesIO(shown.locator("#points").screenshot())).convert("RGB"), dtype=np.int32)
    assert len(np.unique(canvas.reshape(-1, 3), axis=0)) > 50, "nothing is drawn"
    box = stage.bounding_box()
    assert box
    shown.keyboard.press("l")
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.05)]
    shown.mouse.move(box["x"] + box["width"] * 0.02, box["y"] + box["height"] * 0.02)
    shown.mouse.down()
    for x, y in corners:
        shown.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    shown.mouse.up()
    expect(shown.locator("#selected-count")).to_have_text("64")
    expect(shown.locator("#list .tile")).to_have_count(48)
    shown.keyboard.press("Escape")
    largest = max(clusters(served).values(), key=lambda one: one["size"])
    shown.locator("#legend button").first.click()
    expect(shown.locator("#selected-count")).to_have_text(str(largest["size"]))
    shown.locator("[data-action=tag]").click()
    shown.locator("#ask-input").fill("from the map")
    shown.keyboard.press("Enter")
    toast(shown, f"Tagged {largest['size']} images")
    assert len(served.ids(tag="from the map")) == largest["size"]


def test_a_run_is_started_and_followed_to_its_end(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards/runs")
    expect(shown.locator("#published")).to_contain_text("is published for the first time")
    shown.route("**/api/v1/cluster/run", lambda route: route.fulfill(status=202, json={"id": "r1"}))
    lines = [
        ("progress", '{"phase": "embed", "done": 3, "total": 12}'),
        ("state", '{"state": "failed", "error": "The bucket said no."}'),
    ]
    body = "".join(f"event: {name}\ndata: {data}\n\n" for name, data in lines)
    shown.route("**/api/v1/runs/r1/events", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    shown.get_by_role("button", name="Run now").click()
    expect(shown.locator("#alerts")).to_contain_text("The bucket said no.")
    expect(shown.get_by_role("button", name="Run now")).to_be_enabled()


def test_names_tags_and_keys_are_text_never_markup(shown: Page, served: Client) -> None:
    name = open_first(shown, served)
    shown.add_init_script("window.boom = () => { throw new Error('markup ran'); }")
    shown.locator("#name").fill(EVIL)
    shown.keyboard.press("Enter")
    toast(shown, EVIL)
    shown.locator("#list .pick").first.click()
    shown.keyboard.press("t")
    shown.locator("#ask-input").fill(f"t {EVIL}")
    shown.keyboard.press("Enter")
    toast(shown, "Tagged 1 image")
    for path in (f"/cluster/{name}", *VIEWS, f"/find?tag=t%20{EVIL}"):
        shown.goto(f"/c/bollards{path}")
        shown.wait_for_load_state("networkidle")
        assert shown.locator("img[src='x']").count() == 0, path
    shown.goto("/c/bollards")
    expect(shown.locator(f".card[data-id='{name}'] input.name")).to_have_value(EVIL)
    shown.goto("/c/bollards/unclustered")
    hostile = shown.get_by_role("button", name=f"bollards/at/{EVIL}.png")
    hostile.focus()
    shown.keyboard.press("o")
    expect(shown.locator("#viewer-key")).to_have_text(f"bollards/at/{EVIL}.png")


def test_the_nearest_cluster_without_a_name_is_called_as_its_file_names_suggest(shown: Page, served: Client) -> None:
    waiting = served.get("/categories/bollards/unclustered").json()["items"]
    near = next(one["nearest_cluster"] for one in waiting if one["nearest_cluster"])
    shown.route("**/suggestions", lambda route: route.fulfill(json={near: "red post"}))
    shown.goto("/c/bollards/unclustered")
    expect(shown.locator(f"[data-unnamed='{near}']").first).to_have_text("red post?")


def test_the_keys_are_listed_and_a_dialog_keeps_them_to_itself(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    shown.keyboard.press("?")
    keys = shown.locator("#help-keys")
    for text in ("Name it; Enter goes on to the next", "Merge the selected", "Undo the last decision", "Search"):
        expect(keys).to_contain_text(text)
    shown.keyboard.press("j")
    assert shown.locator(".card.current").count() == 0
    shown.locator("#actor").fill("Ada")
    shown.keyboard.press("Escape")
    expect(shown.locator("#help")).to_be_hidden()
    shown.keyboard.press("j")
    expect(shown.locator(".card.current")).to_have_count(1)
    shown.keyboard.press("r")
    toast(shown, "Reviewed")
    assert served.get("/categories/bollards/history").json()["items"][0]["actor"] == "Ada"


def test_a_name_that_somebody_else_gave_meanwhile_is_not_overwritten(shown: Page, served: Client) -> None:
    shown.goto("/c/bollards")
    expect(shown.locator(".card")).to_have_count(6)
    card = shown.locator(".card").first
    name = card.get_attribute("data-id")
    assert name is not None
    first = {"kind": "rename", "cluster": name, "name": "Bob's name"}
    served.post("/categories/bollards/decisions", json={"decision": first, "actor": "bob"}).raise_for_status()
    card.locator("input.name").fill("Ann's name")
    shown.keyboard.press("Enter")
    expect(shown.locator("#alerts")).to_contain_text("changed")
    mine = shown.locator(f".card[data-id='{name}'] input.name")
    expect(mine).to_have_value("Bob's name")
    assert clusters(served)[name]["name"] == "Bob's name"
    mine.fill("Ann's name")
    shown.keyboard.press("Enter")
    toast(shown, "Named “Ann's name”")
    mine.fill("Ann's better name")
    shown.keyboard.press("Enter")
    toast(shown, "Named “Ann's better name”")


def test_a_key_right_after_a_dialog_was_closed_is_not_taken_for_typing(shown: Page) -> None:
    shown.goto("/c/bollards")
    shown.evaluate("""async () => {
        const press = (target, key) => target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        press(document.body, "?");
        const field = document.getElementById("actor");
        field.focus();
        document.getElementById("help").close();
        press(field, "j");
    }""")
    expect(shown.locator(".card.current")).to_have_count(1)


def test_at_360_pixels_the_question_for_a_name_is_low_and_close_is_in_sight_below_the_keys(
    shown: Page, served: Client
) -> None:
    shown.set_viewport_size({"width": 360, "height": 740})
    shown.goto("/c/bollards")
    box = shown.locator("#who").bounding_box()
    assert box is not None
    assert box["height"] < 90
    for view in ("", "/map", f"/cluster/{next(iter(clusters(served)))}"):
        shown.goto(f"/c/bollards{view}")
        shown.locator("#help-button").click()
        expect(shown.locator("#help").get_by_role("button", name="Close")).to_be_in_viewport(ratio=1)
        expect(shown.locator("#help-title")).to_be_in_viewport(ratio=1)
        assert shown.locator("#help").evaluate("it => it.scrollHeight - it.clientHeight") <= 0
        if not view:
            assert shown.locator("#help-keys").evaluate("it => it.scrollHeight - it.clientHeight") <= 0


@pytest.mark.parametrize("view", [*VIEWS, "/cluster"], ids=lambda view: view or "clusters")
def test_at_360_pixels_nothing_has_to_be_scrolled_sideways(shown: Page, served: Client, view: str) -> None:
    shown.set_viewport_size({"width": 360, "height": 740})
    shown.goto(f"/c/bollards{view}{'/' + next(iter(clusters(served))) if view == '/cluster' else ''}")
    shown.wait_for_load_state("networkidle")
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_assistive_technology(shown: Page, served: Client, scheme: Any) -> None:
    shown.emulate_media(color_scheme=scheme)
    name, image = next(iter(clusters(served))), served.ids()[0]
    served.post("/categories/bollards/decisions", json={"decision": {"kind": "review", "cluster": name}})
    moved = served.ids(cluster=name)[0]
    served.post("/categories/bollards/decisions", json={"decision": {"kind": "exclude", "images": [moved]}})
    found: list[str] = []
    views = (*VIEWS, f"/cluster/{name}", f"/find?image={image}")
    for path in views if scheme == "light" else ("", "/map", "/runs", *views[-2:]):
        shown.goto(f"/c/bollards{path}")
        shown.wait_for_load_state("networkidle")
        if path in ("", "/find"):
            shown.keyboard.press("?" if path == "" else "j")
        rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
        results = Axe().run(shown, options=rules).response["violations"]
        found += [f"{path}: {one['id']} {one['nodes'][0]['html'][:160]}"
                  for one in results if one["impact"] in ("serious", "critical")]  # fmt: skip
    assert found == []


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Twelve pictures, one of them again in the same bytes, two of them again as a JPEG."""
    root = tmp_path_factory.mktemp("twins")
    folder = root / "library/bollards/de"
    folder.mkdir(parents=True)
    for number in range(12):
        photograph = Image.fromarray(odd_photograph(240, 180, number))
        photograph.save(folder / f"{number:02d}.png")
        if number < 2:
            photograph.save(folder / f"{number:02d}-again.jpg", quality=92)
    (folder / "copy.png").write_bytes((folder / "05.png").read_bytes())
    site = Site(root, reduced={"method": "pca"})
    site.run()
    with site.serve() as client:
        yield client


def test_of_pictures_that_are_there_twice_one_is_left_out_or_all_are_kept(
    drawing_browser: Browser, twins: Client
) -> None:
    page = drawing_browser.new_page(base_url=twins.url, viewport={"width": 1280, "height": 900})
    page.set_default_timeout(10_000)
    page.goto("/c/bollards/duplicates")
    expect(page.locator(".card.group")).to_have_count(3)
    expect(page.locator(".card.group .badge")).to_have_text(["exact", "near", "near"])
    expect(page.locator(".card.group").first).to_contain_text("they count as one image everywhere")
    near = page.locator(".card.group", has_text="00-again.jpg")
    expect(near.locator(".differs", has_text="Format")).to_contain_text("PNG")
    expect(near.locator(".differs", has_text="Pixels")).to_have_count(0)
    assert (near.locator("img").first.bounding_box() or {"width": 0})["width"] >= 180
    page.get_by_role("button", name="Exclude the others of these 2 groups (2 images)").click()
    toast(page, "Excluded 2 images of 2 groups")
    expect(page.locator(".card.group")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator(".card.group")).to_have_count(3)
    page.get_by_label("Which groups").select_option("exact")
    expect(page.locator(".card.group .badge")).to_have_text(["exact"])
    page.get_by_label("Which groups").select_option("same")
    expect(page.locator(".card.group")).to_have_count(3)
    page.locator(".card.group", has_text="00-again.jpg").get_by_role("button", name="Exclude the other").click()
    toast(page, "Excluded 1 image")
    page.goto("/c/bollards/rejected")
    expect(page.locator("main")).to_contain_text("1 image excluded by people")
    page.goto("/c/bollards/duplicates")
    page.locator(".card.group", has_text="01-again.jpg").get_by_role("button", name="Keep all").click()
    toast(page, "Keeping all 2")
    expect(page.locator(".card.group", has_text="01-again.jpg")).to_have_count(0)
    page.locator(".card.group", has_text="copy.png").get_by_role("button", name="Keep all").click()
    toast(page, "Keeping all 2")
    page.close()
