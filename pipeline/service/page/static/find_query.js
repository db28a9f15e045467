// @ts-check
// What is asked in Find: the question (an image, a picture that is brought, words), the filters, the ratings, and all of
// it in the address. Not here: asking and showing (find.js).

import { made, slug, the } from "./common.js";
import { boxText } from "./region.js";
import { idsOf, keepRatings, ratingsIn } from "./ratings.js";
import { quoted, t } from "./words.js";

/** @typedef {{ kind: "none" } | { kind: "image", id: string, box?: number[] } | { kind: "text", words: string }
 *   | { kind: "upload", file: File, url: string } | { kind: "lost" }} Question lost: a picture that was brought, of which a link knows */

export const drop = the("drop", HTMLElement);
export const form = the("filters", HTMLFormElement);
const start = new URL(location.href).searchParams;
/** The question that is asked now. @type {{ question: Question }} */
export const now = { question: drop.dataset.image ? { kind: "image", id: drop.dataset.image, ...(drop.dataset.box ? { box: drop.dataset.box.split(",").map(Number) } : {}) }
  : start.get("text") ? { kind: "text", words: start.get("text") ?? "" } : start.has("picture") ? { kind: "lost" } : { kind: "none" } };
export const rated = ratingsIn(start);

for (const [name, value] of start) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) {
    if (field instanceof HTMLSelectElement && ![...field.options].some((one) => one.value === value)) field.add(new Option(value, value));
    field.value = value;
  }
}
const rare = document.getElementById("more-filters");
if (rare instanceof HTMLDetailsElement) rare.open = ["camera", "since", "until"].some((name) => start.get(name));
if (now.question.kind === "text") the("words", HTMLInputElement).value = now.question.words;

/** What a filter is set to. @param {string} name */
export const value = (name) => String(new FormData(form).get(name) ?? "");

/** What is typed, as a query: a word that begins with - is not wanted. @param {string} typed */
function worded(typed) {
  const words = typed.split(/\s+/).filter(Boolean), unwanted = words.filter((word) => /^-./.test(word)).map((word) => word.slice(1));
  const wanted = words.filter((word) => !/^-./.test(word)).join(" ");
  return wanted ? { text: wanted, not_text: unwanted } : { text: typed };
}

/** The search for what looks like the question, with filters and ratings. */
export function searched() {
  const one = (/** @type {string} */ name) => (value(name) ? [value(name)] : []);
  const liked = idsOf(rated, true), disliked = idsOf(rated, false);
  const floor = Number(value("floor")) / 100;
  return {
    ...(now.question.kind === "image" ? { image_id: now.question.id, ...(now.question.box ? { box: now.question.box } : {}) } : now.question.kind === "text" ? worded(now.question.words) : {}),
    top_k: Number(value("top") || 50), min_score: floor > 0 ? floor : -1, liked, disliked,
    filters: {
      categories: [slug], groups: one("group"), clusters: one("cluster"), tags: one("tag"), cameras: one("camera"), states: one("state"), q: value("q"),
      since: value("since") || null, until: value("until") ? `${value("until")}T23:59:59` : null,
    },
  };
}

/** A picture goes along with every question about it: nothing of it is kept. @param {Record<string, unknown>} options */
export function asked(options) {
  if (now.question.kind !== "upload") return { json: options };
  const body = new FormData();
  body.set("file", now.question.file);
  body.set("options", JSON.stringify(options));
  return { body };
}

/** The filters as a query, for the images that can be decided about: what was rejected has a view of its own.
 *  @param {number} limit @param {string} [from] */
export function filtered(limit, from = "") {
  const query = new URLSearchParams([["category", slug], ["limit", String(limit)]]);
  for (const state of value("state") ? [value("state")] : ["clustered", "unclustered"]) query.append("state", state);
  for (const name of ["tag", "group", "cluster", "camera", "since", "until", "q", "sort"]) if (value(name)) query.set(name, value(name));
  if (from) query.set("cursor", from);
  return query;
}

// --- the question -----------------------------------------------------------------------------------------------------

/** Show what is asked. */
export function showQuestion() {
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".asked-only"))) one.hidden = now.question.kind === "none";
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".browsed-only"))) one.hidden = now.question.kind !== "none";
  the("ask-clear", HTMLElement).hidden = now.question.kind === "none";
  the("floor-shown", HTMLElement).textContent = `${value("floor")} %`;
  if (now.question.kind === "none" || now.question.kind === "image") return;
  const text = made("div");
  text.append(made("b", now.question.kind === "text" ? quoted(now.question.words) : now.question.kind === "lost" ? t("Like a picture that is not here") : t("Like this picture")));
  if (now.question.kind !== "lost") text.append(made("p", now.question.kind === "text" ? t("Images that these words describe") : t("{name}; a link keeps the filters and ratings, not the picture", { name: now.question.file.name }), "soft"));
  const asked = the("asked", HTMLElement);
  asked.replaceChildren();
  if (now.question.kind === "upload") {
    const image = document.createElement("img");
    image.src = now.question.url;
    image.alt = "";
    asked.append(image);
  }
  asked.append(text);
}

/** The address says what is asked and how it is narrowed. */
export function stateInAddress() {
  const url = new URL(location.pathname, location.href);
  if (now.question.kind === "image") url.searchParams.set("image", now.question.id);
  if (now.question.kind === "image" && now.question.box) url.searchParams.set("box", boxText(now.question.box));
  if (now.question.kind === "text") url.searchParams.set("text", now.question.words);
  if (now.question.kind === "upload" || now.question.kind === "lost") url.searchParams.set("picture", "1");
  if (now.question.kind !== "none") keepRatings(rated, url);
  for (const [name, field] of new FormData(form)) {
    const untouched = (name === "floor" && field === "0") || (name === "top" && field === "50");
    if (field && !untouched) url.searchParams.set(name, String(field));
  }
  const view = new URL(location.href).searchParams.get("view"); // what is seen large stays so
  if (view) url.searchParams.set("view", view);
  for (const name of ["whole", "crop"]) if (new URL(location.href).searchParams.has(name)) url.searchParams.set(name, "1");
  history.replaceState(null, "", url);
}
