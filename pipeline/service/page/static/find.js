// @ts-check
// Finding: what looks like an image, a picture that is brought, or words; narrowed, rated, tagged. Without a question
// it is the library through the same filters.

import { actor, alertOf, api, base, decide, keys, made, nameCountries, onRefresh, readOnly, the } from "./common.js";
import { actOnAll, covers, shownIds } from "./find_all.js";
import { asked, drop, filtered, form, now, rated, searched, showQuestion, stateInAddress, value } from "./find_query.js";
import { imageActions, tileOf } from "./images.js";
import { currentInSight, list } from "./lists.js";
import { saveRanking } from "./ranking.js";
import { idsOf, meet } from "./ratings.js";
import { clusterRow } from "./search.js";
import { Selection } from "./selection.js";
import { many, manyUnits, num, t } from "./words.js";

const found = the("found", HTMLElement);
/** Every image that was shown. @type {Map<string, import("./images.js").Picture>} */
const known = new Map();
let cursor = "";
const PAGE = 120, MOST = 1000;

const selection = new Selection({});
selection.onTiles();
selection.actions = imageActions(() => selection.chosen(), () => selection.clear());
onRefresh(() => look({ same: true }));
actOnAll(selection, () => asking?.signal);

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
    if (now.question.kind !== "none" && (await meet(rated, known))) stateInAddress();
    if (now.question.kind === "lost") missing();
    else if (now.question.kind === "none") await browse(signal, same ? Math.min(MOST, Math.max(PAGE, list().children.length)) : PAGE); else await similar(signal);
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
  found.textContent = now.question.kind === "upload" ? t("Comparing the picture …") : t("Searching …");
}

/** @param {AbortSignal} signal */
async function similar(signal) {
  the("fitting", HTMLElement).hidden = true;
  const liked = idsOf(rated, true), disliked = idsOf(rated, false), options = searched();
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
  if (!cursor || now.question.kind !== "none" || list().inert) return;
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
  if (now.question.kind === "none") tile.querySelector(".rate")?.remove();
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

/** @param {string} text */
function nothing(text) {
  const place = the("nothing", HTMLElement);
  place.hidden = !text;
  place.replaceChildren(made("p", text));
}

/** What the list shown was asked with. @type {Record<string, unknown>} */
let ranked = {};
the("ranking", HTMLElement).addEventListener("click", (event) => {
  const form = event.target instanceof HTMLElement ? event.target.dataset.ranking : undefined;
  if (form === "csv" || form === "json") void saveRanking(asked({ ...ranked, format: form }), form);
});

/** Compare a picture; it is sent for that, and not kept. @param {File | undefined} file */
async function bring(file) {
  if (!file) return;
  if (now.question.kind !== "lost") rated.clear(); // else it is the picture that the link was made of
  now.question = { kind: "upload", file, url: URL.createObjectURL(file) };
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
  now.question = { kind: "text", words };
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
  const others = now.question.kind === "image" && !now.question.box ? [now.question.id] : [...rated].filter(([other, how]) => how.liked && other !== id).map(([other]) => other).slice(0, 1);
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
  if (now.question.kind === "none" || readOnly) return;
  const id = currentInSight()?.dataset.id;
  if (id) void rate(id, liked);
}

keys({
  "+": [t("Like this one"), () => rateCurrent(true)],
  "-": [t("Not like this one"), () => rateCurrent(false)],
});

void look();
