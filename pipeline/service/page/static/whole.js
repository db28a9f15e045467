// @ts-check
// Tiles of objects: their crops, or the whole images with their boxes. Which one stands in the address. The large view
// has a key of its own (viewer.js).

import { keys } from "./common.js";
import { t } from "./words.js";

const button = document.getElementById("whole-button");
let whole = new URL(location.href).searchParams.has("whole");

/** @param {HTMLElement} tile */
function show(tile) {
  const image = tile.querySelector("img"), { box, source, hash } = tile.dataset;
  if (!image || !box || !source) return;
  const src = whole ? `/api/v1/images/${encodeURIComponent(source)}/thumbnail?size=256` : `/api/v1/thumbnails/${hash}?size=256`;
  if (image.getAttribute("src") === src) return;
  tile.querySelector(".outline")?.remove();
  if (whole) image.addEventListener("load", () => outline(tile, image, box), { once: true });
  image.src = src;
}

/** The picture lies in the middle of a square. @param {HTMLElement} tile @param {HTMLImageElement} image @param {string} box */
function outline(tile, image, box) {
  const [x = 0, y = 0, w = 0, h = 0] = box.split(" ").map(Number), longest = Math.max(image.naturalWidth, image.naturalHeight) || 1;
  const across = image.naturalWidth / longest, down = image.naturalHeight / longest, frame = document.createElement("span");
  frame.className = "outline";
  const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(2)}%`;
  Object.assign(frame.style, {
    left: percent((1 - across) / 2 + x * across), top: percent((1 - down) / 2 + y * down), width: percent(w * across), height: percent(h * down),
  });
  if (whole) tile.querySelector(".pick")?.append(frame);
}

function showAll() {
  button?.setAttribute("aria-pressed", String(whole));
  for (const tile of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#list .tile[data-box]"))) show(tile);
}

function toggle() {
  whole = !whole;
  const url = new URL(location.href);
  if (whole) url.searchParams.set("whole", "1"); else url.searchParams.delete("whole");
  history.replaceState(null, "", url);
  showAll();
}

const list = document.getElementById("list");
if (button && list) {
  button.addEventListener("click", toggle);
  keys({ "q": [t("Whole images, or the crops of their objects"), toggle] });
  new MutationObserver(() => { if (whole) showAll(); }).observe(list, { childList: true, subtree: true }); // more of them, or anew
  showAll();
}
