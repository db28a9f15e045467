// @ts-check
// Merging clusters: which of them stays, and what it is called. No name that somebody gave is lost without a word.

import { decide, slug } from "./common.js";
import { ask, pickCluster } from "./dialogs.js";
import { calledNow } from "./suggested.js";
import { many, t } from "./words.js";

/** @typedef {{ id: string, name: string, size: number, suggested?: string }} Part a cluster; `name` is empty without one */

/** Names first, then size. @param {Part} a @param {Part} b */
const before = (a, b) => Number(!!b.name) - Number(!!a.name) || b.size - a.size;

/**
 * Merge several: asks for the name, and offers those at hand. The one that has the name stays, else the largest with a
 * name. Returns whether they were merged.
 * @param {Part[]} parts
 */
export async function mergeThem(parts) {
  const sorted = [...parts].sort(before), first = sorted[0];
  if (!first) return false;
  const named = sorted.map((one) => one.name).filter(Boolean), offers = [...new Set([...named, ...sorted.map((one) => one.suggested ?? "").filter(Boolean)])];
  const name = await ask({
    title: t("Merge {clusters}", { clusters: many(parts.length, "cluster") }), label: named.length ? t("Name") : t("Name (optional)"),
    ok: t("Merge"), value: first.name, optional: true, offers: offers.length > 1 || !first.name ? offers : [],
  });
  if (name === null) return false;
  const into = sorted.find((one) => one.name && one.name === name) ?? first;
  return merged(parts.map((one) => one.id), into.id, name, name === into.name);
}

/** Merge one into another that is chosen; a name of the first is kept if the other has none. Returns the id of the other.
 *  @param {Part} part @param {{ still?: boolean }} [options] still: the view shows nothing anew */
export async function mergeInto(part, { still = false } = {}) {
  const into = await pickCluster(t("Merge “{name}” into", { name: part.name || part.id }), [part.id]);
  if (!into?.id) return null;
  const kept = into.unnamed ? part.name : into.name;
  return (await merged([part.id, into.id], into.id, kept, !into.unnamed || !part.name, still)) ? into.id : null;
}

/** @param {string[]} clusters @param {string} into @param {string} name @param {boolean} called whether it has that name @param {boolean} [still] */
async function merged(clusters, into, name, called, still = false) {
  const shown = await calledNow({ id: into, name }), rename = called ? [] : [{ kind: "rename", cluster: into, name: name || null }];
  const events = await decide([{ kind: "merge", clusters, into }, ...rename],
    t("Merged {clusters} into “{name}”.", { clusters: many(clusters.length, "cluster"), name: shown }), { link: { text: t("Open"), href: `/c/${slug}/cluster/${into}` }, still });
  return events.length > 0;
}
