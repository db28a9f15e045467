// @ts-check
// Two people write the same name or text at once: nothing is lost, and who comes second chooses.

import { actor, alertOf, api, base, done, made, refresh, Refused, the } from "./common.js";
import { quoted, t } from "./words.js";

/** @typedef {"name" | "description"} Field */
/** @typedef {{ cluster: string, field: Field, value: string, was: string, revision: number }} Change what is written,
 *   what was seen before it, and the revision of the cluster that was seen */

const KINDS = { name: "rename", description: "describe" };
const CONFLICT = 409;

/** @param {Change} change @param {number} revision */
function store({ cluster, field, value }, revision) {
  const decision = { kind: KINDS[field], cluster, [field]: value || null };
  return api(`${base}/decisions`, { method: "POST", json: { decision, actor: actor(), if_revision: { [cluster]: revision } } });
}

/**
 * Store a name or a description. Returns the event, or null if somebody else wrote another one meanwhile: both are shown
 * then, and one is chosen. A change of anything else is no conflict.
 * @param {Change} change
 * @returns {Promise<any>}
 */
export async function write(change) {
  try {
    return await store(change, change.revision);
  } catch (error) {
    if (!(error instanceof Refused && error.status === CONFLICT)) throw error;
    const now = await api(`/api/v1/clusters/${encodeURIComponent(change.cluster)}`), theirs = now[change.field] ?? "";
    if (theirs === change.was) return store(change, now.revision);
    await refresh();
    if (theirs !== change.value) await choose({ ...change, was: theirs, revision: now.revision });
    return null;
  }
}

/** @param {Change} change `was` is theirs */
async function choose(change) {
  const { cluster, field, value, was } = change;
  const history = await api(`/api/v1/clusters/${encodeURIComponent(cluster)}/history?limit=20`);
  const who = history.items.find((/** @type {any} */ one) => one.decision.kind === KINDS[field] && !one.undone)?.actor ?? t("Somebody");
  const box = made("div", "", "toast alert conflict");
  const shortly = (/** @type {string} */ text) => (text ? quoted(text.length > 60 ? `${text.slice(0, 60)} …` : text) : t("nothing"));
  box.append(made("span", t(field === "name" ? "{who} changed this name to {theirs} meanwhile; you wrote {yours}." : "{who} changed this description to {theirs} meanwhile; you wrote {yours}.", { who, theirs: shortly(was), yours: shortly(value) })));
  const mine = /** @type {HTMLButtonElement} */ (made("button", t("Use {value}", { value: shortly(value) }))), theirs = /** @type {HTMLButtonElement} */ (made("button", t("Keep {value}", { value: shortly(was) })));
  mine.addEventListener("click", () => {
    box.remove();
    void write(change).then(async (event) => {
      if (event) done([event.number], t(field === "name" ? "Named {new} instead of {old}." : "Described as {new} instead of {old}.", { new: shortly(value), old: shortly(was) }));
      await refresh();
    }).catch(alertOf);
  });
  theirs.addEventListener("click", () => box.remove());
  box.append(mine, theirs);
  the("alerts", HTMLElement).replaceChildren(box); // stays until it is answered
}
