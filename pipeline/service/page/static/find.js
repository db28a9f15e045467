// @ts-check
// Finding: what looks like an image, a picture that is brought, or words; narrowed, rated, tagged. Without a question
// it is the library through the same filters.

import { actor, alertOf, api, base, decide, keys, made, nameCountries, onRefresh, readOnly, slug, the } from "./common.js";
import { askTag, move, tagImages } from "./decisions.js";
import { ask } from "./dialogs.js";
import { imageActions, tileOf } from "./images.js";
import { currentInSight, list } from "./lists.js";
import { boxText } from "./region.js";
import { saveRanking } from "./ranking.js";
import { idsOf, meet, ratingsIn, keepRatings } from "./ratings.js";
import { clusterRow } from "./search.js";
import { Selection } from "./selection.js";
import { many, manyUnits, num, t } from "./words.js";

/** @typedef {{ kind: "none" } | { kind: "image", id: string, box?: number[] } | { kind: "text", words: string }
 *   | { kind: "upload", file: File, url: string } | { kind: "lost" }} Question lost: a picture that was brought, of which a link knows */

const drop = the("drop", HTMLElement), form = the("filters", HTMLFormElement), found = the("found", HTMLElement);
const start = new URL(location.href).searchParams;
/** @type {Question} */
let question = drop.dataset.image ? { kind: "image", id: drop.dataset.image, ...(drop.dataset.box ? { box: drop.dataset.box.split(",").map(Number) } : {}) }
  : start.get("text") ? { kind: "text", words: start.get("text") ?? "" } : start.has("picture") ? { kind: "lost" } : { kind: "none" };
const rated = ratingsIn(start);
/** @type {Map<string, import("./images.js").Picture>} */
const known = new Map();
let cursor = "", total = 0;
const PAGE = 120, MOST = 1000;

const selection = new Selection({});
selection.onTiles();
selection.actions = imageActions(() => selection.chosen(), () => selection.clear());
onRefresh(() => look({ same: true }));

for (const [name, value] of start) {
  const field = form.elements.namedItem(name);
  if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) {
    if (field instanceof HTMLSelectElement && ![...field.options].some((one) => one.value === value)) field.add(new Option(value, value));
    field.value = value;
  }
}
const rare = document.getElementById("more-filters");
if (rare instanceof HTMLDetailsElement) rare.open = ["camera", "since", "until"].some((name) => start.get(name));
if (question.kind === "text") the("words", HTMLInputElement).value = question.words;

/** @param {string} name */
const value = (name) => String(new FormData(form).get(name) ?? "");

// --- asking -----------------------------------------------------------------------------------------------------------

/** @type {AbortController | undefined} */
let asking;

/**
 * Ask again with everything as it is set, and show the answer. Until it is there, nothing can be done with the results
 * of another question: they are not what the page says that they are.
 * @param {{ same?: boolean }} [options] same: what is shown answers this very question, and stays in use
 */
async function look({ same = false } = {}) {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  showQuestion();
  stateInAddress();
  if (!same) stale();
  list().setAttribute("aria-busy", "true");
  covers(0);
  try {
    if (question.kind !== "none" && (await meet(rated, known))) stateInAddress();
    if (question.kind === "lost") missing();
    else if (question.kind === "none") await browse(signal, same ? Math.min(MOST, Math.max(PAGE, list().children.length)) : PAGE); else await similar(signal);
  } catch (error) {
    if (!signal.aborted) {
      alertOf(error);
      cursor = "";
      show([], 0);
      found.textContent = error instanceof Error ? error.message : "";
    }
  } finally {
    if (!signal.aborted) list().removeAttribute("aria-busy");
  }
}

function stale() {
  list().inert = true;
  selection.bar.hidden = true;
  found.textContent = question.kind === "upload" ? t("Comparing the picture …") : t("Searching …");
}

/** How many images the actions on all results cover; 0 while that is unknown. @param {number} count */
function covers(count) {
  total = count;
  const tagAll = document.getElementById("tag-all"), selectAll = the("select-shown", HTMLButtonElement), off = list().getAttribute("aria-busy") === "true";
  if (tagAll instanceof HTMLButtonElement) {
    tagAll.disabled = off;
    if (!off) { tagAll.hidden = !count; tagAll.textContent = t("Tag all {count}…", { count }); }
  }
  const clusterAll = document.getElementById("cluster-all");
  if (clusterAll instanceof HTMLButtonElement) {
    clusterAll.disabled = off;
    if (!off) { clusterAll.hidden = !count; clusterAll.textContent = t("New cluster from all {count}…", { count }); }
  }
  the("ranking", HTMLElement).hidden = off || !count || question.kind === "none";
  the("exports", HTMLElement).hidden = off || !count || question.kind !== "none"; // a question is no filter that the export knows
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("#exports a"))) {
    const query = filtered(0);
    for (const name of ["category", "limit", "sort"]) query.delete(name);
    query.set("format", link.dataset.form ?? "csv");
    link.href = `${base}/export?${query}`;
  }
  selectAll.disabled = off;
  if (!off) { selectAll.hidden = !count; selectAll.textContent = t("Select all {count}", { count }); }
}

/** @param {AbortSignal} signal */
async function similar(signal) {
  the("fitting", HTMLElement).hidden = true;
  const one = (/** @type {string} */ name) => (value(name) ? [value(name)] : []);
  const liked = idsOf(rated, true), disliked = idsOf(rated, false);
  const floor = Number(value("floor")) / 100;
  const options = {
    ...(question.kind === "image" ? { image_id: question.id, ...(question.box ? { box: question.box } : {}) } : question.kind === "text" ? worded(question.words) : {}),
    top_k: Number(value("top") || 50), min_score: floor > 0 ? floor : -1, liked, disliked,
    filters: {
      categories: [slug], groups: one("group"), clusters: one("cluster"), tags: one("tag"), cameras: one("camera"), states: one("state"), q: value("q"),
      since: value("since") || null, until: value("until") ? `${value("until")}T23:59:59` : null,
    },
  };
  ranked = options;
  const answer = await api("/api/v1/similarity/find", { method: "POST", ...asked(options), signal });
  const tiles = answer.items.map((/** @type {any} */ hit) => rateable(hit.image, hit.score));
  for (const id of disliked) { const image = known.get(id); if (image) tiles.push(rateable(image, null)); }
  show(tiles, answer.items.filter((/** @type {any} */ hit) => !disliked.includes(hit.image.image_id)).length);
  const ratings = liked.length + disliked.length, images = manyUnits(answer.items.length), all = num(answer.searched);
  found.textContent = [ratings ? t("{images} of {all}, ranked with {ratings}", { images, all, ratings: many(ratings, "rating") }) : t("{images} of {all}", { images, all }),
    ...(answer.recall < 1 ? [t("such a search finds {share} % of the true nearest", { share: num(Number((100 * answer.recall).toFixed(1))) })] : [])].join("; ");
  cursor = "";
  nothing(answer.items.length ? "" : t("No image is that similar. Lower the slider, or remove a filter."));
}

/** A link can hold the filters and ratings of a search by a picture, but not the picture. */
function missing() {
  show([], 0);
  found.textContent = "";
  nothing(t("This link was made of a search with a picture that somebody brought. The picture was compared and forgotten, so a link cannot hold it. Bring it again: the filters and ratings of the link are still set."));
}

/** A picture goes along with every question about it: nothing of it is kept. @param {Record<string, unknown>} options */
function asked(options) {
  if (question.kind !== "upload") return { json: options };
  const body = new FormData();
  body.set("file", question.file);
  body.set("options", JSON.stringify(options));
  return { body };
}

/** The filters as a query, for the images that can be decided about: what was rejected has a view of its own.
 *  @param {number} limit @param {string} [from] */
function filtered(limit, from = "") {
  const query = new URLSearchParams([["category", slug], ["limit", String(limit)]]);
  for (const state of value("state") ? [value("state")] : ["clustered", "unclustered"]) query.append("state", state);
  for (const name of ["tag", "group", "cluster", "camera", "since", "until", "q", "sort"]) if (value(name)) query.set(name, value(name));
  if (from) query.set("cursor", from);
  return query;
}

/** @param {AbortSignal} signal @param {number} limit after a decision: as many as were loaded */
async function browse(signal, limit) {
  const page = await api(`/api/v1/images?${filtered(limit)}`, { signal });
  show(page.items.map((/** @type {any} */ image) => remembered(image)), page.total);
  void fitting(signal).catch(alertOf);
  found.textContent = [manyUnits(page.total), ...(value("q") ? [t("with “{words}”", { words: value("q") })] : []), ...(value("tag") ? [t("with the tag “{tag}”", { tag: value("tag") })] : [])].join(" ");
  cursor = page.cursor ?? "";
  nothing(page.total ? "" : t("No image matches these filters."));
}

/** The clusters that the words fit. @param {AbortSignal} [signal] */
async function fitting(signal) {
  const place = the("fitting", HTMLElement), words = value("q").trim();
  const answer = words ? await api(`${base}/search?limit=12&q=${encodeURIComponent(words)}`, { signal }) : { clusters: [] };
  place.hidden = !answer.clusters.length;
  place.replaceChildren(...answer.clusters.map(clusterRow));
}

async function onward() {
  if (!cursor || question.kind !== "none" || list().inert) return;
  const signal = asking?.signal;
  const query = filtered(PAGE, cursor);
  cursor = "";
  const page = await api(`/api/v1/images?${query}`, { signal });
  list().append(...page.items.map((/** @type {any} */ image) => remembered(image)));
  cursor = page.cursor ?? "";
  selection.show();
}
new IntersectionObserver((entries) => { if (entries.some((one) => one.isIntersecting)) onward().catch(alertOf); }, { rootMargin: "800px" })
  .observe(the("more", HTMLElement));

/** @param {import("./images.js").Picture} image @param {string} [mark] */
function remembered(image, mark = image.cluster_name ?? "") {
  known.set(image.image_id, image);
  const tile = tileOf(image, mark);
  if (question.kind === "none") tile.querySelector(".rate")?.remove();
  return tile;
}

/** @param {import("./images.js").Picture} image @param {number | null} score */
function rateable(image, score) {
  const tile = remembered(image, score === null ? t("left out") : score.toFixed(2)), how = rated.get(image.image_id);
  tile.querySelector(".like")?.setAttribute("aria-pressed", String(how?.liked === true));
  tile.querySelector(".dislike")?.setAttribute("aria-pressed", String(how?.liked === false));
  tile.classList.toggle("liked", how?.liked === true);
  if (readOnly) tile.querySelector(".rate")?.remove();
  return tile;
}

/** @param {HTMLElement[]} tiles @param {number} count of all results, loaded or not */
function show(tiles, count) {
  const focused = document.activeElement, id = /** @type {HTMLElement | null} */ (focused?.closest("#list [data-id]"))?.dataset.id;
  const part = focused?.className ?? "";
  list().replaceChildren(...tiles);
  nameCountries(list());
  const anew = list().inert, ids = new Set(shownIds());
  list().inert = false;
  list().removeAttribute("aria-busy");
  covers(count);
  // of another question's results only those that are shown again stay selected
  if (anew || count <= ids.size) selection.set([...selection.ids].filter((id) => ids.has(id))); else selection.show();
  const again = id ? tiles.find((one) => one.dataset.id === id) : undefined;
  if (again && part) /** @type {HTMLElement | null} */ (again.querySelector(`.${part.split(" ")[0]}`))?.focus({ preventScroll: true });
}

/** What is typed, as a query: a word that begins with - is not wanted. @param {string} typed */
function worded(typed) {
  const words = typed.split(/\s+/).filter(Boolean), unwanted = words.filter((word) => /^-./.test(word)).map((word) => word.slice(1));
  const wanted = words.filter((word) => !/^-./.test(word)).join(" ");
  return wanted ? { text: wanted, not_text: unwanted } : { text: typed };
}

/** @param {string} text */
function nothing(text) {
  const place = the("nothing", HTMLElement);
  place.hidden = !text;
  place.replaceChildren(made("p", text));
}

/** What is shown and not left out. */
const shownIds = () => /** @type {HTMLElement[]} */ ([...list().children]).map((one) => one.dataset.id ?? "").filter((id) => rated.get(id)?.liked !== false);

/** What the list shown was asked with. @type {Record<string, unknown>} */
let ranked = {};
the("ranking", HTMLElement).addEventListener("click", (event) => {
  const form = event.target instanceof HTMLElement ? event.target.dataset.ranking : undefined;
  if (form === "csv" || form === "json") void saveRanking(asked({ ...ranked, format: form }), form);
});

// --- the question -----------------------------------------------------------------------------------------------------

function showQuestion() {
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".asked-only"))) one.hidden = question.kind === "none";
  for (const one of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".browsed-only"))) one.hidden = question.kind !== "none";
  the("ask-clear", HTMLElement).hidden = question.kind === "none";
  the("floor-shown", HTMLElement).textContent = `${value("floor")} %`;
  if (question.kind === "none" || question.kind === "image") return;
  const text = made("div");
  text.append(made("b", question.kind === "text" ? `“${question.words}”` : question.kind === "lost" ? t("Like a picture that is not here") : t("Like this picture")));
  if (question.kind !== "lost") text.append(made("p", question.kind === "text" ? t("Images that these words describe") : t("{name}; a link keeps the filters and ratings, not the picture", { name: question.file.name }), "soft"));
  const asked = the("asked", HTMLElement);
  asked.replaceChildren();
  if (question.kind === "upload") {
    const image = document.createElement("img");
    image.src = question.url;
    image.alt = "";
    asked.append(image);
  }
  asked.append(text);
}

function stateInAddress() {
  const url = new URL(location.pathname, location.href);
  if (question.kind === "image") url.searchParams.set("image", question.id);
  if (question.kind === "image" && question.box) url.searchParams.set("box", boxText(question.box));
  if (question.kind === "text") url.searchParams.set("text", question.words);
  if (question.kind === "upload" || question.kind === "lost") url.searchParams.set("picture", "1");
  if (question.kind !== "none") keepRatings(rated, url);
  for (const [name, field] of new FormData(form)) {
    const untouched = (name === "floor" && field === "0") || (name === "top" && field === "50");
    if (field && !untouched) url.searchParams.set(name, String(field));
  }
  const view = new URL(location.href).searchParams.get("view"); // what is seen large stays so
  if (view) url.searchParams.set("view", view);
  for (const name of ["whole", "crop"]) if (new URL(location.href).searchParams.has(name)) url.searchParams.set(name, "1");
  history.replaceState(null, "", url);
}

/** Compare a picture; it is sent for that, and not kept. @param {File | undefined} file */
async function bring(file) {
  if (!file) return;
  if (question.kind !== "lost") rated.clear(); // else it is the picture that the link was made of
  question = { kind: "upload", file, url: URL.createObjectURL(file) };
  await look();
}
the("file", HTMLInputElement).addEventListener("change", (event) => void bring(/** @type {HTMLInputElement} */ (event.target).files?.[0]));
for (const name of ["dragover", "dragenter"]) document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!(event.relatedTarget instanceof Node)) drop.classList.remove("over"); });
document.addEventListener("drop", (event) => { event.preventDefault(); drop.classList.remove("over"); void bring(event.dataTransfer?.files[0]); });
document.addEventListener("paste", (event) => { const file = event.clipboardData?.files[0]; if (file) void bring(file); });
document.getElementById("words-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const words = the("words", HTMLInputElement).value.trim();
  if (!words) return;
  question = { kind: "text", words };
  rated.clear();
  void look();
});

let timer = 0;
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  the("floor-shown", HTMLElement).textContent = `${value("floor")} %`;
  clearTimeout(timer);
  timer = setTimeout(look, event.target instanceof HTMLInputElement ? 150 : 0);
});

// --- rating -----------------------------------------------------------------------------------------------------------

/** Pairs that a rating teaches: with the image that was asked for, else with those that are liked. @param {string} id @param {boolean} same */
function pairs(id, same) {
  const others = question.kind === "image" && !question.box ? [question.id] : [...rated].filter(([other, how]) => how.liked && other !== id).map(([other]) => other).slice(0, 1);
  return others.filter((other) => other !== id).map((other) => ({ kind: "pair", a: other, b: id, same }));
}

/** @param {string} id @param {boolean} liked */
async function rate(id, liked) {
  const before = rated.get(id);
  rated.delete(id);
  if (before?.events.length) for (const number of before.events) await api(`${base}/undo`, { method: "POST", json: { number, actor: actor() } }).catch(alertOf);
  if (before?.liked !== liked) {
    rated.set(id, { liked, events: [] });
    const wanted = pairs(id, liked);
    const kept = wanted.length ? decide(wanted, liked ? t("More like this one.") : t("Not like this one."), { still: true }) : undefined;
    await look({ same: true });
    rated.get(id)?.events.push(...((await kept) ?? []).map((event) => event.number));
    stateInAddress();
    return;
  }
  await look({ same: true });
}
list().addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest(".rate button") : null;
  const id = /** @type {HTMLElement | null} */ (button?.closest("[data-id]"))?.dataset.id;
  if (button && id) void rate(id, button.classList.contains("like"));
});
document.addEventListener("undone", (event) => {
  const numbers = /** @type {CustomEvent<number[]>} */ (event).detail;
  for (const [id, how] of rated) if (how.events.some((one) => numbers.includes(one))) rated.delete(id);
});

/** @param {boolean} liked */
function rateCurrent(liked) {
  if (question.kind === "none" || readOnly) return;
  const id = currentInSight()?.dataset.id;
  if (id) void rate(id, liked);
}

// --- tagging all ------------------------------------------------------------------------------------------------------

document.getElementById("tag-all")?.addEventListener("click", async () => {
  const ids = await everything();
  if (!ids.length) return;
  const tag = await askTag(t("Tag all {images}", { images: manyUnits(ids.length) }));
  if (!tag || !(await tagImages(ids, tag))) return;
  const filter = the("filter-tag", HTMLSelectElement);
  if (![...filter.options].some((one) => one.value === tag)) filter.add(new Option(tag, tag));
});

/** All results: of a question those shown, of filters alone every page. Empty if another question came meanwhile. */
async function everything() {
  if (list().inert) return [];
  if (question.kind !== "none" || total <= shownIds().length) return shownIds();
  const signal = asking?.signal;
  /** @type {string[]} */
  const ids = [];
  try {
    let next = "";
    do {
      const page = await api(`/api/v1/images?${filtered(1000, next)}`, { signal });
      ids.push(...page.items.map((/** @type {any} */ one) => one.image_id));
      next = page.cursor ?? "";
    } while (next);
  } catch (error) {
    alertOf(error);
    return [];
  }
  return [...new Set(ids)];
}
document.getElementById("cluster-all")?.addEventListener("click", async () => {
  const ids = await everything();
  if (!ids.length) return;
  const name = await ask({ title: t("A new cluster from {images}", { images: manyUnits(ids.length) }), label: t("Name of the new cluster"), ok: t("Create"), value: value("q").trim() });
  if (name) await move(ids, { id: null, name });
});
the("select-shown", HTMLElement).addEventListener("click", async () => {
  const ids = await everything();
  if (ids.length) selection.set(ids);
});

keys({
  "+": [t("Like this one"), () => rateCurrent(true)],
  "-": [t("Not like this one"), () => rateCurrent(false)],
});

void look();
