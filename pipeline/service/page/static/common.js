// @ts-check
// What every view shares: talking to the API, toasts with undo, keys. Text from the library only ever becomes
// text (textContent, value), never markup.

import "./bar.js";
import { language, many, said as saidIn, t } from "./words.js";

/** @typedef {{ category: string, number: number }} StoredEvent */
/** @typedef {{ label: string, run: (event: KeyboardEvent) => void, hidden?: boolean }} Binding */

export const slug = document.body.dataset.slug ?? "";
export const category = document.body.dataset.category ?? "";
export const readOnly = "readOnly" in document.body.dataset;

/**
 * The element of that id, which must be there and of that kind.
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function the(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is missing`);
  return found;
}

/**
 * @param {string} tag
 * @param {string} [text]
 * @param {string} [className]
 */
export function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/** What the service refused, in its own words. */
export class Refused extends Error {
  /** @param {string} text @param {number} status */
  constructor(text, status) {
    super(text);
    this.status = status;
  }
}

/**
 * Ask the service; returns the JSON of its answer.
 * @param {string} path
 * @param {{ method?: string, json?: unknown, body?: FormData, signal?: AbortSignal, key?: string }} [options]
 * @returns {Promise<any>}
 */
export async function api(path, { method = "GET", json, body, signal, key } = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  const asking = answered(path, { method, headers, body: json === undefined ? body : JSON.stringify(json), signal });
  if (method === "GET") return asking;
  open.add(asking);
  try {
    const found = await asking;
    for (const one of [found, found.event, ...(found.items ?? []), ...(found.events ?? [])]) {
      const number = one?.number ?? one;
      if (typeof number === "number") own.add(number); // other answers, such as hits, have none and are not kept
      if (one?.same_name?.length) document.dispatchEvent(new CustomEvent("namesakes", { detail: one }));
    }
    return found;
  } finally { open.delete(asking); }
}

/** @param {string} path @param {RequestInit} request @returns {Promise<any>} */
async function answered(path, request) {
  let answer;
  try {
    answer = await fetch(path, request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(t("The service does not answer. Is it still running?"), 0);
  }
  if (answer.status === 401) location.href = "/login";
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(problem.detail ? saidIn(problem.detail) : t("The service answered {status}.", { status: String(answer.status) }), answer.status);
  }
  return answer.json();
}

/** Numbers of decisions that this tab made, and what it is still waiting for. @type {Set<number>} */
const own = new Set();
/** @type {Set<Promise<unknown>>} */
const open = new Set();
/** Whether this tab made a decision; once all that it asked for is answered. @param {number} number */
export async function isOwn(number) {
  await Promise.allSettled(open);
  return own.has(number);
}

export const base = `/api/v1/categories/${encodeURIComponent(slug)}`;

// --- toasts -----------------------------------------------------------------------------------------------------------

const TOAST_MS = 9000;

/**
 * Say something for a while, with what can be done about it.
 * @param {string} text
 * @param {{ undo?: number[], link?: { text: string, href: string } }} [options]
 */
export function toast(text, { undo, link } = {}) {
  const box = made("div", "", "toast");
  box.append(made("span", text));
  if (link) {
    const a = /** @type {HTMLAnchorElement} */ (made("a", link.text));
    a.href = link.href;
    box.append(a);
  }
  if (undo?.length) {
    box.dataset.takesBack = undo.join();
    const button = made("button", t("Undo"));
    button.addEventListener("click", () => { box.remove(); void undoEvents(undo); });
    box.append(button);
  }
  const place = the("toasts", HTMLElement);
  place.append(box);
  while (place.children.length > 3) place.firstElementChild?.remove();
  lastingUntilLeft(box, TOAST_MS);
}

/** @param {unknown} error */
export function alertOf(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Refused)) console.error(error);
  const box = made("div", "", "toast alert");
  const close = made("button", t("Close"));
  close.addEventListener("click", () => box.remove());
  box.append(made("span", text), close);
  the("alerts", HTMLElement).replaceChildren(box);
  lastingUntilLeft(box, 3 * TOAST_MS);
}

/** Where the focus was before it went to a message. @type {HTMLElement | null} */
let before = null;
/** Messages that wait for an answer stand far from what is worked on: a key goes there, Escape and an answer go back. */
function toMessage() {
  const button = /** @type {HTMLElement | null} */ (document.querySelector("#alerts button"));
  if (!button) { toast(t("No message waits for an answer.")); return; }
  if (!the("alerts", HTMLElement).contains(document.activeElement)) before = /** @type {HTMLElement | null} */ (document.activeElement);
  button.focus();
}
the("alerts", HTMLElement).addEventListener("keydown", (event) => { if (event.key === "Escape") before?.focus(); });
the("alerts", HTMLElement).addEventListener("click", (event) => { if (event.target instanceof HTMLButtonElement && event.detail === 0) before?.focus(); });

/** Gone after a while, but not while somebody points at it or is in it. @param {HTMLElement} box @param {number} ms */
function lastingUntilLeft(box, ms) {
  const look = () => { if (box.matches(":hover, :focus-within")) setTimeout(look, 1500); else box.remove(); };
  setTimeout(look, ms);
}

// --- decisions --------------------------------------------------------------------------------------------------------

export const actor = () => localStorage.getItem("actor") || "page";
const AT_ONCE = 1000; // decisions that one request takes
const STACK = `undo:${slug}`;
/** @returns {number[][]} */
const stack = () => JSON.parse(sessionStorage.getItem(STACK) ?? "[]");
/** @param {number[][]} value */
const keep = (value) => sessionStorage.setItem(STACK, JSON.stringify(value.slice(-100)));

/** What was said of the decisions of this tab, by their numbers, to be said again when they are undone: on any page. */
const SAID = `said:${slug}`;
/** @returns {Record<string, string>} */
const said = () => JSON.parse(sessionStorage.getItem(SAID) ?? "{}");

/** @type {() => Promise<void>} */
let refresher = async () => {};
/** How the view shows itself anew after a decision. @param {() => Promise<void>} refresh */
export function onRefresh(refresh) { refresher = refresh; }
export const refresh = () => refresher().catch(alertOf);

/**
 * Remember events for undo, and say what was done.
 * @param {number[]} numbers
 * @param {string} text
 * @param {{ link?: { text: string, href: string } }} [options]
 */
export function done(numbers, text, options = {}) {
  if (!numbers.length) return;
  keep([...stack(), numbers]);
  const kept = Object.entries(said()).slice(-99);
  sessionStorage.setItem(SAID, JSON.stringify({ ...Object.fromEntries(kept), [numbers.join()]: text }));
  toast(text, { undo: numbers, ...options });
}

/**
 * Store decisions that belong together, all or none. Returns the events; says what was refused.
 * @param {Record<string, unknown>[]} decisions
 * @param {string} text
 * @param {{ link?: { text: string, href: string }, revisions?: Record<string, number>, still?: boolean,
 *   after?: (events: any[]) => { text: string, href: string } | undefined }} [options]
 */
export async function decide(decisions, text, { link, revisions, still = false, after } = {}) {
  if (readOnly) { alertOf(new Refused(t("This view is read-only: no decisions can be stored."), 403)); return []; }
  if (!decisions.length) return [];
  /** @type {any[]} */
  let events = [];
  try {
    events = await stored(decisions, revisions);
  } catch (error) {
    alertOf(error);
    if (error instanceof Refused && error.status === 409) await refresh();
  }
  const numbers = events.map((event) => /** @type {number} */ (event.number));
  done(numbers, text, { link: link ?? after?.(events) });
  if (events.length && !still) await refresh();
  return events;
}

/**
 * Store decisions in one transaction. Returns the events.
 * @param {Record<string, unknown>[]} decisions
 * @param {Record<string, number>} [revisions]
 * @returns {Promise<any[]>}
 */
export async function stored(decisions, revisions = {}) {
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const json = { decisions, actor: actor(), if_revision: revisions };
  return (await api(`${base}/decisions/batch`, { method: "POST", json, key })).items;
}

/** Take events back, the last one first: all or none. @param {number[]} numbers */
export async function undoEvents(numbers) {
  keep(stack().filter((one) => one.join() !== numbers.join()));
  document.querySelector(`.toast[data-takes-back="${numbers.join()}"]`)?.remove(); // its button has nothing left to undo
  try {
    const undos = [...numbers].reverse().map((event) => ({ kind: "undo", event }));
    for (let at = 0; at < undos.length; at += AT_ONCE) await stored(undos.slice(at, at + AT_ONCE)); // a large import has more
    const text = said()[numbers.join()];
    toast(text ? t("Undone: {what}", { what: text }) : t("Undone: {decisions}, the last was event {event}.", { decisions: many(numbers.length, "decision"), event: String(Math.max(...numbers)) }));
  } catch (error) { alertOf(error); }
  document.dispatchEvent(new CustomEvent("undone", { detail: numbers }));
  await refresh();
  document.dispatchEvent(new CustomEvent("settled"));
}

/** Whether this tab made these decisions together, and has not taken them back. @param {number[]} numbers */
export const isUndoable = (numbers) => stack().some((one) => one.join() === numbers.join());

export async function undoLast() {
  while (open.size) { // a decision that is still being stored is the last one
    await Promise.allSettled(open);
    await new Promise((resolve) => setTimeout(resolve)); // until it is on the stack
  }
  const last = stack().at(-1);
  if (last) await undoEvents(last);
  else toast(t("This tab has no decision to undo. Older decisions are in the history of each cluster."));
}

// --- keys -------------------------------------------------------------------------------------------------------------

/** @type {Map<string, Binding>} */
const bindings = new Map();

/** @param {Record<string, [string, (event: KeyboardEvent) => void] | [string, (event: KeyboardEvent) => void, boolean]>} wanted */
export function keys(wanted) {
  for (const [key, [label, run, hidden]] of Object.entries(wanted)) bindings.set(key, { label, run, hidden: hidden ?? false });
}

// until the next frame a field of a dialog that was just closed still has the focus
/** @param {EventTarget | null} target */
export const typing = (target) =>
  (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && !["checkbox", "radio", "range", "button"].includes(target.type))) &&
  !target.closest("dialog:not([open])");

// Before any field sees it: a search field would take the first Escape for itself, and its dialog would stay open.
document.addEventListener("keydown", (event) => {
  const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog[open]"));
  if (event.key !== "Escape" || event.isComposing || !dialog) return;
  event.preventDefault();
  event.stopPropagation();
  dialog.close("cancel");
}, true);

/** Keys that go on while they are held down. Any other acts once: a decision is not repeated by a finger that rests. */
const REPEATED = new Set(["j", "k", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (typing(event.target)) {
    if (event.key === "Escape") /** @type {HTMLElement} */ (event.target).blur();
    return;
  }
  const binding = bindings.get(event.key);
  if (!binding || (event.repeat && !REPEATED.has(event.key))) return;
  // a control that has the focus keeps its own keys
  if ((event.key === "Enter" || event.key === " ") && event.target instanceof Element &&
      event.target.closest("button:not(.pick), summary, a:not(.open), label, input")) return;
  if (event.key.startsWith("Arrow") && event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  binding.run(event);
});

const SHOWN = /** @type {Record<string, string>} */ ({ " ": t("space"), ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" });

export function showHelp() {
  const list = the("help-keys", HTMLElement);
  list.replaceChildren();
  for (const [key, { label, hidden }] of bindings) {
    if (hidden) continue;
    const dt = made("dt");
    dt.append(made("kbd", SHOWN[key] ?? key));
    list.append(dt, made("dd", label));
  }
  the("actor", HTMLInputElement).value = localStorage.getItem("actor") ?? "";
  the("help", HTMLDialogElement).showModal();
}

the("actor", HTMLInputElement).addEventListener("input", () => localStorage.setItem("actor", the("actor", HTMLInputElement).value.trim()));
the("help-button", HTMLElement).addEventListener("click", showHelp);
document.getElementById("category")?.addEventListener("change", (event) => {
  const here = document.querySelector("nav a[aria-current]")?.getAttribute("href")?.split("/").slice(3).join("/") ?? "";
  location.href = `/c/${/** @type {HTMLSelectElement} */ (event.target).value}${here ? `/${here}` : ""}`;
});

/** Country codes get the country's name as a title, and in lists beside them. @param {ParentNode} root */
export function nameCountries(root) {
  const names = new Intl.DisplayNames([language], { type: "region", fallback: "none" });
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("[data-country]"))) {
    const code = element.dataset.country ?? "";
    const name = /^[A-Z]{2}$/.test(code) ? names.of(code) : undefined;
    if (!name) continue;
    if (!(element instanceof HTMLOptionElement)) element.title = name;
    else if (!element.text.includes(name)) element.text = element.text.replace(code, `${code} ${name}`);
  }
}
nameCountries(document);

document.getElementById("language")?.addEventListener("change", (event) => {
  document.cookie = `language=${/** @type {HTMLSelectElement} */ (event.target).value}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
});

// --- file names and tags under images ---------------------------------------------------------------------------------

const labels = document.getElementById("labels-button");
function showLabels() {
  const on = localStorage.getItem("labels") === "on";
  document.body.classList.toggle("labelled", on);
  labels?.setAttribute("aria-pressed", String(on));
}
function toggleLabels() {
  localStorage.setItem("labels", localStorage.getItem("labels") === "on" ? "off" : "on");
  showLabels();
}
labels?.addEventListener("click", toggleLabels);
showLabels();
if (labels) keys({ "i": [t("File names and tags under images"), toggleLabels] });

keys({
  "?": [t("This list"), showHelp],
  "u": [t("Undo the last decision of this tab"), () => void undoLast()],
  "g": [t("Go to the message that waits for an answer"), toMessage],
});

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close("cancel"); });
}
