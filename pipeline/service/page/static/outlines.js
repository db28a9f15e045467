// @ts-check
// The boxes of the picture that is seen large, drawn on it: that of the object that is seen, those of the other objects of
// its image, and what people decided that waits for the next run. Drawing a new one is in draw.js.

import { alertOf, api, the } from "./common.js";
import { many, t } from "./words.js";

/** @typedef {[number, number, number, number]} Box left, top, width and height as shares of the picture */
/** @typedef {{ box: Box, kind: "" | "added" | "wrong", label: string }} Outline */

const ofObjects = document.body.dataset.unit === "object";
const image = the("viewer-image", HTMLImageElement), own = the("viewer-box", HTMLElement), place = the("viewer-outlines", HTMLElement);
/** What is seen. @type {DOMStringMap | null} */
let seen = null;
/** @type {Outline[]} */
let others = [];
/** The newest question to the server: the answer to an older one is not shown. */
let asked = 0;

/** A box in words. @param {string | undefined} box */
export function boxInWords(box) {
  const sides = box?.split(" ").map((side) => `${Math.round(Number(side) * 100)} %`);
  return sides && t("{width} × {height} of the image, at {x}, {y}", { width: sides[2] ?? "", height: sides[3] ?? "", x: sides[0] ?? "", y: sides[1] ?? "" });
}

/** The boxes of another picture, or of none. @param {DOMStringMap | null} data of its tile */
export function outline(data) {
  const before = seen?.source ?? seen?.id;
  seen = data;
  if (before !== (data?.source ?? data?.id)) draw([], "");
  else placeOutlines();
  outlineAgain();
}

/** After a decision about boxes. */
export function outlineAgain() {
  const number = ++asked, id = seen?.source || seen?.id;
  if (!ofObjects || !id) return;
  ask(id, number).catch(alertOf);
}

/** @param {string} id @param {number} number */
async function ask(id, number) {
  await new Promise((resolve) => setTimeout(resolve, 100)); // who turns pages asks for none of it
  if (number !== asked) return;
  const found = await api(`/api/v1/images/${encodeURIComponent(id)}/objects`);
  if (number !== asked) return;
  /** @type {{ image_id: string, box: Box | null }[]} */
  const items = found.items;
  /** @type {{ kind: string, box: Box, label: string | null }[]} */
  const waiting = found.waiting;
  const refused = new Set(waiting.filter((one) => one.kind === "wrong_box").map((one) => String(one.box)));
  const objects = items.flatMap(({ image_id, box }) => (box && image_id !== seen?.id && !refused.has(String(box)) ? [{ box, kind: /** @type {const} */ (""), label: "" }] : []));
  const decided = waiting.map(({ kind, box, label }) => ({ box, kind: kind === "add_box" ? /** @type {const} */ ("added") : /** @type {const} */ ("wrong"), label: label ?? "" }));
  const added = decided.filter((one) => one.kind === "added").length, wrong = decided.length - added;
  const said = [t("{objects} in this image.", { objects: many(items.length, "object") }), added && t("{boxes} added for the next run.", { boxes: many(added, "box") }), wrong && t("{boxes} taken out for the next run.", { boxes: many(wrong, "box") })];
  draw([...objects, ...decided], said.filter(Boolean).join(" "));
}

/** @param {Outline[]} found @param {string} said */
function draw(found, said) {
  others = found;
  place.replaceChildren(...found.map(({ kind }) => {
    const shape = document.createElement("span");
    shape.className = `viewer-outline ${kind}`;
    return shape;
  }));
  the("viewer-boxes", HTMLElement).textContent = said;
  the("viewer-boxes", HTMLElement).hidden = !said;
  placeOutlines();
}

/** Where the picture is now: to be called when it was zoomed. Nothing is outlined on a crop or a thumbnail. */
export function placeOutlines() {
  const isWhole = /\/(original|preview)$/.test(image.src) && image.offsetWidth > 0, mine = (seen?.box ?? "").split(" ").map(Number);
  const refused = others.some((one) => one.kind === "wrong" && one.box.every((side, at) => Math.abs(side - (mine[at] ?? 0)) < 1e-3));
  own.hidden = !isWhole || mine.length !== 4 || refused;
  if (!own.hidden) put(own, /** @type {Box} */ (mine));
  place.hidden = !isWhole;
  others.forEach(({ box }, at) => { const shape = place.children[at]; if (shape instanceof HTMLElement) put(shape, box); });
}

/** @param {HTMLElement} shape @param {Box} box */
function put(shape, [x, y, w, h]) {
  const { offsetLeft: left, offsetTop: top, offsetWidth: width, offsetHeight: height } = image;
  Object.assign(shape.style, { left: `${left + x * width}px`, top: `${top + y * height}px`, width: `${w * width}px`, height: `${h * height}px` });
}

image.addEventListener("load", placeOutlines);
