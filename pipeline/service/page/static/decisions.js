// @ts-check
// What can be decided about images, and the keys of it in the large view. What a list selects is in images.js.

import { alertOf, actor, api, decide, done, readOnly, refresh, Refused, slug, toast } from "./common.js";
import { ask, pickCluster } from "./dialogs.js";
import { newKind } from "./kind.js";
import { wrongBox } from "./region.js";
import { manyUnits, t } from "./words.js";

/** @typedef {{ key: string, label: string, run: (ids: string[]) => unknown }} Decision */

/** Move images to a cluster, or make them a new one. @param {string[]} ids @param {import("./dialogs.js").ClusterChoice} to */
export const move = (ids, to) => to.id === null
  ? decide([{ kind: "create", images: ids, name: to.name }], t("Made {images} the new cluster “{name}”.", { images: manyUnits(ids.length), name: to.name }),
    { after: (made) => made[0] && { text: t("Open"), href: `/c/${slug}/cluster/${made[0].decision.new_cluster}` } })
  : decide([{ kind: "move", images: ids, to: to.id }], t("Moved {images} to “{name}”.", { images: manyUnits(ids.length), name: to.name }),
    { link: { text: t("Open"), href: `/c/${slug}/cluster/${to.id}` } });

/** Have a cluster chosen, or a new one named, and move there. @param {string[]} ids @param {string[]} [without] clusters that are no targets */
export async function moveTo(ids, without = []) {
  const to = await pickCluster(t("Move {images} to a cluster, or to a new one", { images: manyUnits(ids.length) }), without, true);
  return to && move(ids, to);
}

/** @param {string[]} ids */
export const exclude = (ids) => decide([{ kind: "exclude", images: ids }], t("Excluded {images}.", { images: manyUnits(ids.length) }));

/** @param {string[]} ids */
export const takeBack = (ids) => decide([{ kind: "include", images: ids }], t("Taken back."));

/** Tag, or take a tag off. @param {string[]} ids @param {string} tag @param {boolean} [off] */
export async function tagImages(ids, tag, off = false) {
  if (readOnly) { alertOf(new Refused(t("This view is read-only: no decisions can be stored."), 403)); return false; }
  try {
    const made = await api(`/api/v1/tagging/${off ? "remove" : "apply"}`, { method: "POST", json: { image_ids: ids, tag, actor: actor() } });
    const numbers = made.events.map((/** @type {{number: number}} */ event) => event.number);
    const text = t(off ? "Removed “{tag}” from {images}." : "Tagged {images} “{tag}”.", { tag, images: manyUnits(ids.length) });
    done(numbers, text, off ? {} : { link: { text: t("Show them"), href: `/c/${slug}/find?tag=${encodeURIComponent(tag)}` } });
    await refresh();
    return true;
  } catch (error) {
    alertOf(error);
    return false;
  }
}

/** @param {string} title */
export const askTag = (title) => ask({ title, label: t("Tag"), ok: t("Tag"), tags: true });

/** @param {string[]} ids */
export async function tagThem(ids) {
  const tag = await askTag(t("Tag {images}", { images: manyUnits(ids.length) }));
  return tag && tagImages(ids, tag);
}

/** @param {string | undefined} id */
export function findLike(id) { if (id) location.href = `/c/${slug}/find?image=${encodeURIComponent(id)}`; }

/** Split images off their cluster. @param {string[]} images @param {string} cluster @param {string} called */
export async function splitOff(images, cluster, called) {
  const name = await ask({ title: t("Split {images} off “{name}”", { images: manyUnits(images.length), name: called }), label: t("Name of the new cluster (optional)"), ok: t("Split off"), optional: true });
  if (name === null) return [];
  const decision = { kind: "split", cluster, images, ...(name ? { name } : {}) };
  return decide([decision], t(name ? "Split {images} off as “{name}”." : "Split {images} off.", { images: manyUnits(images.length), name }), {
    after: (made) => made[0] && { text: t("Open"), href: `/c/${slug}/cluster/${made[0].decision.new_cluster}` },
  });
}

/** @param {string} image @param {string} cluster @param {string} called */
export const represent = (image, cluster, called) =>
  decide([{ kind: "representative", cluster, image }], t("This image now represents “{name}”.", { name: called }));

/** Move an unclustered image to the cluster that is nearest to it. @param {string} id */
async function acceptNearest(id) {
  try {
    const { nearest_cluster: nearest } = await api(`/api/v1/images/${encodeURIComponent(id)}`);
    if (!nearest) { toast(t("No cluster is near.")); return; }
    const { name } = await api(`/api/v1/clusters/${encodeURIComponent(nearest)}`);
    await move([id], { id: nearest, name: name ?? nearest });
  } catch (error) { alertOf(error); }
}

/**
 * What can be decided about the image that is seen large, on whichever page that is.
 * @param {DOMStringMap} facts the data of its tile, as it is now
 * @returns {Decision[]}
 */
export function decisionsOn(facts) {
  const { state = "", cluster = "" } = facts, called = facts.clusterName || cluster;
  if (state === "rejected") return []; // it cannot be read
  /** @type {Decision[]} */
  const offered = [{ key: "f", label: t("Find similar"), run: (ids) => findLike(ids[0]) }];
  if (readOnly) return offered;
  if (state === "excluded") return [...offered, { key: "x", label: t("Take back"), run: takeBack }];
  offered.push(
    { key: "v", label: t("Move…"), run: (ids) => moveTo(ids, cluster ? [cluster] : []) }, { key: "n", label: t("New kind…"), run: newKind },
    { key: "t", label: t("Tag…"), run: tagThem }, { key: "x", label: t("Exclude"), run: exclude });
  if (document.body.dataset.unit === "object") offered.push({ key: "d", label: t("Wrong box"), run: wrongBox });
  if (cluster) offered.push(
    { key: "s", label: t("Split off…"), run: (ids) => splitOff(ids, cluster, called) },
    { key: "p", label: t("Representative"), run: ([id]) => id && represent(id, cluster, called) });
  if (state === "unclustered") offered.push({ key: "y", label: t("Accept the nearest cluster"), run: ([id]) => id && acceptNearest(id) });
  return offered;
}
