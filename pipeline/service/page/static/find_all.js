// @ts-check
// What can be done with all results of Find at once: tag them, make them a cluster, select them, export them. Each says
// how many it covers, loaded or not, and covers those.

import { alertOf, api, base, the } from "./common.js";
import { askTag, move, tagImages } from "./decisions.js";
import { ask } from "./dialogs.js";
import { filtered, now, rated, value } from "./find_query.js";
import { list } from "./lists.js";
import { manyUnits, t } from "./words.js";

let total = 0;
/** @type {() => AbortSignal | undefined} */
let signal = () => undefined;

/** What is shown and not left out. */
export const shownIds = () => /** @type {HTMLElement[]} */ ([...list().children]).map((one) => one.dataset.id ?? "").filter((id) => rated.get(id)?.liked !== false);

/** How many images the actions on all results cover; 0 while that is unknown. @param {number} count */
export function covers(count) {
  total = count;
  const tagAll = document.getElementById("tag-all"), selectAll = the("select-shown", HTMLButtonElement), off = list().getAttribute("aria-busy") === "true";
  if (tagAll instanceof HTMLButtonElement) {
    tagAll.disabled = off;
    if (!off) { tagAll.hidden = !count; tagAll.textContent = t("Tag all {count}…", { count }); }
  }
  const clusterAll = document.getElementById("cluster-all");
  if (clusterAll instanceof HTMLButtonElement) {
    clusterAll.disabled = off;
    if (!off) { clusterAll.hidden = !count; clusterAll.textContent = t("New cluster from all {count}…", { count }); }
  }
  the("ranking", HTMLElement).hidden = off || !count || now.question.kind === "none";
  the("exports", HTMLElement).hidden = off || !count || now.question.kind !== "none"; // a now.question is no filter that the export knows
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("#exports a"))) {
    const query = filtered(0);
    for (const name of ["category", "limit", "sort"]) query.delete(name);
    query.set("format", link.dataset.form ?? "csv");
    link.href = `${base}/export?${query}`;
  }
  selectAll.disabled = off;
  if (!off) { selectAll.hidden = !count; selectAll.textContent = t("Select all {count}", { count }); }
}

document.getElementById("tag-all")?.addEventListener("click", async () => {
  const ids = await everything();
  if (!ids.length) return;
  const tag = await askTag(t("Tag all {images}", { images: manyUnits(ids.length) }));
  if (!tag || !(await tagImages(ids, tag))) return;
  const filter = the("filter-tag", HTMLSelectElement);
  if (![...filter.options].some((one) => one.value === tag)) filter.add(new Option(tag, tag));
});

/** All results: of a question those shown, of filters alone every page. Empty if another question came meanwhile. */
async function everything() {
  if (list().inert) return [];
  if (now.question.kind !== "none" || total <= shownIds().length) return shownIds();
  const asking = signal();
  /** @type {string[]} */
  const ids = [];
  try {
    let next = "";
    do {
      const page = await api(`/api/v1/images?${filtered(1000, next)}`, { signal: asking });
      ids.push(...page.items.map((/** @type {any} */ one) => one.image_id));
      next = page.cursor ?? "";
    } while (next);
  } catch (error) {
    alertOf(error);
    return [];
  }
  return [...new Set(ids)];
}
document.getElementById("cluster-all")?.addEventListener("click", async () => {
  const ids = await everything();
  if (!ids.length) return;
  const name = await ask({ title: t("A new cluster from {images}", { images: manyUnits(ids.length) }), label: t("Name of the new cluster"), ok: t("Create"), value: value("q").trim() });
  if (name) await move(ids, { id: null, name });
});
/**
 * @param {import("./selection.js").Selection} selection
 * @param {() => AbortSignal | undefined} asking ends when another question is asked
 */
export function actOnAll(selection, asking) {
  signal = asking;
  the("select-shown", HTMLElement).addEventListener("click", async () => {
    const ids = await everything();
    if (ids.length) selection.set(ids);
  });
}
