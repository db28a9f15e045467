// @ts-check
// Duplicates: leaving the others out, or saying that all are to be kept.

import { decide, many, onRefresh } from "./common.js";
import { imageActions } from "./images.js";
import { showAgain } from "./lists.js";
import { Selection } from "./selection.js";

onRefresh(() => showAgain());
if (document.getElementById("list")) {
  const selection = new Selection({});
  selection.actions = imageActions(() => selection.chosen(), () => selection.clear());
}
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-do]") : null;
  if (!(button instanceof HTMLElement)) return;
  const images = (button.dataset.images ?? "").split(" ").filter(Boolean);
  if (button.dataset.do === "exclude-rest" && images.length) void decide([{ kind: "exclude", images }], `Excluded ${many(images.length, "image")}.`);
  if (button.dataset.do === "keep-both" && images.length) void decide([{ kind: "keep_both", images }], `Keeping all ${images.length}.`);
});
