// @ts-check
// What was left out: taking it back.

import { onRefresh } from "./common.js";
import { takeBack } from "./decisions.js";
import { showAgain } from "./lists.js";

onRefresh(() => showAgain());
document.addEventListener("click", (event) => {
  const item = event.target instanceof Element ? event.target.closest("[data-do=include]")?.closest("[data-id]") : null;
  const id = item instanceof HTMLElement ? item.dataset.id : undefined;
  if (id) void takeBack([id]);
});
