// @ts-check
// What fits nowhere: accepting the nearest cluster, one by one or all that are alike enough.

import { alertOf, api, base, decide, keys, onRefresh, readOnly, the } from "./common.js";
import { move, moveTo } from "./decisions.js";
import { imageActions } from "./images.js";
import { currentInSight, showAgain } from "./lists.js";
import { Selection } from "./selection.js";
import { nameUnnamed } from "./suggested.js";
import { many, manyUnits, t } from "./words.js";

/** @typedef {{ image_id: string, nearest_cluster: string | null, distance: number | null }} Waiting */

const selection = new Selection({});
selection.onTiles();
selection.actions = imageActions(() => selection.chosen(), () => selection.clear());

/** @type {Waiting[]} */
let waiting = [];
onRefresh(async () => { await showAgain(); await loadWaiting(); });

/** @param {HTMLElement | null} item */
async function accept(item) {
  const { id, near, nearName } = item?.dataset ?? {};
  if (id && near) await move([id], { id: near, name: nearName ?? near });
}
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-do]") : null;
  const item = /** @type {HTMLElement | null} */ (button?.closest("[data-id]") ?? null);
  if (button?.getAttribute("data-do") === "accept") await accept(item);
  if (button?.getAttribute("data-do") === "move" && item?.dataset.id) await moveTo([item.dataset.id]);
});

document.addEventListener("shown", () => void nameUnnamed());
void nameUnnamed();

// --- all above a floor ------------------------------------------------------------------------------------------------

const form = document.getElementById("accept-form");

async function loadWaiting() {
  if (!form) return;
  waiting = []; // a part of the list would be accepted as if it were all
  showCount();
  /** @type {Waiting[]} */
  const all = [];
  let cursor = "";
  do {
    const page = await api(`${base}/unclustered?limit=1000${cursor ? `&cursor=${cursor}` : ""}`);
    all.push(...page.items);
    cursor = page.cursor ?? "";
  } while (cursor);
  waiting = all;
  showCount();
}

const above = () => waiting.filter((one) => one.nearest_cluster !== null && one.distance !== null && 1 - one.distance >= Number(the("floor", HTMLInputElement).value) / 100);

function showCount() {
  if (!form) return;
  the("floor-shown", HTMLElement).textContent = `${the("floor", HTMLInputElement).value} %`;
  const button = the("accept-all", HTMLButtonElement), count = above().length;
  button.textContent = t("Accept {images}", { images: manyUnits(count) });
  button.disabled = !count;
}
form?.addEventListener("input", showCount);
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  /** @type {Map<string, string[]>} */
  const byCluster = new Map();
  for (const one of above()) byCluster.set(one.nearest_cluster ?? "", [...(byCluster.get(one.nearest_cluster ?? "") ?? []), one.image_id]);
  const decisions = [...byCluster].map(([to, images]) => ({ kind: "move", images, to }));
  if (decisions.length) await decide(decisions, t("Accepted {images} into {clusters}.", { images: manyUnits(above().length), clusters: many(decisions.length, "cluster") }));
});
/** Begin where something would be accepted: at 70 % alike, or at the best there is. */
function beginAtTheBest() {
  const best = Math.max(0, ...waiting.filter((one) => one.nearest_cluster !== null && one.distance !== null).map((one) => 1 - (one.distance ?? 1)));
  if (form && !above().length) the("floor", HTMLInputElement).value = String(Math.floor(100 * best));
  showCount();
}
loadWaiting().then(beginAtTheBest).catch(alertOf);

if (!readOnly) keys({ "y": [t("Accept the nearest cluster"), () => void accept(currentInSight())] });
