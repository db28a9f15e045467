// @ts-check
// Several people: who is at this browser, and what others decide, seen without a reload.

import { alertOf, base, isOwn, readOnly, refresh, slug, the, toast } from "./common.js";
import { many, said, t } from "./words.js";

// --- a name, asked once -----------------------------------------------------------------------------------------------

const form = the("who", HTMLFormElement), input = the("who-name", HTMLInputElement), shown = the("who-button", HTMLElement);
function showName() {
  const name = localStorage.getItem("actor");
  shown.textContent = name ?? "";
  shown.hidden = !name || readOnly;
  form.hidden = readOnly || !slug || name !== null || localStorage.getItem("actor-asked") !== null;
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = input.value.trim();
  if (!name) return;
  localStorage.setItem("actor", name);
  showName();
  toast(t("Your decisions stand in the history as {name}'s.", { name }));
});
the("who-not", HTMLElement).addEventListener("click", () => { localStorage.setItem("actor-asked", "no"); showName(); });
shown.addEventListener("click", () => { the("help-button", HTMLElement).click(); the("actor", HTMLInputElement).select(); });
the("help", HTMLElement).addEventListener("close", () => {
  if (!localStorage.getItem("actor")) localStorage.removeItem("actor");
  showName();
});
showName();

// --- what others decide -----------------------------------------------------------------------------------------------

/** @typedef {{ number: number, actor: string, what: string, kind: string, clusters: string[] }} Decision */

const GATHER_MS = 300;
let last = Number(document.body.dataset.lastEvent ?? 0);
/** @type {EventSource | null} */
let stream = null;
/** @type {Decision[]} */
let waiting = [];
let ran = false, timer = 0;

/** A browser has few connections for one server: a tab that nobody sees gives its own back. */
function follow() {
  if (!slug) return;
  if (document.hidden) { stream?.close(); stream = null; return; }
  if (stream) return;
  stream = new EventSource(`${base}/stream?after=${last}`);
  stream.addEventListener("decision", (event) => {
    const decision = /** @type {Decision} */ (JSON.parse(event.data));
    last = Math.max(last, decision.number);
    waiting.push(decision);
    later();
  });
  stream.addEventListener("run", () => { ran = true; later(); });
}
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => void tell().catch(alertOf), GATHER_MS);
}

async function tell() {
  const decisions = waiting, run = ran;
  waiting = [];
  ran = false;
  /** @type {Decision[]} */
  const others = [];
  for (const one of decisions) if (!(await isOwn(one.number))) others.push(one);
  if (!others.length && !run) return;
  const first = others[0], cluster = others.length === 1 ? first?.clusters[0] : undefined;
  const who = [...new Set(others.map((one) => one.actor))].join(", ");
  if (first) toast(others.length === 1 ? `${who} ${said(first.what)}` : `${who}: ${many(others.length, "decision")}`, cluster ? { link: { text: t("Open"), href: `/c/${slug}/cluster/${encodeURIComponent(cluster)}` } } : {});
  if (run) toast(t("A run stored new results."));
  await refresh();
  document.dispatchEvent(new CustomEvent("settled"));
}
document.addEventListener("visibilitychange", follow);
addEventListener("pagehide", () => { stream?.close(); stream = null; });
addEventListener("pageshow", follow);
follow();
