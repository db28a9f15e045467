// @ts-check
// Duplicates: leaving the others out, of one group or of all that are shown, or saying that all are to be kept.

import { decide, onRefresh } from "./common.js";
import { imageActions } from "./images.js";
import { filtersAct, showAgain } from "./lists.js";
import { Selection } from "./selection.js";
import { nameUnnamed } from "./suggested.js";
import { manyUnits, t } from "./words.js";

const list = document.getElementById("list"), all = document.getElementById("exclude-shown");

/** @param {HTMLElement} button */
const imagesOf = (button) => (button.dataset.images ?? "").split(" ").filter(Boolean);
const shownGroups = () => /** @type {HTMLElement[]} */ ([...(list?.querySelectorAll("[data-do=exclude-rest]") ?? [])]);

/** The button says what it covers: the groups that are shown. */
function countShown() {
  if (!all) return;
  const groups = shownGroups();
  all.hidden = groups.length < 2;
  all.textContent = t("Exclude the others of these {groups} groups ({images})", { groups: groups.length, images: manyUnits(groups.flatMap(imagesOf).length) });
}

onRefresh(() => showAgain());
document.addEventListener("shown", () => void nameUnnamed());
void nameUnnamed();
if (list) {
  const selection = new Selection({});
  selection.actions = imageActions(() => selection.chosen(), () => selection.clear());
  filtersAct();
  new MutationObserver(countShown).observe(list, { childList: true });
  countShown();
}
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-do]") : null;
  if (!(button instanceof HTMLElement)) return;
  const images = imagesOf(button);
  if (button.dataset.do === "exclude-rest" && images.length) void decide([{ kind: "exclude", images }], t("Excluded {images}.", { images: manyUnits(images.length) }));
  if (button.dataset.do === "keep-both" && images.length) void decide([{ kind: "keep_both", images }], t("Keeping all {count}.", { count: images.length }));
  if (button.dataset.do === "exclude-shown") {
    const groups = shownGroups(), rest = groups.flatMap(imagesOf);
    if (rest.length) void decide([{ kind: "exclude", images: rest }], t("Excluded {images} of {groups} groups.", { images: manyUnits(rest.length), groups: groups.length }));
  }
});
