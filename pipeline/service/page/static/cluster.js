// @ts-check
// One cluster: its name and text, its images, its history.

import { alertOf, api, decide, done, keys, onRefresh, readOnly, refresh, slug, the, undoEvents } from "./common.js";
import { write } from "./conflicts.js";
import { represent, splitOff } from "./decisions.js";
import { ask } from "./dialogs.js";
import { imageActions } from "./images.js";
import { filtersAct, showAgain } from "./lists.js";
import { mergeInto } from "./merge.js";
import { onlyOne, Selection } from "./selection.js";
import { suggestions } from "./suggested.js";
import { quoted, t } from "./words.js";

onRefresh(() => showAgain());
filtersAct();

const head = () => the("head", HTMLElement).dataset;
const id = head().id ?? "";
const nameOf = () => head().name || id;

const selection = new Selection({});
selection.onTiles();
selection.actions = {
  ...imageActions(() => selection.chosen(), () => selection.clear(), [id]),
  split: () => void split(selection.chosen()),
  representative: () => void representative(onlyOne(selection.chosen())),
};

/** @param {string[]} images */
async function split(images) {
  if (images.length && (await splitOff(images, id, nameOf())).length) selection.clear();
}

/** @param {string | undefined} image */
async function representative(image) {
  if (image) await represent(image, id, nameOf());
}

const review = () => decide([{ kind: "review", cluster: id }], t("Reviewed “{name}”.", { name: nameOf() }));

async function merge() {
  const into = await mergeInto({ id, name: head().name ?? "", size: 0 }, { still: true });
  if (into) location.href = `/c/${slug}/cluster/${into}`;
}

async function hide() {
  const active = head().status === "active";
  await decide([{ kind: "status", cluster: id, status: active ? "hidden" : "active" }], active ? t("Hid {what}: not published.", { what: quoted(nameOf()) }) : t("{what} shown again.", { what: quoted(nameOf()) }));
}

async function note() {
  const text = await ask({ title: t("A note on “{name}”", { name: nameOf() }), label: t("For the history"), ok: t("Note") });
  if (text) await decide([{ kind: "note", cluster: id, text }], t("Noted."));
}

async function selectAll() {
  try {
    /** @type {string[]} */
    const ids = [];
    const query = new URLSearchParams([["category", slug], ["cluster", id], ["limit", "1000"]]);
    for (const [name, value] of new FormData(the("filters", HTMLFormElement))) if (value && name !== "order") query.set(name === "words" ? "q" : name, String(value));
    let cursor = "";
    do {
      const page = await api(`/api/v1/images?${query}${cursor ? `&cursor=${cursor}` : ""}`);
      ids.push(...page.items.map((/** @type {{image_id: string}} */ one) => one.image_id));
      cursor = page.cursor ?? "";
    } while (cursor);
    selection.set(ids);
  } catch (error) { alertOf(error); }
}

/** @type {Record<string, () => void>} */
const doing = { review: () => void review(), merge: () => void merge(), hide: () => void hide(), note: () => void note(), "select-all": () => void selectAll() };
document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const action = event.target.closest("[data-do]")?.getAttribute("data-do");
  if (action) doing[action]?.();
  const undo = event.target.closest("[data-undo]")?.getAttribute("data-undo");
  if (undo) void undoEvents([Number(undo)]);
});

/** @param {"name" | "description"} field @param {string} value @param {string} was @param {string} text */
async function change(field, value, was, text) {
  if (value === was) return;
  try {
    const event = await write({ cluster: id, field, value, was, revision: Number(head().revision) });
    if (event) done([event.number], text);
  } catch (error) { alertOf(error); }
  await refresh();
}
let description = described();
function described() { return the("description", HTMLTextAreaElement).defaultValue.trim(); }
document.addEventListener("shown", () => { description = described(); });
document.addEventListener("change", (event) => {
  const field = event.target;
  if (field instanceof HTMLInputElement && field.id === "name") {
    const name = field.value.trim();
    void change("name", name, head().name ?? "", name ? t("Named “{name}”.", { name }) : t("Removed the name."));
  } else if (field instanceof HTMLTextAreaElement && field.id === "description") {
    const text = field.value.trim();
    void change("description", text, description, text ? t("Described.") : t("Removed the description."));
  }
});
document.addEventListener("keydown", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement) || field.id !== "name") return;
  if (event.key === "Enter") field.blur();
  if (event.key === "ArrowRight" && field.value === "" && suggested) { event.preventDefault(); field.setRangeText(suggested, 0, 0, "end"); taken = true; }
});

let suggested = "", taken = false; // what a script wrote into a field makes no change of its own
document.addEventListener("input", () => { taken = false; });
document.addEventListener("focusout", (event) => {
  if (taken) { taken = false; event.target?.dispatchEvent(new Event("change", { bubbles: true })); }
});
/** A name that an unnamed cluster could have stands in the empty field. */
function showSuggestion() {
  const field = the("name", HTMLInputElement);
  if (suggested && !readOnly) field.placeholder = t("{name}? → takes it", { name: suggested });
}
document.addEventListener("shown", showSuggestion);
void suggestions().then((found) => { suggested = found[id] ?? ""; showSuggestion(); });

if (!readOnly) {
  keys({
    "e": [t("Name the cluster"), () => the("name", HTMLInputElement).select()],
    "r": [t("Reviewed"), () => void review()],
    "m": [t("Merge into another"), () => void merge()],
    "s": [t("Split off the selected images"), () => void split(selection.chosen())],
    "p": [t("Use this image as the representative"), () => void representative(onlyOne(selection.chosen()))],
  });
}
keys({ "b": [t("Back to the clusters"), () => { location.href = `/c/${slug}`; }] });
