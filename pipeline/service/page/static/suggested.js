// @ts-check
// What a cluster without a name is called meanwhile: as its file names or pictures suggest, with a question mark; its id
// where nothing does.

import { api, slug } from "./common.js";

/** @type {Promise<Record<string, string>> | undefined} */
let asked;

/** Cluster id → suggested name; asked once a page. @returns {Promise<Record<string, string>>} */
export const suggestions = () => (asked ??= api(`/c/${slug}/suggestions`).catch((error) => { console.error(error); return {}; })); // ids can be read without

/** @param {{ id: string, name?: string | null }} cluster */
export async function calledNow({ id, name }) {
  if (name) return name;
  const guess = (await suggestions())[id];
  return guess ? `${guess}?` : id;
}

/** Call the clusters of which the page shows an id so, wherever one is in it: what is served knows no suggestions. */
export async function nameUnnamed() {
  if (!document.querySelector("[data-unnamed]")) return;
  const found = await suggestions();
  for (const place of document.querySelectorAll("[data-unnamed]")) {
    const guess = found[place.getAttribute("data-unnamed") ?? ""];
    if (guess) place.textContent = `${guess}?`;
  }
}

/** Its name at once, or its id until it is known what is suggested. @param {HTMLElement | Text} place @param {{ id: string, name?: string | null }} cluster */
export function showName(place, cluster) {
  place.textContent = cluster.name || cluster.id;
  if (!cluster.name) void calledNow(cluster).then((called) => { place.textContent = called; });
}
