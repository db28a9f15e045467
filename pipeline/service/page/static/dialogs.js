// @ts-check
// Asking for a line of text, and for a cluster.

import { alertOf, api, base, made, the } from "./common.js";
import { calledNow, showName, suggestions } from "./suggested.js";
import { manyUnits, t } from "./words.js";

/** @typedef {{ id: string | null, name: string, unnamed?: boolean }} ClusterChoice with no id: a new cluster of that name; unnamed: the name is what is suggested, or its id */

/** @param {HTMLDialogElement} dialog @returns {Promise<void>} */
function shown(dialog) {
  dialog.returnValue = "cancel";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(), { once: true }));
}
the("ask-cancel", HTMLElement).addEventListener("click", () => the("ask", HTMLDialogElement).close("cancel"));
the("picker-cancel", HTMLElement).addEventListener("click", () => the("picker", HTMLDialogElement).close("cancel"));

/**
 * Ask for one line of text; null when cancelled.
 * @param {{ title: string, text?: string, label: string, value?: string, ok?: string, tags?: boolean, optional?: boolean,
 *   offers?: string[] }} question offers: what a click writes into the line
 */
export async function ask({ title, text = "", label, value = "", ok = "OK", tags = false, optional = false, offers = [] }) {
  const dialog = the("ask", HTMLDialogElement), input = the("ask-input", HTMLInputElement);
  the("ask-title", HTMLElement).textContent = title;
  the("ask-text", HTMLElement).textContent = text;
  the("ask-label", HTMLElement).textContent = label;
  the("ask-ok", HTMLElement).textContent = ok;
  input.value = value;
  input.required = !optional;
  the("ask-offers", HTMLElement).replaceChildren(...offers.map((text) => {
    const button = /** @type {HTMLButtonElement} */ (made("button", text, "chip"));
    button.type = "button";
    button.addEventListener("click", () => { input.value = text; input.focus(); });
    return button;
  }));
  if (tags) input.setAttribute("list", "all-tags"); else input.removeAttribute("list");
  const closed = shown(dialog);
  input.select();
  await closed;
  return dialog.returnValue === "ok" ? input.value.trim() : null;
}

const GUESSED = 5; // clusters that a search adds for what is suggested as their name

/**
 * Clusters without a name whose suggested name has these words, beside those that were found.
 * @param {string} words @param {{ id: string }[]} found @param {AbortSignal} signal
 */
async function suggestedAs(words, found, signal) {
  const wanted = words.trim().toLowerCase();
  if (!wanted) return [];
  const ids = Object.entries(await suggestions()).filter(([id, guess]) => guess.toLowerCase().includes(wanted) && !found.some((one) => one.id === id)).map(([id]) => id);
  const more = await Promise.all(ids.slice(0, GUESSED).map((id) => api(`/api/v1/clusters/${encodeURIComponent(id)}`, { signal }).catch(() => null))); // one may be gone since
  return more.filter((one) => one && !one.name);
}

/**
 * Have a cluster chosen; null when cancelled.
 * @param {string} title
 * @param {string[]} [without] ids that are not offered
 * @param {boolean} [orNew] whether a name that no cluster has may be chosen
 * @returns {Promise<ClusterChoice | null>}
 */
export async function pickCluster(title, without = [], orNew = false) {
  const dialog = the("picker", HTMLDialogElement), input = the("picker-input", HTMLInputElement), list = the("picker-list", HTMLElement);
  the("picker-title", HTMLElement).textContent = title;
  /** @type {ClusterChoice | null} */
  let chosen = null;
  /** @type {AbortController | undefined} */
  let asking;
  // Enter before the answer is there waits for it: what is listed until then answers an older question
  let waiting = true, wanted = false;
  const search = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    waiting = true;
    wanted = false;
    list.setAttribute("aria-busy", "true");
    const query = new URLSearchParams({ limit: "30", q: input.value.trim() });
    if (!input.value.trim()) query.delete("q");
    try {
      const found = await api(`${base}/clusters?${query}`, { signal });
      found.items.push(...await suggestedAs(input.value, found.items, signal));
      if (signal.aborted) return;
      list.replaceChildren(...found.items.filter((/** @type {any} */ one) => !without.includes(one.id)).map(row));
      const name = input.value.trim();
      if (orNew && name && !found.items.some((/** @type {any} */ one) => one.name === name || one.id === name)) list.append(newRow(name));
      list.querySelector("button")?.classList.add("first");
      if (!list.children.length) list.append(made("li", t("No cluster name contains that."), "soft"));
      if (wanted) list.querySelector("button")?.click();
    } catch (error) {
      alertOf(error);
    } finally {
      if (!signal.aborted) { waiting = false; list.removeAttribute("aria-busy"); }
    }
  };
  const row = (/** @type {any} */ one) => {
    const item = made("li"), button = /** @type {HTMLButtonElement} */ (made("button"));
    const image = /** @type {HTMLImageElement} */ (made("img"));
    button.type = "button";
    image.src = `/api/v1/images/${encodeURIComponent(one.representative)}/thumbnail?size=96`;
    image.alt = "";
    const text = made("span"), called = made("span");
    showName(called, one);
    text.append(called, made("small", one.name ? manyUnits(one.size) : t("{images}, unnamed", { images: manyUnits(one.size) })));
    button.append(image, text);
    button.addEventListener("click", () => { chosen = { id: one.id, name: one.name ?? one.id, unnamed: !one.name }; dialog.close("ok"); });
    item.append(button);
    return item;
  };
  const newRow = (/** @type {string} */ name) => {
    const item = made("li"), button = /** @type {HTMLButtonElement} */ (made("button"));
    button.type = "button";
    const sign = made("span", "+", "new-sign");
    sign.setAttribute("aria-hidden", "true");
    const text = made("span", t("New cluster “{name}”", { name }));
    text.append(made("small", t("no other cluster has this name")));
    button.append(sign, text);
    button.addEventListener("click", () => { chosen = { id: null, name }; dialog.close("ok"); });
    item.append(button);
    return item;
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    if (event.key === "Enter" && document.activeElement === input) {
      event.preventDefault();
      if (event.repeat) return;
      if (waiting) wanted = true; else buttons[0]?.click();
    }
    else if (event.key === "ArrowDown") { event.preventDefault(); buttons[Math.min(at + 1, buttons.length - 1)]?.focus(); }
    else if (event.key === "ArrowUp") { event.preventDefault(); (buttons[at - 1] ?? input).focus(); }
  };
  input.value = "";
  list.replaceChildren();
  input.addEventListener("input", search);
  dialog.addEventListener("keydown", onKey);
  void search();
  await shown(dialog);
  input.removeEventListener("input", search);
  dialog.removeEventListener("keydown", onKey);
  asking?.abort();
  const found = /** @type {ClusterChoice | null} */ (chosen);
  return found?.unnamed && found.id ? { ...found, name: await calledNow({ id: found.id }) } : found;
}
