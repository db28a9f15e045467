// @ts-check
// What was left out: taking it back.

import { decide, onRefresh } from "./common.js";
import { showAgain } from "./lists.js";
import { t } from "./words.js";

onRefresh(() => showAgain());
document.addEventListener("click", (event) => {
  const item = event.target instanceof Element ? event.target.closest("[data-do=include]")?.closest("[data-id]") : null;
  const id = item instanceof HTMLElement ? item.dataset.id : undefined;
  if (id) void decide([{ kind: "include", images: [id] }], t("Taken back."));
});
