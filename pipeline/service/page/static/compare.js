// @ts-check
// Two runs side by side: choosing others stands in the address. What is decided here changes neither of them, only what
// is known of the images.

import { onRefresh } from "./common.js";
import { filtersAct, freshTiles, items } from "./lists.js";
import { nameUnnamed } from "./suggested.js";

if (document.getElementById("filters")) filtersAct();
document.addEventListener("shown", () => void nameUnnamed());
void nameUnnamed();
onRefresh(async () => {
  const fresh = new Map((await freshTiles(items().map((one) => one.dataset.id ?? ""))).map((one) => [one.dataset.id, one]));
  for (const tile of items()) Object.assign(tile.dataset, fresh.get(tile.dataset.id)?.dataset);
});
