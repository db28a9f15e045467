// @ts-check
// A run as it goes, in the place that a page has for it: #progress with #phase, #bar and #said.

import { alertOf, Refused, slug, the, toast } from "./common.js";
import { many, said, t } from "./words.js";

/** @typedef {{ id?: string, kind?: string, state: string, error?: string | null, result?: any }} Run */

/**
 * Follow a run to its end. Resolves with the run; its state is "lost" if the connection was.
 * @param {string} id
 * @returns {Promise<Run>}
 */
export function followRun(id) {
  const place = the("progress", HTMLElement), bar = the("bar", HTMLProgressElement);
  const phase = the("phase", HTMLElement), told = the("said", HTMLElement);
  place.hidden = false;
  phase.textContent = t("Waiting …");
  told.textContent = "";
  bar.removeAttribute("value");
  const events = new EventSource(`/api/v1/runs/${id}/events`);
  events.addEventListener("progress", (event) => {
    const { phase: name, done, total } = JSON.parse(event.data);
    phase.textContent = total > 1 ? `${said(name)}: ${t("{count} of {images}", { count: Number(done), images: many(Number(total), "image") })}` : `${said(name)} …`;
    if (total > 1) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
  });
  events.addEventListener("notice", (event) => { told.textContent = said(JSON.parse(event.data).text); });
  return new Promise((resolve) => {
    const end = (/** @type {Run} */ run) => { events.close(); place.hidden = true; resolve(run); };
    events.addEventListener("state", (event) => {
      const run = JSON.parse(event.data);
      if (run.state === "queued") phase.textContent = t("Waiting for another run …");
      else if (run.state === "running") phase.textContent = t("Running …");
      else end(run);
    });
    events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) end({ state: "lost" }); });
  });
}

/** What to say of a run that did not succeed. @param {Run} run */
export const trouble = (run) =>
  run.state === "cancelled" ? t("The run was stopped; finished work is kept.") : run.error ? said(run.error) : t("The connection to the run was lost. Reload the page.");

/**
 * Follow a run that clusters, and say how it ended if it failed, or if its result waits for approval.
 * @param {string} id
 * @returns {Promise<boolean>} whether it succeeded
 */
export async function followed(id) {
  const run = await followRun(id);
  if (run.state !== "succeeded") { alertOf(new Refused(trouble(run), 0)); return false; }
  toldHeld(run, { text: t("Runs"), href: `/c/${slug}/runs` });
  return true;
}

/** Say that the result of a run waits for approval, if it does. @param {Run} run @param {{ text: string, href: string }} [link] */
export function toldHeld(run, link) {
  const held = [run.result ?? []].flat().flatMap((/** @type {any} */ one) => one.held ?? []); // one result for each category of a whole run
  if (held.length) toast(t("Clustered. What is published stays until you approve: {reasons}", { reasons: held.map(said).join("; ") }), link ? { link } : {});
  return held.length > 0;
}
