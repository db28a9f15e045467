// @ts-check
// The large view: one picture at full size from the source, alone or beside another one, with what the camera
// recorded and with the keys of decisions, on every page. What can be decided is in decisions.js; what is listed is the
// page's.

import { alertOf, api, made, slug, the, undoLast } from "./common.js";
import { decisionsOn } from "./decisions.js";
import { freshTiles, items, more, setCurrent } from "./lists.js";
import { boxInWords, outline, placeOutlines } from "./outlines.js";
import { drawsOn, toggleDrawing } from "./region.js";
import { showName } from "./suggested.js";
import { together, Zoom } from "./zoom.js";
import { t } from "./words.js";

/** @typedef {DOMStringMap} Facts the data of a tile */

const dialog = the("viewer", HTMLDialogElement), other = the("viewer-other", HTMLElement);
const label = document.body.dataset.groupLabel ?? "folder", groupLabel = label.charAt(0).toUpperCase() + label.slice(1);
const zoom = new Zoom(the("viewer-frame", HTMLElement), the("viewer-image", HTMLImageElement),
  (text) => { the("viewer-zoom", HTMLElement).textContent = text; placeOutlines(); drawing.place(); });
const otherZoom = new Zoom(other, the("viewer-other-image", HTMLImageElement), () => {});
together(zoom, otherZoom);
const drawing = drawsOn(() => seen);

/** What is seen: the data of its tile. @type {Facts | null} */
let seen = null;
/** Where it is in the list, and whether it is in there at all: an address may name any picture. */
let at = 0, listed = false;
/** @type {import("./decisions.js").Decision[]} */
let offered = [];
/** @type {"" | "face" | "held"} */
let beside = "";
/** The picture that was held to compare others with. @type {{ id: string, key: string } | null} */
let held = null;
/** @type {AbortController | undefined} */
let asking;

new ResizeObserver(() => { placeOutlines(); drawing.place(); }).observe(the("viewer-frame", HTMLElement)); // full screen, too

/** The list at hand, as it is now. */
const row = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("#list .tile[data-id]")]);
const original = (/** @type {string} */ id, form = "original") => `/api/v1/images/${encodeURIComponent(id)}/${form}`;
/** Of an object, whether its crop is seen and not the whole image; stands in the address. */
let cropped = new URL(location.href).searchParams.has("crop");
/** The picture that is to be drawn on when it is there. */
let toDraw = "";
function toggleCrop() {
  if (!seen?.box) return;
  cropped = !cropped;
  drawing.end();
  inAddress(seen.id ?? null);
  picture("viewer-image", seen.id ?? "", seen.key ?? "", seen.hash ?? "", zoom);
}

/** Draw on the whole image; where its crop is seen, the whole is shown first. */
function draw() {
  if (!cropped || !seen?.box) { toggleDrawing(); return; }
  toDraw = seen.id ?? "";
  toggleCrop();
}

/** @param {HTMLElement | null} item a tile, or what holds one */
export function openViewer(item) {
  const tile = item?.matches(".tile") ? item : /** @type {HTMLElement | null} */ (item?.querySelector(".tile") ?? null);
  if (!tile?.dataset.id) return;
  show(tile.dataset);
  if (dialog.open) return;
  dialog.showModal();
  dialog.append(the("toasts", HTMLElement), the("alerts", HTMLElement)); // what lies outside of a dialog cannot be used
}

/** Open the picture that an address names, from the list or else alone. */
async function openNamed() {
  const id = new URL(location.href).searchParams.get("view");
  if (!id || !slug) return;
  const there = row().find((one) => one.dataset.id === id);
  if (there) { openViewer(there); return; }
  openViewer((await freshTiles([id]))[0] ?? null);
}

/** @param {string | null} id */
function inAddress(id) {
  const url = new URL(location.href);
  if (id) url.searchParams.set("view", id); else url.searchParams.delete("view");
  if (id && cropped) url.searchParams.set("crop", "1"); else url.searchParams.delete("crop");
  history.replaceState(null, "", url);
}

/** @param {Facts} data */
function show(data) {
  const changed = seen?.id !== data.id;
  seen = { ...data };
  const place = row().findIndex((one) => one.dataset.id === data.id);
  listed = place >= 0;
  if (listed) at = place;
  inAddress(data.id ?? null);
  if (changed) drawing.end();
  outline(seen);
  if (changed) picture("viewer-image", data.id ?? "", data.key ?? "", data.hash ?? "", zoom);
  the("viewer-key", HTMLElement).textContent = data.key ?? "";
  the("viewer-place", HTMLElement).textContent = place < 0 ? "" : t("{place} of {count} loaded", { place: place + 1, count: row().length });
  const id = encodeURIComponent(data.id ?? "");
  the("viewer-map", HTMLAnchorElement).href = `/c/${slug}/map?image=${id}`;
  the("viewer-original", HTMLAnchorElement).href = original(data.id ?? "");
  for (const name of ["viewer-previous", "viewer-next"]) the(name, HTMLElement).hidden = !row().some((one) => one.dataset.id !== data.id); // nowhere to go
  facts([]);
  offer();
  asking?.abort();
  asking = new AbortController();
  void camera(data.id ?? "", asking.signal).catch(alertOf);
  void showBeside(asking.signal).catch(alertOf);
}

/**
 * The thumbnail at once, the original when it is there; of a format that this browser cannot show, a JPEG of it.
 * @param {string} name @param {string} id @param {string} key @param {string} hash @param {Zoom} its
 */
function picture(name, id, key, hash, its) {
  const image = the(name, HTMLImageElement);
  its.fit();
  image.dataset.of = id;
  image.src = hash ? `/api/v1/thumbnails/${hash}` : `/api/v1/images/${encodeURIComponent(id)}/thumbnail`;
  image.alt = key;
  if (its === zoom) tell("");
  const load = (/** @type {string} */ form) => {
    const large = new Image(), still = () => image.dataset.of === id;
    large.onload = () => {
      if (!still()) return;
      image.src = large.src;
      its.fit();
      if (its === zoom && form === "preview") tell(t("This browser cannot show the original. This is a JPEG made of it, of at most 2,560 pixels."));
      ahead(form);
      if (its === zoom && toDraw === id) void image.decode().then(() => { if (still()) toggleDrawing(); }).catch(alertOf);
      if (its === zoom) toDraw = "";
    };
    large.onerror = () => {
      if (!still()) return;
      if (form === "original") load("preview");
      else if (its === zoom) tell(image.naturalWidth ? t("The original cannot be read or is too large to be shown. This is its thumbnail.")
        : t("It was set aside, so there is nothing to show. The view Set aside tells why."));
    };
    large.src = original(id, form);
  };
  const crop = its === zoom && cropped && seen?.box ? `region?box=${seen.box.split(" ").join(",")}&as_object=true&size=2560` : "";
  if (its === zoom) document.getElementById("viewer-crop")?.setAttribute("aria-pressed", String(crop !== ""));
  load(crop || "original");
}

/** Why it is not the original that is seen. @param {string} text */
function tell(text) {
  const told = the("viewer-told", HTMLElement);
  told.textContent = text;
  told.hidden = !text;
}

/** The next one is fetched while this one is looked at. @param {string} form */
function ahead(form) {
  const next = row()[at + 1]?.dataset.id;
  if (next && seen && beside === "") new Image().src = original(next, form);
}

// --- what is known of it ----------------------------------------------------------------------------------------------

/** @param {[string, string | undefined | null][]} recorded */
function facts(recorded) {
  const data = seen ?? /** @type {Facts} */ ({}), list = the("viewer-facts", HTMLElement);
  /** @type {[string, string | undefined | null][]} */
  const all = [[t("Cluster"), data.clusterName || data.cluster || t(data.state === "rejected" ? "set aside" : data.state ?? "")], [t("Fits"), data.probability], [groupLabel, data.group], [t("Tags"), data.tags],
    [t("Pixels"), data.pixels], [t("Box"), boxInWords(data.box)], [data.taken ? t("Taken") : t("File date"), data.taken || data.date], ...recorded, [t("Id"), data.id]];
  list.replaceChildren(...all.flatMap(([name, value]) => (value ? [made("dt", name), made("dd", value)] : [])));
  const of = list.querySelector("dd");
  if (of && data.cluster) showName(of, { id: data.cluster, name: data.clusterName ?? null });
}

/** @param {string} id @param {AbortSignal} signal */
async function camera(id, signal) {
  await new Promise((resolve) => setTimeout(resolve, 150)); // who turns pages asks for none of it
  if (signal.aborted) return;
  let found;
  try { found = await api(`/api/v1/images/${encodeURIComponent(id)}/camera`, { signal }); } catch { return; } // set aside, or gone from the source
  const time = found.exposure ? (found.exposure < 0.4 ? `1/${Math.round(1 / found.exposure)} s` : `${found.exposure} s`) : "";
  const taken = [time, found.aperture && `f/${found.aperture}`, found.iso && `ISO ${found.iso}`, found.focal_length && `${Math.round(found.focal_length)} mm`];
  const where = found.latitude === null ? "" : `${found.latitude.toFixed(4)}, ${found.longitude.toFixed(4)}`;
  if (!signal.aborted) facts([[t("Camera"), found.camera], [t("Lens"), found.lens], [t("Exposure"), taken.filter(Boolean).join(", ")], [t("Place"), where], [t("By"), found.artist], [t("Software"), found.software]]);
}

// --- side by side -----------------------------------------------------------------------------------------------------

/** @param {AbortSignal} signal */
async function showBeside(signal) {
  for (const [name, button] of /** @type {const} */ ([["face", "viewer-face"], ["held", "viewer-hold"]])) the(button, HTMLElement).setAttribute("aria-pressed", String(beside === name));
  const shown = beside === "held" ? held : beside === "face" ? await face(signal) : null;
  if (signal.aborted) return;
  other.parentElement?.classList.toggle("two", shown !== null);
  other.hidden = shown === null;
  the("viewer-other-key", HTMLElement).hidden = shown === null;
  if (!shown) return;
  the("viewer-other-key", HTMLElement).textContent = shown.key;
  if (the("viewer-other-image", HTMLImageElement).dataset.of !== shown.id) picture("viewer-other-image", shown.id, shown.key, "", otherZoom);
  zoom.fit();
}

/** The face of the cluster, of the nearest one for an image that is in none. @param {AbortSignal} signal */
async function face(signal) {
  const image = await api(`/api/v1/images/${encodeURIComponent(seen?.id ?? "")}`, { signal }), cluster = image.cluster ?? image.nearest_cluster;
  if (!cluster) return { id: image.image_id, key: t("No cluster is near: this is the image itself.") };
  const found = await api(`/api/v1/clusters/${encodeURIComponent(cluster)}`, { signal });
  const id = found.representatives.find((/** @type {string} */ one) => one !== image.image_id) ?? found.representative;
  return { id, key: image.cluster ? found.name ?? found.id : t("Nearest: {name}", { name: found.name ?? found.id }) };
}

/** @param {"face" | "held"} wanted */
function toggleBeside(wanted) {
  beside = beside === wanted ? "" : wanted;
  if (wanted === "held") held = beside && seen ? { id: seen.id ?? "", key: seen.key ?? "" } : null;
  asking?.abort();
  asking = new AbortController();
  void showBeside(asking.signal).catch(alertOf);
}

// --- the list, and decisions ------------------------------------------------------------------------------------------

/** @param {number} by */
async function turn(by) {
  let tiles = row();
  const place = tiles.findIndex((one) => one.dataset.id === seen?.id);
  let next = place < 0 ? Math.min(at, tiles.length - 1) : place + by;
  if (next >= tiles.length && (await more())) tiles = row();
  next = (next + tiles.length) % (tiles.length || 1);
  const tile = tiles[next];
  if (tile && dialog.open) show(tile.dataset);
}

/** After a decision: the same picture as it is now, or the one that took its place in the list. */
async function again() {
  if (!dialog.open || !seen) return;
  const id = seen.id ?? "", tiles = row(), tile = tiles.find((one) => one.dataset.id === id) ?? (listed ? tiles[Math.min(at, tiles.length - 1)] : (await freshTiles([id]))[0]);
  if (!dialog.open || seen?.id !== id) return; // turned to another one meanwhile
  if (tile) show(tile.dataset); else dialog.close();
}

/** @param {import("./decisions.js").Decision} decision */
async function act(decision) {
  if (!seen?.id) return;
  await decision.run([seen.id]);
  await again();
}

document.addEventListener("settled", () => void again().catch(alertOf)); // an undo in a note

dialog.addEventListener("close", () => {
  document.body.append(the("toasts", HTMLElement), the("alerts", HTMLElement));
  drawing.end();
  outline(null);
  inAddress(null);
  asking?.abort();
  const item = items().find((one) => one.contains(row().find((tile) => tile.dataset.id === seen?.id) ?? null));
  if (item) setCurrent(item); // keys go on from what was seen last
  seen = null;
});
// on the document: the focus may be lost with a note that was removed
document.addEventListener("keydown", (event) => {
  if (!dialog.open || document.querySelectorAll("dialog[open]").length > 1 || event.ctrlKey || event.metaKey || event.altKey) return;
  const by = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 })[event.key];
  if (by) { event.preventDefault(); void turn(by).catch(alertOf); return; }
  const decision = offered.find((one) => one.key === event.key);
  /** @type {Record<string, () => unknown>} */
  const own = { z: () => zoom.toggle(), "+": () => zoom.by(1.25), "=": () => zoom.by(1.25), "-": () => zoom.by(0.8), c: () => toggleBeside("face"), h: () => toggleBeside("held"), b: draw, q: toggleCrop, u: () => undoLast() };
  if (event.repeat && !"+=-".includes(event.key)) return;
  if (decision) { event.preventDefault(); void act(decision).catch(alertOf); } else own[event.key]?.();
});
the("viewer-previous", HTMLElement).addEventListener("click", () => void turn(-1).catch(alertOf));
the("viewer-next", HTMLElement).addEventListener("click", () => void turn(1).catch(alertOf));
the("viewer-face", HTMLElement).addEventListener("click", () => toggleBeside("face"));
the("viewer-hold", HTMLElement).addEventListener("click", () => toggleBeside("held"));
document.getElementById("viewer-crop")?.addEventListener("click", toggleCrop);
the("viewer-draw-start", HTMLElement).addEventListener("click", draw);
the("viewer-fill", HTMLElement).addEventListener("click", () => {
  if (document.fullscreenElement) void document.exitFullscreen(); else document.documentElement.requestFullscreen().catch(alertOf); // browsers refuse a dialog
});
document.addEventListener("dblclick", (event) => {
  const pick = event.target instanceof Element ? event.target.closest(".tile .pick") : null;
  if (pick) openViewer(/** @type {HTMLElement} */ (pick.closest(".tile")));
});

/** The keys of decisions as a row of buttons. */
function offer() {
  offered = decisionsOn(seen ?? /** @type {Facts} */ ({}));
  the("viewer-actions", HTMLElement).replaceChildren(...offered.map((decision) => {
    const button = /** @type {HTMLButtonElement} */ (made("button", decision.label));
    button.type = "button";
    button.append(" ", made("kbd", decision.key));
    button.addEventListener("click", () => void act(decision).catch(alertOf));
    return button;
  }));
}
setTimeout(() => { openNamed().catch(alertOf); }, 0); // after the modules of the view have made its list
