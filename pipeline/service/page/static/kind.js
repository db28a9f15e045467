// @ts-check
// A new kind from some images: its name, and what else may belong to it, to be ticked.

import { alertOf, api, base, made, slug, the, decide } from "./common.js";
import { showName } from "./suggested.js";
import { manyUnits, num, t } from "./words.js";

/** @typedef {{ score: number, image: import("./images.js").Picture }} Hit */

const dialog = the("kind", HTMLDialogElement), list = the("kind-list", HTMLElement), name = the("kind-name", HTMLInputElement);
const ASKED = 48;
/** @type {Set<string>} */
const ticked = new Set();
/** @type {string[]} */
let from = [];

function count() {
  the("kind-ok", HTMLElement).textContent = t("Create with {images}", { images: ticked.size ? `${num(from.length)} + ${manyUnits(ticked.size)}` : manyUnits(from.length) });
}

/** @param {Hit} hit */
function candidate({ score, image }) {
  const item = made("li", "", "tile"), pick = /** @type {HTMLButtonElement} */ (made("button", "", "pick")), picture = document.createElement("img");
  pick.type = "button";
  pick.setAttribute("aria-label", image.key);
  picture.src = image.content_hash ? `/api/v1/thumbnails/${image.content_hash}?size=256` : "";
  picture.alt = "";
  pick.append(picture);
  const show = () => pick.setAttribute("aria-pressed", String(ticked.has(image.image_id)));
  pick.addEventListener("click", () => { if (!ticked.delete(image.image_id)) ticked.add(image.image_id); show(); count(); });
  show();
  const under = made("span", "", "under");
  const of = made("span", t("unclustered"), "mark-text");
  if (image.cluster) showName(of, { id: image.cluster, name: image.cluster_name });
  under.append(of, made("span", score.toFixed(2)));
  item.append(pick, under);
  return item;
}

/**
 * Ask for a name and for what else belongs, and make the cluster. Returns the events.
 * @param {string[]} images
 */
export async function newKind(images) {
  from = images;
  ticked.clear();
  name.value = "";
  the("kind-title", HTMLElement).textContent = t("New kind from {images}", { images: manyUnits(images.length) });
  the("kind-told", HTMLElement).textContent = t("Looking for what else belongs to it …");
  list.replaceChildren();
  count();
  dialog.returnValue = "cancel";
  dialog.showModal();
  const closed = new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  const asking = new AbortController();
  api(`${base}/belonging`, { method: "POST", json: { image_ids: images, limit: ASKED }, signal: asking.signal }).then((found) => {
    for (const hit of found.items) if (found.floor !== null && hit.score >= found.floor) ticked.add(hit.image.image_id);
    list.replaceChildren(...found.items.map(candidate));
    the("kind-told", HTMLElement).textContent = found.items.length
      ? t("The nearest images that are unclustered or at the edge of their cluster. Those as alike as the chosen ones are ticked.") : t("No image that is unclustered or at the edge of its cluster is left.");
    count();
  }).catch(alertOf);
  await closed;
  asking.abort();
  const called = name.value.trim();
  if (dialog.returnValue !== "ok" || !called) return [];
  const all = [...new Set([...from, ...ticked])];
  return decide([{ kind: "create", images: all, name: called }], t("Made {images} the new cluster “{name}”.", { images: manyUnits(all.length), name: called }),
    { after: (events) => events[0] && { text: t("Open"), href: `/c/${slug}/cluster/${events[0].decision.new_cluster}` } });
}
the("kind-cancel", HTMLElement).addEventListener("click", () => dialog.close("cancel"));
