// @ts-check
// A name that another cluster has already: it is stored, and the question is put what was meant. Nothing waits for the
// answer, so that naming goes on.

import { alertOf, api, decide, made, refresh, slug, the, undoEvents } from "./common.js";
import { many, manyUnits, t } from "./words.js";

/** @typedef {{ number: number, same_name: string[], decision: { cluster?: string, new_cluster?: string, name: string } }} Naming
 * @typedef {{ id: string, name: string, size: number, representative: string | null }} Cluster */

const MOST_FACES = 4;

document.addEventListener("namesakes", (event) => {
  const naming = /** @type {CustomEvent<Naming>} */ (event).detail;
  void question(naming).catch(alertOf);
});

/** @param {Naming} naming */
async function question({ number, same_name: others, decision }) {
  const named = decision.new_cluster ?? decision.cluster ?? "";
  /** @type {Cluster[]} */
  const found = await Promise.all([...others.slice(0, MOST_FACES - 1), named].map((id) => api(`/api/v1/clusters/${encodeURIComponent(id)}`)));
  const clusters = found.sort((a, b) => Number(a.id === named) - Number(b.id === named) || b.size - a.size), [first] = clusters;
  if (!first) return;
  const box = made("div", "", "toast alert conflict"), faces = made("span", "", "namesakes");
  faces.append(...clusters.map(face));
  box.append(made("span", others.length === 1 ? t("Another cluster is called “{name}” too.", { name: first.name }) : t("{n} other clusters are called “{name}” too.", { n: others.length, name: first.name })), faces,
    button(t("Merge them"), async () => { box.remove(); await merge([...others, named], first); }),
    button(t("Keep both"), async () => box.remove()),
    button(t("Undo"), async () => { box.remove(); await undoEvents([number]); }));
  document.addEventListener("undone", (event) => { if (/** @type {CustomEvent<number[]>} */ (event).detail.includes(number)) box.remove(); });
  the("alerts", HTMLElement).replaceChildren(box); // stays until it is answered
}

/** @param {Cluster} cluster */
function face({ id, size, representative }) {
  const link = /** @type {HTMLAnchorElement} */ (made("a")), image = document.createElement("img");
  link.href = `/c/${slug}/cluster/${encodeURIComponent(id)}`;
  link.title = id;
  image.src = representative ? `/api/v1/images/${encodeURIComponent(representative)}/thumbnail?size=96` : "";
  image.alt = "";
  link.append(image, made("span", manyUnits(size)));
  return link;
}

/** @param {string} text @param {() => Promise<void>} act */
function button(text, act) {
  const element = /** @type {HTMLButtonElement} */ (made("button", text));
  element.type = "button";
  element.addEventListener("click", () => void act().catch(alertOf));
  return element;
}

/** @param {string[]} clusters @param {Cluster} into */
async function merge(clusters, into) {
  const here = document.getElementById("head")?.dataset.id, gone = !!here && here !== into.id && clusters.includes(here);
  const events = await decide([{ kind: "merge", clusters, into: into.id }], t("Merged {clusters} into “{name}”.", { clusters: many(clusters.length, "cluster"), name: into.name }),
    { link: { text: t("Open"), href: `/c/${slug}/cluster/${into.id}` }, still: gone });
  if (gone && events.length) location.href = `/c/${slug}/cluster/${into.id}`;
  else if (!gone) await refresh();
}
