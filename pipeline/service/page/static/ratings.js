// @ts-check
// Ratings of a search: what the results should be more like, and what not. They stand in the address, so that a link asks
// the same. What a rating teaches is a decision, made in find.js; a link holds none, only this tab can take its own back.

import { alertOf, api, isUndoable, Refused, slug } from "./common.js";
import { t } from "./words.js";

/** @typedef {{ liked: boolean, events: number[] }} Rating with the events of the pairs that it made */

const TAUGHT = `rated:${slug}`;
/** Events of each rating that this tab made. @returns {Record<string, number[]>} */
const taught = () => JSON.parse(sessionStorage.getItem(TAUGHT) ?? "{}");

/** The ratings of an address. @param {URLSearchParams} query @returns {Map<string, Rating>} */
export function ratingsIn(query) {
  const events = taught();
  const one = (/** @type {string} */ id, /** @type {boolean} */ liked) => /** @type {[string, Rating]} */ ([id, { liked, events: isUndoable(events[id] ?? []) ? events[id] ?? [] : [] }]);
  return new Map([...query.getAll("up").map((id) => one(id, true)), ...query.getAll("down").map((id) => one(id, false))]);
}

/** Keep them in an address, and what they taught in this tab. @param {Map<string, Rating>} rated @param {URL} url */
export function keepRatings(rated, url) {
  for (const [id, { liked }] of rated) url.searchParams.append(liked ? "up" : "down", id);
  sessionStorage.setItem(TAUGHT, JSON.stringify(Object.fromEntries([...rated].map(([id, { events }]) => [id, events]))));
}

/** @param {Map<string, Rating>} rated @param {boolean} liked */
export const idsOf = (rated, liked) => [...rated].filter(([, how]) => how.liked === liked).map(([id]) => id);

/**
 * Get to know the images that an address rates. One that is gone is rated no more; returns whether there was one.
 * @param {Map<string, Rating>} rated
 * @param {Map<string, import("./images.js").Picture>} known
 */
export async function meet(rated, known) {
  const before = rated.size;
  await Promise.all([...rated.keys()].filter((id) => !known.has(id)).map(async (id) => {
    try {
      known.set(id, await api(`/api/v1/images/${encodeURIComponent(id)}`));
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      rated.delete(id);
      alertOf(new Error(t("An image that this link rates is gone: {id}.", { id })));
    }
  }));
  return rated.size < before;
}
