// @ts-check
// The search that / opens on every page: clusters and images whose names, tags and texts have all the words.

import "./viewer.js"; // on every page: an address may name an image, and its decisions
import { alertOf, api, base, keys, made, slug, the } from "./common.js";
import { showName } from "./suggested.js";
import { many, manyUnits, t } from "./words.js";

const dialog = the("search-dialog", HTMLDialogElement), input = the("search-words", HTMLInputElement);
const clusters = the("search-clusters", HTMLElement), images = the("search-images", HTMLElement), told = the("search-told", HTMLElement);
const WAIT_MS = 120, SHOWN = 12;

/** @type {AbortController | undefined} */
let asking;
let timer = 0;
const words = () => input.value.trim();
const all = () => `/c/${slug}/find?q=${encodeURIComponent(words())}`;

async function look() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  the("search-all", HTMLAnchorElement).hidden = !words();
  if (!words()) { clusters.replaceChildren(); images.replaceChildren(); told.textContent = ""; return; }
  try {
    const found = await api(`${base}/search?limit=${SHOWN}&q=${encodeURIComponent(words())}`, { signal });
    clusters.replaceChildren(...found.clusters.map(clusterRow));
    images.replaceChildren(...found.images.map(imageLink));
    told.textContent = `${many(found.total_clusters, "cluster")}, ${manyUnits(found.total_images)}`
      + (found.elsewhere ? `; ${t("{count} more under Set aside", { count: found.elsewhere })}` : "");
    the("search-all", HTMLAnchorElement).hidden = !found.total_images;
    the("search-all", HTMLAnchorElement).textContent = t("Show all {images}", { images: manyUnits(found.total_images) });
  } catch (error) { alertOf(error); }
}

/** A cluster of an answer, as a link with its face. @param {any} one */
export function clusterRow(one) {
  const item = made("li"), link = /** @type {HTMLAnchorElement} */ (made("a", "", "found-cluster")), image = document.createElement("img");
  link.href = `/c/${slug}/cluster/${encodeURIComponent(one.id)}`;
  image.src = `/api/v1/images/${encodeURIComponent(one.representative)}/thumbnail?size=96`;
  image.alt = "";
  const text = made("span"), called = made("span");
  showName(called, one);
  text.append(called, made("small", manyUnits(one.size)));
  link.append(image, text);
  item.append(link);
  return item;
}

/** @param {any} one */
function imageLink(one) {
  const item = made("li"), link = /** @type {HTMLAnchorElement} */ (made("a", "", "found-image")), image = document.createElement("img");
  link.href = `${all()}&view=${encodeURIComponent(one.image_id)}`;
  link.title = one.key;
  image.src = one.content_hash ? `/api/v1/thumbnails/${one.content_hash}?size=128` : "";
  image.alt = one.key;
  link.append(image);
  item.append(link);
  return item;
}

function open() {
  if (!dialog.open) dialog.showModal();
  input.select();
  void look();
}

input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(look, WAIT_MS); });
dialog.addEventListener("keydown", (event) => {
  const links = /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll("a:not([hidden])")]), at = links.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const down = event.key === "ArrowDown" || (event.key === "ArrowRight" && at >= 0), up = event.key === "ArrowUp" || (event.key === "ArrowLeft" && at >= 0);
  if (down) { event.preventDefault(); links[Math.min(at + 1, links.length - 1)]?.focus(); }
  if (up) { event.preventDefault(); (links[at - 1] ?? input).focus(); }
  if (event.key === "Enter" && document.activeElement === input) {
    event.preventDefault();
    if (words() && !event.repeat) location.href = all();
  }
});
the("search-all", HTMLAnchorElement).addEventListener("click", (event) => { event.preventDefault(); location.href = all(); });
the("search-close", HTMLElement).addEventListener("click", () => dialog.close());
the("search-button", HTMLElement).addEventListener("click", open);
keys({ "/": [t("Search names, files, tags and texts"), open] });
