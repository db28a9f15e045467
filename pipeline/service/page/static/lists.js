// @ts-check
// Lists on a page: showing them anew after a decision without losing the place, more of them as one scrolls, and
// moving through them by keys.

import { alertOf, keys, nameCountries, slug, the, toast } from "./common.js";
import { t } from "./words.js";

const REGIONS = ["views", "head", "since", "found", "list", "more", "history", "nothing", "published", "select-all"];
const MOST = 1000;

/** The markup of each item as the server sent it: what did not change stays in place. @type {WeakMap<Element, string>} */
const sent = new WeakMap();

/** Items that lie in no other item. @param {ParentNode} root @returns {HTMLElement[]} */
export const outermost = (root) =>
  /** @type {HTMLElement[]} */ ([...root.querySelectorAll("[data-id]")].filter((one) => !one.parentElement?.closest("#list [data-id]")));

export const list = () => the("list", HTMLElement);
export const items = () => outermost(document.getElementById("list") ?? document.createElement("ul")); // not every page has one

/** @param {ParentNode} root */
function remember(root) {
  for (const one of outermost(root)) sent.set(one, one.outerHTML);
}
if (document.getElementById("list")) remember(list());

function told() {
  nameCountries(document);
  document.dispatchEvent(new CustomEvent("shown"));
}

/** The newest question to the server: the answer to an older one, if it comes later, is not shown. */
let asked = 0;

/**
 * Fetch the page again (at `url`) and put what is different into its place.
 * @param {URL} [url]
 * @param {{ whole?: boolean }} [options] whole: as much of the list as is loaded now
 */
export async function showAgain(url = new URL(location.href), { whole = true } = {}) {
  const loaded = items().length, focus = placeOfFocus();
  if (whole && loaded) url.searchParams.set("limit", String(Math.min(MOST, Math.max(loaded, 20))));
  const number = ++asked;
  const answer = await fetch(url);
  if (number !== asked) return;
  if (answer.status === 404) { history.length > 1 ? history.back() : location.assign("/"); return; }
  if (!answer.ok) throw new Error(t("The service answered {status}.", { status: String(answer.status) }));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (number !== asked) return;
  for (const id of REGIONS) {
    const now = document.getElementById(id), next = fresh.getElementById(id);
    if (!now || !next) continue;
    if (id === "list") swapList(now, next);
    else if (now.innerHTML !== next.innerHTML && !now.contains(typingIn())) {
      for (const { name, value } of [...next.attributes]) now.setAttribute(name, value);
      now.replaceChildren(...next.childNodes);
    }
  }
  told();
  restore(focus);
}

const typingIn = () => (document.activeElement?.matches("input, textarea") ? document.activeElement : null);

/** @param {HTMLElement} now @param {HTMLElement} next */
function swapList(now, next) {
  const held = new Map(outermost(now).map((one) => [one.dataset.id, one]));
  const fresh = /** @type {HTMLElement[]} */ ([...next.querySelectorAll("[data-id]")].filter((one) => !one.parentElement?.closest("[data-id]")));
  for (const one of fresh) {
    const markup = one.outerHTML, old = held.get(one.dataset.id);
    if (old && (sent.get(old) === markup || old.contains(typingIn()))) {
      if (sent.get(old) !== markup) untouched(old, one);
      sent.set(old, markup);
      held.delete(one.dataset.id); // what is listed twice is two
      one.replaceWith(old);
    } else {
      sent.set(one, markup);
    }
  }
  const typed = typingIn();
  now.replaceChildren(...next.childNodes);
  if (typed instanceof HTMLElement && now.contains(typed)) typed.focus();
}

/** A name that somebody is in, but has not changed, becomes what it is now. @param {HTMLElement} old @param {HTMLElement} fresh */
function untouched(old, fresh) {
  const field = typingIn(), next = fresh.querySelector("input.name");
  if (!(field instanceof HTMLInputElement && next instanceof HTMLInputElement) || field.value !== (old.dataset.name ?? "")) return;
  Object.assign(old.dataset, fresh.dataset);
  field.value = next.value;
}

/** @typedef {{ id: string, index: number, part: string } | null} Place */
/** @returns {Place} */
function placeOfFocus() {
  const item = currentItem(), active = document.activeElement;
  if (!item) return null;
  const part = active && item.contains(active) ? (active.matches("input.name") ? "input.name" : ".open, .pick, button") : "";
  return { id: item.dataset.id ?? "", index: items().indexOf(item), part };
}

/** @param {Place} place */
function restore(place) {
  if (!place) return;
  const all = items();
  const item = all.find((one) => one.dataset.id === place.id) ?? all[Math.min(place.index, all.length - 1)];
  if (!item) return;
  setCurrent(item);
  const lost = document.activeElement === document.body || document.activeElement === null;
  if (lost && place.part && !document.querySelector("dialog[open]")) focusOf(item, place.part)?.focus({ preventScroll: true });
}

/** The tiles of these images as they are now, from the server. @param {string[]} ids @returns {Promise<HTMLElement[]>} */
export async function freshTiles(ids) {
  /** @type {HTMLElement[]} */
  const found = [];
  for (let at = 0; at < ids.length; at += 100) {
    const query = new URLSearchParams(ids.slice(at, at + 100).map((id) => ["id", id]));
    const answer = await fetch(`/c/${slug}/tiles?${query}`);
    if (!answer.ok) throw new Error(t("The service answered {status}.", { status: String(answer.status) }));
    found.push(...new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll(/** @type {"li"} */ (".tile")));
  }
  return found;
}

// --- more as one scrolls ----------------------------------------------------------------------------------------------

let loading = false;
/** Put the next page of the list behind this one; returns whether there was one. */
export async function more() {
  const link = /** @type {HTMLAnchorElement | null} */ (document.querySelector("#more [data-more]"));
  if (!link || loading) return false;
  loading = true;
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error(t("The service answered {status}.", { status: String(answer.status) }));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = fresh.getElementById("list"), place = list();
    if (!next) return false;
    const known = new Set(items().map((one) => one.dataset.id));
    for (const one of [...next.querySelectorAll("[data-id]")]) {
      if (one.parentElement?.closest("[data-id]")) continue;
      if (known.has(/** @type {HTMLElement} */ (one).dataset.id)) one.remove(); else sent.set(one, one.outerHTML);
    }
    const first = next.firstElementChild, last = place.lastElementChild;
    if (first instanceof HTMLElement && last instanceof HTMLElement && first.dataset.heading && first.dataset.heading === last.dataset.heading) {
      last.querySelector("ul")?.append(...first.querySelectorAll("li.tile"));
      first.remove();
    }
    place.append(...next.childNodes);
    the("more", HTMLElement).replaceChildren(...(fresh.getElementById("more")?.childNodes ?? []));
    told();
    return true;
  } catch (error) {
    alertOf(error);
    return false;
  } finally {
    loading = false;
    watch();
  }
}

const observer = new IntersectionObserver((entries) => { if (entries.some((one) => one.isIntersecting)) void more(); }, { rootMargin: "800px" });
function watch() {
  observer.disconnect();
  const link = document.querySelector("#more [data-more]");
  if (link) observer.observe(link);
}
document.addEventListener("shown", watch);
document.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("[data-more]")) { event.preventDefault(); void more(); }
});
watch();

/** Filters act at once, and stand in the address. */
export function filtersAct() {
  const form = the("filters", HTMLFormElement);
  let timer = 0;
  const go = () => {
    const url = new URL(location.pathname, location.href);
    for (const [name, value] of new FormData(form)) if (value !== "") url.searchParams.set(name, String(value));
    if (new URL(location.href).searchParams.has("whole")) url.searchParams.set("whole", "1");
    history.replaceState(null, "", url);
    showAgain(new URL(url), { whole: false }).then(() => scrollTo({ top: 0 })).catch(alertOf);
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); go(); });
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(go, event.target instanceof HTMLInputElement && event.target.type === "search" ? 180 : 0);
  });
}

// --- moving by keys ---------------------------------------------------------------------------------------------------

/** @type {HTMLElement | null} */
let current = null;
export function currentItem() {
  const at = document.activeElement?.closest?.("#list [data-id]");
  const outer = at ? items().find((one) => one.contains(at)) : undefined;
  return outer ?? (current?.isConnected ? current : null);
}
/** The current item if it is in sight. Else it is brought there and nothing is returned: a key decides on what is seen. */
export function currentInSight() {
  if (list().inert) { toast(t("The list is being fetched: wait for it.")); return null; }
  const item = currentItem();
  if (!item) { toast(t("Nothing is selected. Click an item, or go to it with j and k.")); return null; }
  const box = item.getBoundingClientRect(), middle = (box.top + box.bottom) / 2;
  if (middle > 0 && middle < innerHeight) return item;
  setCurrent(item);
  item.scrollIntoView({ block: "center" });
  toast(t("Nothing is selected in sight. The marked item was out of sight: press the key again to act on it."));
  return null;
}
/** @param {HTMLElement} item */
export function setCurrent(item) {
  current?.classList.remove("current");
  current = item;
  item.classList.add("current");
}
document.addEventListener("focusin", () => {
  const at = document.activeElement?.closest("#list [data-id]");
  if (at) { const item = items().find((one) => one.contains(at)); if (item) setCurrent(item); }
});

/** @param {HTMLElement} item @param {string} part @returns {HTMLElement | null} */
const focusOf = (item, part) => (item.matches(part) ? item : /** @type {HTMLElement | null} */ (item.querySelector(part)));

/** @param {HTMLElement} item @param {string} [part] */
export function focusItem(item, part = ".open, .pick, button") {
  setCurrent(item);
  const target = focusOf(item, part) ?? focusOf(item, "button, a, input");
  target?.focus({ preventScroll: true });
  item.scrollIntoView({ block: "nearest" });
  return target;
}

/** Go on in the list; loads more at its end. @param {number} by @param {string} [part] */
export async function step(by, part) {
  const before = items(), item = currentItem();
  let at = item ? before.indexOf(item) + by : by > 0 ? 0 : before.length - 1;
  if (at >= before.length && (await more())) at = Math.min(at, items().length - 1);
  const all = items();
  const next = all[Math.max(0, Math.min(at, all.length - 1))];
  return next ? focusItem(next, part) : null;
}

/** Columns of the grid that the current item lies in. */
function columns() {
  const grid = (currentItem() ?? items()[0])?.parentElement;
  return grid ? getComputedStyle(grid).gridTemplateColumns.split(" ").length : 1;
}

keys({
  "j": [t("Next"), () => void step(1)],
  "k": [t("Previous"), () => void step(-1)],
  "ArrowRight": [t("Next"), () => void step(1), true],
  "ArrowLeft": [t("Previous"), () => void step(-1), true],
  "ArrowDown": [t("A row down"), () => void step(columns())],
  "ArrowUp": [t("A row up"), () => void step(-columns())],
});
