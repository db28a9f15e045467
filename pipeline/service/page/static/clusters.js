// @ts-check
// The wall: naming in place, merging, reviewing, hiding.

import { alertOf, decide, done, keys, onRefresh, readOnly } from "./common.js";
import { write } from "./conflicts.js";
import { currentItem, filtersAct, focusItem, items, list, showAgain, step } from "./lists.js";
import { mergeInto, mergeThem } from "./merge.js";
import { Selection } from "./selection.js";
import { suggestions as asked } from "./suggested.js";
import { many, quoted, t } from "./words.js";

onRefresh(() => showAgain());
filtersAct();

const selection = new Selection({ merge: () => void merge(), review: () => void review(), hide: () => void hide() });
list().addEventListener("click", (event) => {
  const box = event.target;
  if (box instanceof HTMLInputElement && box.type === "checkbox") {
    const item = items().find((one) => one.contains(box));
    if (item) selection.toggle(item, event.shiftKey);
  }
});

/** @param {string[]} ids */
const cards = (ids) => items().filter((one) => ids.includes(one.dataset.id ?? ""));
/** @param {HTMLElement | undefined} card */
const nameOf = (card) => card?.dataset.name || card?.dataset.id || "";

// --- names ------------------------------------------------------------------------------------------------------------

/** @type {Record<string, string>} */
let suggestions = {};

/** Name a card; what it says is stored without waiting. @param {HTMLInputElement} input */
async function nameIt(input) {
  const card = /** @type {HTMLElement | null} */ (input.closest("[data-id]"));
  const id = card?.dataset.id, name = input.value.trim(), was = card?.dataset.name ?? "";
  if (!card || !id || name === was || readOnly) { input.value = was; return; }
  card.dataset.name = name;
  showSuggestion(card);
  try {
    const event = await write({ cluster: id, field: "name", value: name, was, revision: Number(card.dataset.revision) });
    if (!event) return; // somebody was quicker: what they did is shown, with the choice
    seen([event]);
    input.value = card.dataset.name = event.decision.name ?? "";
    input.classList.add("saved");
    setTimeout(() => input.classList.remove("saved"), 900);
    count(was, card.dataset.name ?? "");
    done([event.number], name ? t("Named “{name}”.", { name: event.decision.name }) : t("Removed the name."));
  } catch (error) {
    card.dataset.name = was;
    input.value = was;
    alertOf(error);
  }
}

/** What this tab decided is no reason to refuse its next decision. @param {any[]} events */
function seen(events) {
  for (const { number, decision } of events) {
    for (const card of cards([decision.cluster ?? ""])) card.dataset.revision = String(number);
  }
}

/** Keep the number of unnamed ones true. @param {string} was @param {string} is */
function count(was, is) {
  const place = document.getElementById("unnamed-count");
  if (place && !was !== !is) place.textContent = String(Number(place.textContent) + (is ? -1 : 1));
}

list().addEventListener("keydown", (event) => {
  const input = event.target;
  if (!(input instanceof HTMLInputElement) || !input.matches("input.name")) return;
  const card = /** @type {HTMLElement} */ (input.closest("[data-id]"));
  if (event.key === "Enter") {
    event.preventDefault();
    void nameIt(input);
    void step(event.shiftKey ? -1 : 1, "input.name").then((next) => { if (next instanceof HTMLInputElement) next.select(); });
  } else if (event.key === "Escape") {
    event.preventDefault();
    input.value = card.dataset.name ?? "";
    focusItem(card);
  } else if (event.key === "ArrowRight" && input.value === "" && suggestions[card.dataset.id ?? ""]) {
    event.preventDefault();
    input.value = suggestions[card.dataset.id ?? ""] ?? "";
  }
});
list().addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.matches("input.name")) void nameIt(event.target);
});
list().addEventListener("click", (event) => {
  const chip = event.target instanceof Element ? event.target.closest(".suggestion") : null;
  const card = /** @type {HTMLElement | null} */ (chip?.closest("[data-id]") ?? null);
  const input = /** @type {HTMLInputElement | null} */ (card?.querySelector("input.name") ?? null);
  if (!card || !input) return;
  input.value = suggestions[card.dataset.id ?? ""] ?? "";
  input.focus();
});

/** @param {HTMLElement} card */
function showSuggestion(card) {
  const suggested = suggestions[card.dataset.id ?? ""], chip = /** @type {HTMLElement | null} */ (card.querySelector(".suggestion"));
  const input = /** @type {HTMLInputElement | null} */ (card.querySelector("input.name"));
  if (!chip || !input) return;
  chip.hidden = !suggested || !!card.dataset.name || readOnly;
  chip.textContent = t("Use “{name}”", { name: suggested ?? "" });
}
const showSuggestions = () => items().forEach(showSuggestion);
document.addEventListener("shown", showSuggestions);
void asked().then((found) => { suggestions = found; showSuggestions(); });

// --- decisions about clusters -----------------------------------------------------------------------------------------

async function merge() {
  const parts = cards(selection.chosen()).map(({ dataset }) => {
    const id = dataset.id ?? "";
    return { id, name: dataset.name ?? "", size: Number(dataset.size), suggested: suggestions[id] ?? "" };
  });
  const [first] = parts;
  if (first && (parts.length > 1 ? await mergeThem(parts) : await mergeInto(first))) selection.clear();
}

async function review() {
  const ids = selection.chosen();
  if (!ids.length) return;
  selection.clear();
  seen(await decide(ids.map((cluster) => ({ kind: "review", cluster })), t("Reviewed {what}.", { what: ids.length === 1 ? quoted(nameOf(cards(ids)[0])) : many(ids.length, "cluster") })));
}

async function hide() {
  const ids = selection.chosen(), shown = cards(ids).some((one) => one.dataset.status === "active");
  if (!ids.length) return;
  selection.clear();
  const what = ids.length === 1 ? quoted(nameOf(cards(ids)[0])) : many(ids.length, "cluster");
  seen(await decide(ids.map((cluster) => ({ kind: "status", cluster, status: shown ? "hidden" : "active" })), shown ? t("Hid {what}: not published.", { what }) : t("{what} shown again.", { what })));
}

keys({
  "Enter": [t("Open"), () => { /** @type {HTMLElement | null | undefined} */ (currentItem()?.querySelector(".open"))?.click(); }],
  ...(readOnly ? {} : {
    "e": /** @type {[string, () => void]} */ ([t("Name it; Enter goes on to the next, → takes the suggestion"), () => {
      const item = currentItem() ?? items()[0], input = item && focusItem(item, "input.name");
      if (input instanceof HTMLInputElement) input.select();
    }]),
    "r": /** @type {[string, () => void]} */ ([t("Reviewed"), () => void review()]),
    "m": /** @type {[string, () => void]} */ ([t("Merge the selected, or this one into another"), () => void merge()]),
    "x": /** @type {[string, () => void]} */ ([t("Hide, or show again"), () => void hide()]),
  }),
});

