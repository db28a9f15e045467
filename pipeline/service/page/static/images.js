// @ts-check
// Images, wherever they are listed: tiles made from what the API returns, and what the bar and the keys do with the
// selected ones. The decisions themselves are in decisions.js, the large view is in viewer.js.

import { decide, keys, readOnly, slug, the } from "./common.js";
import { exclude, findLike, moveTo, tagImages, tagThem } from "./decisions.js";
import { ask } from "./dialogs.js";
import { newKind } from "./kind.js";
import { currentItem, items } from "./lists.js";
import { wrongBox } from "./region.js";
import { onlyOne } from "./selection.js";
import { openViewer } from "./viewer.js";
import "./whole.js";
import { manyUnits, t } from "./words.js";

/** @typedef {{ image_id: string, key: string, group: string | null, content_hash: string | null, cluster: string | null,
 *   cluster_name: string | null, tags: string[], state: string, probability: number | null, width: number | null,
 *   height: number | null, date: string | null, taken_at: string | null, box?: number[] | null, source_id?: string | null }} Picture */

/** @param {string | null} group */
const code = (group) => (group && /^[A-Za-z]{2}$/.test(group) ? group.toUpperCase() : group ?? "");

/** A tile, as the server makes them. @param {Picture} image @param {string} [mark] @returns {HTMLElement} */
export function tileOf(image, mark = "") {
  const tile = /** @type {HTMLElement} */ (the("tile-template", HTMLTemplateElement).content.firstElementChild?.cloneNode(true));
  Object.assign(tile.dataset, {
    id: image.image_id, key: image.key, hash: image.content_hash ?? "", cluster: image.cluster ?? "",
    clusterName: image.cluster_name ?? "", group: code(image.group), tags: image.tags.join(", "), state: image.state,
    probability: image.probability?.toFixed(2) ?? "", pixels: image.width ? `${image.width} × ${image.height}` : "",
    date: (image.date ?? "").replace("T", " ").slice(0, 16), taken: (image.taken_at ?? "").replace("T", " ").slice(0, 16),
  });
  if (image.box) Object.assign(tile.dataset, { box: image.box.join(" "), source: image.source_id ?? "" });
  tile.querySelector(".pick")?.setAttribute("aria-label", image.key);
  const picture = tile.querySelector("img");
  if (picture) picture.src = image.content_hash ? `/api/v1/thumbnails/${image.content_hash}?size=256` : "";
  const group = tile.querySelector(".group"), text = tile.querySelector(".mark-text");
  const file = tile.querySelector(".file"), tags = tile.querySelector(".tags");
  if (file) file.textContent = image.key.split("/").pop() ?? "";
  if (tags) tags.textContent = image.tags.join(", ");
  if (group) group.textContent = code(image.group);
  if (text) text.textContent = mark;
  return tile;
}

/** The item that a key opens: where nothing is marked yet, the first. */
const current = () => currentItem() ?? items()[0] ?? null;

/** The tile of an item, which may be the item itself. @param {HTMLElement} item */
const tileIn = (item) => (item.matches(".tile") ? item : /** @type {HTMLElement | null} */ (item.querySelector(".tile")));

// --- decisions about images -------------------------------------------------------------------------------------------

/**
 * What the bar and the keys do with images.
 * @param {() => string[]} chosen
 * @param {() => void} clear
 * @param {string[]} [without] clusters that are no targets
 */
export function imageActions(chosen, clear, without = []) {
  /** @param {(ids: string[]) => Promise<unknown>} work */
  const withThem = (work) => async () => {
    const ids = chosen();
    if (!ids.length) return;
    const made = await work(ids);
    if (made && (!Array.isArray(made) || made.length)) clear();
  };
  /** @type {Record<string, () => void>} */
  const actions = {
    "move": withThem((ids) => moveTo(ids, without)),
    "take-out": withThem((ids) => decide([{ kind: "move", images: ids, to: null }], t("Moved {images} to unclustered.", { images: manyUnits(ids.length) }))),
    "kind": withThem(newKind),
    "exclude": withThem(exclude),
    "wrong-box": withThem(wrongBox),
    "tag": withThem(tagThem),
    "untag": withThem(async (ids) => {
      const tag = await ask({ title: t("Remove a tag from {images}", { images: manyUnits(ids.length) }), label: t("Tag"), ok: t("Remove"), tags: true, value: commonTag(ids) });
      return tag && tagImages(ids, tag, true);
    }),
    "map": () => { const id = onlyOne(chosen()); if (id) location.href = `/c/${slug}/map?image=${encodeURIComponent(id)}`; },
    "similar": () => findLike(onlyOne(chosen())),
    "open": () => openViewer(items().find((one) => one.dataset.id === chosen()[0]) ?? current()),
  };
  keys({
    "Enter": [t("Open large"), () => openViewer(current()), true],
    "o": [t("Open large (also Enter, double click)"), () => openViewer(current())],
    "f": [t("Find similar"), () => actions["similar"]?.()],
    ...(readOnly ? {} : {
      "v": /** @type {[string, () => void]} */ ([t("Move to another cluster, or to a new one"), () => actions["move"]?.()]),
      "n": /** @type {[string, () => void]} */ ([t("New kind from these, and what else belongs to it"), () => actions["kind"]?.()]),
      "t": /** @type {[string, () => void]} */ ([t("Tag"), () => actions["tag"]?.()]),
      "x": /** @type {[string, () => void]} */ ([t("Exclude"), () => actions["exclude"]?.()]),
    }),
  });
  return actions;
}

/** A tag that all of them have, for taking off. @param {string[]} ids */
function commonTag(ids) {
  const wanted = new Set(ids);
  const lists = items().filter((one) => wanted.has(one.dataset.id ?? "")).map((one) => (tileIn(one)?.dataset.tags ?? "").split(", "));
  return lists[0]?.find((tag) => tag && lists.every((one) => one.includes(tag))) ?? "";
}
