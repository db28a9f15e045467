// @ts-check
// The map: all images as points, thumbnails as one comes near, colours, lasso, and what can be done with what it caught.

import { alertOf, api, base, keys, onRefresh, slug, the } from "./common.js";
import { grey, palette, tones } from "./colours.js";
import { imageActions } from "./images.js";
import { list } from "./lists.js";
import { readAddress, writeAddress } from "./map_address.js";
import { Labels } from "./map_labels.js";
import { onLegend, showLegend } from "./map_legend.js";
import { Overview } from "./map_overview.js";
import { Regions } from "./map_regions.js";
import { Selection } from "./selection.js";
import { suggestions } from "./suggested.js";
import { inside, NoWebGL, Points } from "./points.js";
import { manyUnits, t } from "./words.js";

/** @typedef {{ id: string, name: string | null, size: number, family?: string | null }} Cluster */
/** @typedef {{ version: string, groups: string[], group: number[], tags: Record<string, number[]> }} Columns */

const THUMBNAILS = 90, FEW = 2500, TILES = 48, NEAR = 8, HOVER_MS = 60;
const stage = the("stage", HTMLElement), canvas = the("points", HTMLCanvasElement), near = the("near", HTMLElement);
const polygon = /** @type {SVGPolygonElement} */ (the("lasso-shape", SVGElement).querySelector("polygon"));
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @type {Points | undefined} */
let points;
/** @type {Labels | undefined} */
let labels;
/** @type {Overview | undefined} */
let overview;
/** @type {Regions | undefined} */
let regions;
/** @type {string[]} */
let ids = [];
/** @type {Int32Array} */
let clusterOf = new Int32Array();
/** @type {Cluster[]} */
let clusters = [];
/** @type {Columns | undefined} */
let columns;
/** @type {Map<string, number>} */
let pointOf = new Map();
/** Points in an order that has nothing to do with where they lie. @type {Uint32Array} */
let rank = new Uint32Array();

const selection = new Selection({});
selection.onTiles();
const caught = () => [...caughtIds];
/** @type {Set<string>} */
let caughtIds = new Set();
selection.actions = { ...imageActions(() => (selection.ids.size ? [...selection.ids] : caught()), () => choose([])) };
selection.bar.addEventListener("click", (event) => { if (event.target instanceof Element && event.target.closest("[data-action=clear]")) choose([]); });
document.addEventListener("selected", () => {
  if (!points) return;
  const chosen = new Uint8Array(points.n);
  for (const id of selection.ids) { const i = pointOf.get(id); if (i !== undefined) chosen[i] = 1; }
  points.choose(chosen);
});

// --- fetching ---------------------------------------------------------------------------------------------------------

async function load() {
  const answer = await fetch(`${base}/map?format=binary`);
  if (!answer.ok) throw new Error(t("The map is unavailable: {status}.", { status: String(answer.status) }));
  const data = await answer.arrayBuffer(), view = new DataView(data);
  const length = view.getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 8, length)));
  const n = head.count, at = 8 + length;
  clusters = head.clusters;
  clusterOf = new Int32Array(data, at + 8 * n, n);
  const bytes = new Uint8Array(data, at + 12 * n, 8 * n);
  const hex = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
  ids = Array.from({ length: n }, (_, i) => {
    let id = "";
    for (let k = 0; k < 8; k++) id += hex[bytes[8 * i + k] ?? 0];
    return id;
  });
  pointOf = new Map(ids.map((id, i) => [id, i]));
  rank = Uint32Array.from({ length: n }, (_, i) => Math.imul(i + 1, 2654435761) >>> 0);
  const held = (points ??= new Points(canvas, moved));
  regions ??= new Regions(the("regions", SVGElement), held);
  labels ??= new Labels(the("labels", HTMLElement), held);
  held.set(new Float32Array(data, at, n), new Float32Array(data, at + 4 * n, n));
  overview ??= new Overview(the("overview", HTMLCanvasElement), held);
  stage.dataset.points = String(n);
  the("map-found", HTMLElement).textContent = n ? manyUnits(n) : t("No image has a place on the map yet. Run the category first.");
  near.replaceChildren();
  shown.clear();
  await paint();
}

/** The image that an address names: in the middle, near, and marked. @param {string | null} id */
function goTo(id) {
  const i = pointOf.get(id ?? "");
  if (i === undefined || !points || !id) return;
  here = i;
  points.goTo(i, NEAR);
}
/** The point that is marked as “you are here”. @type {number | null} */
let here = null;

/** After a decision: the same places, other clusters. */
onRefresh(async () => {
  columns = undefined;
  const kept = [...caughtIds];
  await load();
  choose(kept.filter((id) => pointOf.has(id)));
});

// --- colours ----------------------------------------------------------------------------------------------------------

/** Names of clusters that people gave none, as the file names suggest them. @type {Record<string, string>} */
let suggested = {};

/** What a cluster is called: its name, else what is suggested, else its number by size. @param {number} k */
function nameOf(k) {
  const cluster = clusters[k], guess = suggested[cluster?.id ?? ""];
  return cluster?.name ?? (guess ? `${guess}?` : t("cluster {number}", { number: k + 1 }));
}

async function paint() {
  if (!points) return;
  const by = the("colour", HTMLSelectElement).value, held = points;
  if (by !== "cluster") columns ??= await api(`/c/${slug}/map/columns`);
  const colours = new Uint8Array(4 * held.n), none = grey(dark.matches), colourOf = palette(dark.matches);
  const tagged = by.startsWith("tag:") ? new Set(columns?.tags[by.slice(4)] ?? []) : undefined;
  const names = tagged ? [by.slice(4)] : by === "group" ? (columns?.groups ?? []).map((one) => (/^[a-z]{2}$/i.test(one) ? one.toUpperCase() : one)) : clusters.map((_, k) => nameOf(k));
  const kinds = Int32Array.from({ length: held.n }, (_, i) => {
    const k = tagged ? (tagged.has(i) ? 0 : -1) : by === "group" ? columns?.group[i] ?? -1 : clusterOf[i] ?? -1;
    return k < names.length ? k : -1;
  });
  const tone = by === "cluster" ? tones(clusters) : names.map((_, k) => k);
  const colourAt = (/** @type {number} */ k) => colourOf[(tone[k] ?? k) % colourOf.length] ?? none;
  const counts = new Uint32Array(names.length + 1);
  kinds.forEach((k, i) => {
    const [r, g, b] = k < 0 ? none : colourAt(k), at = k < 0 ? names.length : k;
    counts[at] = (counts[at] ?? 0) + 1;
    colours[4 * i] = r; colours[4 * i + 1] = g; colours[4 * i + 2] = b; colours[4 * i + 3] = k < 0 ? 130 : 225;
  });
  held.paint(colours);
  overview?.paint();
  const families = clusters.map((one) => one.family ?? null), button = the("families", HTMLElement), on = localStorage.getItem("families") === "on";
  button.hidden = by !== "cluster" || new Set(families.filter(Boolean)).size === 0;
  button.setAttribute("aria-pressed", String(on));
  regions?.set(on && !button.hidden ? families : [], clusterOf, colourOf);
  const of = (/** @type {number} */ wanted) => ids.map((_, i) => i).filter((i) => kinds[i] === wanted);
  const rest = tagged ? t("without the tag") : by === "group" ? t("No {group}", { group: document.body.dataset.groupLabel ?? "folder" }) : t("unclustered");
  const entries = names.map((label, k) => ({ label, colour: colourAt(k), count: counts[k] ?? 0, points: () => of(k) }));
  showLegend([...entries, { label: rest, colour: none, count: counts[names.length] ?? 0, points: () => of(-1) }].filter((one) => one.count));
  labels?.set(names.map((text, k) => ({ text, sure: by !== "cluster" || clusters[k]?.name != null })), kinds);
}
the("families", HTMLElement).addEventListener("click", () => {
  localStorage.setItem("families", localStorage.getItem("families") === "on" ? "off" : "on");
  void paint().catch(alertOf);
});
onLegend((found) => choose(found.map((i) => ids[i] ?? "")));
the("colour", HTMLElement).addEventListener("change", () => void paint().catch(alertOf));
dark.addEventListener("change", () => void paint().catch(alertOf));

suggestions().then((found) => { suggested = found; return paint(); }).catch(alertOf);

// --- thumbnails -------------------------------------------------------------------------------------------------------

/** @type {Map<number, HTMLImageElement>} */
const shown = new Map();
let thumbnailTimer = 0, side = 0;

/** After each frame: thumbnails go along at once, and are chosen anew when the map rests. */
function moved() {
  for (const [i, image] of shown) put(i, image);
  labels?.move();
  regions?.move();
  overview?.frame();
  hidePreview();
  writeAddress(points);
  const mark = the("here", HTMLElement);
  mark.hidden = here === null;
  if (here !== null && points) { const [x, y] = points.screen(here); mark.style.transform = `translate(${x}px, ${y}px)`; }
  clearTimeout(thumbnailTimer);
  thumbnailTimer = setTimeout(() => { thumbnails(); labels?.choose(); }, 120);
}

/** @param {number} i @param {HTMLImageElement} image */
function put(i, image) {
  if (!points) return;
  const [x, y] = points.screen(i);
  image.style.transform = `translate(${x - side / 2}px, ${y - side / 2}px)`;
}

/** Thumbnails that do not cover one another, and only where few enough points are in view. */
function thumbnails() {
  if (!points) return;
  const inView = [...points.within(0, 0, points.width, points.height)];
  /** @type {number[]} */
  const wanted = [];
  if (inView.length <= FEW) {
    side = Math.round(Math.min(104, Math.max(44, 0.62 * Math.sqrt((points.width * points.height) / Math.max(1, inView.length)))));
    /** @type {Map<number, [number, number]>} */
    const taken = new Map();
    const across = Math.ceil(points.width / side) + 3;
    for (const i of inView.sort((a, b) => (rank[a] ?? 0) - (rank[b] ?? 0))) {
      const [x, y] = points.screen(i), cell = Math.floor(x / side) + 1 + across * (Math.floor(y / side) + 1);
      const free = [-across - 1, -across, -across + 1, -1, 0, 1, across - 1, across, across + 1].every((by) => {
        const other = taken.get(cell + by);
        return !other || Math.abs(other[0] - x) >= side || Math.abs(other[1] - y) >= side;
      });
      if (!free) continue;
      taken.set(cell, [x, y]);
      wanted.push(i);
      if (wanted.length === THUMBNAILS) break;
    }
  }
  const keep = new Set(wanted);
  for (const [i, image] of shown) if (!keep.has(i)) { image.remove(); shown.delete(i); }
  for (const i of wanted) {
    const image = shown.get(i) ?? thumbnail(i);
    image.style.width = image.style.height = `${side}px`;
    image.style.borderColor = `rgb(${[0, 1, 2].map((k) => points?.colours[4 * i + k] ?? 0).join(" ")})`;
    image.classList.toggle("selected", caughtIds.has(ids[i] ?? ""));
    put(i, image);
  }
}

/** Seen once it is there: until then its point is. @param {number} i */
function thumbnail(i) {
  const image = document.createElement("img");
  image.alt = "";
  image.decoding = "async";
  image.addEventListener("load", () => image.classList.add("ready"));
  image.src = `/api/v1/images/${ids[i]}/thumbnail?size=128`;
  shown.set(i, image);
  near.append(image);
  return image;
}

// --- choosing ---------------------------------------------------------------------------------------------------------

/** @param {string[]} wanted */
function choose(wanted) {
  caughtIds = new Set(wanted);
  selection.set(wanted);
  thumbnails();
  void showTiles(wanted).catch(alertOf);
}

/** @param {string[]} wanted */
async function showTiles(wanted) {
  const place = list(), title = the("picked-title", HTMLElement), caught = caughtIds;
  title.hidden = !wanted.length;
  title.textContent = t("Selected: {images}", { images: manyUnits(wanted.length) });
  the("picked-more", HTMLElement).textContent = wanted.length > TILES ? t("The first {count} are shown; actions apply to all.", { count: TILES }) : "";
  if (!wanted.length) { place.replaceChildren(); return; }
  const query = wanted.slice(0, TILES).map((id) => `id=${id}`).join("&");
  const answer = await fetch(`/c/${slug}/tiles?${query}`);
  if (!answer.ok) throw new Error(t("The selected images cannot be shown: {status}.", { status: String(answer.status) }));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (caughtIds === caught) place.replaceChildren(...fresh.querySelectorAll(".tile"));
  selection.show();
}

/** @param {[number, number][]} corners on the canvas */
function catchWithin(corners) {
  if (!points || corners.length < 3) return;
  const xs = corners.map(([x]) => x), ys = corners.map(([, y]) => y), held = points;
  const found = [...points.within(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys))].filter((i) => inside(corners, ...held.screen(i)));
  choose(found.map((i) => ids[i] ?? ""));
}

// --- a look at what is pointed at --------------------------------------------------------------------------------------

const preview = the("preview", HTMLElement);
let hoverTimer = 0;
/** @param {PointerEvent} event */
function hover(event) {
  clearTimeout(hoverTimer);
  const place = on(event);
  hoverTimer = setTimeout(() => {
    const i = points?.nearest(...place, Math.max(10, side / 2)) ?? null;
    if (i === null || !points) { hidePreview(); return; }
    const image = the("preview-image", HTMLImageElement), address = `/api/v1/images/${ids[i]}/thumbnail?size=256`;
    if (!image.src.endsWith(address)) image.src = address;
    the("preview-text", HTMLElement).textContent = (clusterOf[i] ?? -1) < 0 ? t("unclustered") : nameOf(clusterOf[i] ?? 0);
    preview.style.left = `${Math.max(4, Math.min(place[0] + 16, points.width - 180))}px`;
    preview.style.top = `${Math.max(4, Math.min(place[1] + 16, points.height - 210))}px`;
    preview.hidden = false;
  }, HOVER_MS);
}
function hidePreview() { clearTimeout(hoverTimer); preview.hidden = true; }
canvas.addEventListener("pointerleave", hidePreview);

// --- pointers ---------------------------------------------------------------------------------------------------------

let lassoing = false;
/** @param {boolean} on */
function lassoMode(on) {
  lassoing = on;
  the("lasso", HTMLElement).setAttribute("aria-pressed", String(on));
  stage.classList.toggle("lassoing", on);
}
the("lasso", HTMLElement).addEventListener("click", () => lassoMode(!lassoing));

/** @type {Map<number, { x: number, y: number }>} */
const down = new Map();
/** @type {[number, number][] | null} */
let drawn = null;
let travelled = 0;
/** @param {PointerEvent | WheelEvent} event @returns {[number, number]} */
const on = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  down.set(event.pointerId, { x: event.clientX, y: event.clientY });
  travelled = 0;
  drawn = down.size === 1 && (lassoing || event.shiftKey) ? [on(event)] : null;
});
canvas.addEventListener("pointermove", (event) => {
  const last = down.get(event.pointerId);
  if (!last && event.pointerType === "mouse") hover(event);
  if (!last || !points) return;
  const dx = event.clientX - last.x, dy = event.clientY - last.y;
  travelled += Math.hypot(dx, dy);
  if (drawn) {
    drawn.push(on(event));
    polygon.setAttribute("points", drawn.map((one) => one.join(",")).join(" "));
  } else if (down.size === 1) {
    points.pan(dx, dy);
  } else {
    const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      const before = Math.hypot(last.x - other.x, last.y - other.y), after = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      const box = canvas.getBoundingClientRect();
      points.pan(dx / 2, dy / 2);
      points.zoomBy(after / Math.max(1, before), (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
    }
  }
  down.set(event.pointerId, { x: event.clientX, y: event.clientY });
});
const up = (/** @type {PointerEvent} */ event) => {
  if (!down.delete(event.pointerId)) return;
  polygon.setAttribute("points", "");
  if (drawn && travelled > 12) catchWithin(drawn);
  else if (travelled < 5 && points) {
    const i = points.nearest(...on(event), Math.max(10, side / 2)), id = i === null ? undefined : ids[i];
    if (id === undefined) choose([]);
    else choose(event.shiftKey || event.ctrlKey ? [...caughtIds].filter((one) => one !== id).concat(caughtIds.has(id) ? [] : [id]) : [id]);
  }
  drawn = null;
};
canvas.addEventListener("pointerup", up);
canvas.addEventListener("pointercancel", up);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const step = event.deltaMode === 1 ? 30 * event.deltaY : event.deltaY;
  points?.zoomBy(Math.exp(-Math.max(-200, Math.min(200, step)) / 320), ...on(event));
}, { passive: false });
the("zoom-in", HTMLElement).addEventListener("click", () => points?.zoomBy(1.6));
the("zoom-out", HTMLElement).addEventListener("click", () => points?.zoomBy(1 / 1.6));
the("whole", HTMLElement).addEventListener("click", () => points?.whole());

/** On the canvas the arrows move it. @param {number} dx @param {number} dy */
canvas.addEventListener("keydown", (event) => {
  const by = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] })[event.key];
  if (by) { event.preventDefault(); points?.pan(...by); }
});
keys({
  "l": [t("Lasso (or shift and drag)"), () => lassoMode(!lassoing)],
  "+": [t("Zoom in"), () => points?.zoomBy(1.6)],
  "-": [t("Zoom out"), () => points?.zoomBy(1 / 1.6)],
  "0": [t("The whole map"), () => points?.whole()],
  "Escape": [t("Clear the selection"), () => choose([])],
});

const fromAddress = () => {
  goTo(new URL(location.href).searchParams.get("image"));
  if (points && readAddress(points)) void paint().catch(alertOf);
};
the("colour", HTMLElement).addEventListener("change", () => writeAddress(points));

load().then(fromAddress).catch((error) => {
  if (!(error instanceof NoWebGL)) { alertOf(error); return; }
  const said = the("map-said", HTMLElement);
  said.hidden = false;
  said.textContent = error.message;
});
