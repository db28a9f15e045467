// @ts-check
// Boxes on the picture that is seen large: draw one to find what looks like that region, to add it as an object, or say
// that the box of an object is wrong. Drawing is in draw.js, the large view in viewer.js.

import { alertOf, api, base, decide, readOnly, slug, the } from "./common.js";
import { ask } from "./dialogs.js";
import { Drawing } from "./draw.js";
import { outlineAgain } from "./outlines.js";
import { many, t } from "./words.js";

/** @typedef {import("./draw.js").Box} Box */

const ofObjects = document.body.dataset.unit === "object";
/** @type {Drawing | undefined} */
let drawing;
/** @type {() => DOMStringMap | null} */
let seen = () => null;

/** A box in an address. @param {Box | number[]} box */
export const boxText = (box) => box.map((side) => String(Math.round(side * 1e4) / 1e4)).join(",");

/** @param {() => DOMStringMap | null} now what is seen */
export function drawsOn(now) {
  seen = now;
  drawing = new Drawing(the("viewer-frame", HTMLElement), the("viewer-image", HTMLImageElement), the("viewer-draw", HTMLElement), told);
  return drawing;
}

/** Start with the box of the object that is seen, else in the middle; or end. */
export function toggleDrawing() {
  if (!drawing) return;
  if (drawing.box) { drawing.end(); return; }
  if (!/\/(original|preview)$/.test(the("viewer-image", HTMLImageElement).src)) { alertOf(new Error(t("The whole image is not seen, so nothing can be drawn on it. Where its crop is seen, q shows the whole."))); return; }
  const own = (seen()?.box ?? "").split(" ").map(Number);
  drawing.start(own.length === 4 ? /** @type {Box} */ (own) : [0.3, 0.3, 0.4, 0.4]);
  the("viewer-draw-find", HTMLElement).focus({ preventScroll: true });
}

/** @param {Box | null} box */
function told(box) {
  the("viewer-drawing", HTMLElement).hidden = !box;
  the("viewer-draw-start", HTMLElement).setAttribute("aria-pressed", String(box !== null));
  if (!box) return;
  const [x, y, w, h] = box.map((side) => Math.round(100 * side));
  the("viewer-region", HTMLElement).textContent = t("{width} × {height} of the image, at {x}, {y}", { width: String(w), height: `${h} %`, x: String(x), y: `${y} %` });
}

function find() {
  const id = seen()?.id;
  if (drawing?.box && id) location.href = `/c/${slug}/find?image=${encodeURIComponent(id)}&box=${boxText(drawing.box)}`;
}

async function add() {
  const image = seen()?.id, box = drawing?.box;
  if (!ofObjects || readOnly || !image || !box) return;
  const label = await ask({ title: t("Add this box as an object"), label: t("What it is, if you like"), ok: t("Add"), optional: true });
  if (label === null) return;
  const made = await decide([{ kind: "add_box", image, box, ...(label ? { label } : {}) }], t("Added a box. The next run embeds it."));
  if (!made.length) return;
  drawing?.end();
  await sayWaiting();
}

/** @param {string[]} ids of objects */
export async function wrongBox(ids) {
  const made = await decide(ids.map((image) => ({ kind: "wrong_box", image })), t("Took {boxes} out. The next run makes no object there.", { boxes: many(ids.length, "wrong box") }));
  if (made.length) await sayWaiting();
  return made;
}

// before any other listener: the first Escape ends the drawing, not the large view
addEventListener("keydown", (event) => {
  if (!drawing?.box || event.ctrlKey || event.metaKey || document.querySelectorAll("dialog[open]").length > 1) return;
  const run = /** @type {Record<string, () => unknown>} */ ({ Escape: () => drawing?.end(), b: () => drawing?.end(), Enter: find, a: () => void add().catch(alertOf) })[event.key];
  const onButton = event.key === "Enter" && event.target instanceof Element && event.target.closest("#viewer-drawing button");
  if ((run && !onButton && !event.repeat) || drawing.key(event)) {
    event.preventDefault();
    event.stopPropagation();
    if (run) run();
  } else if (/^[a-z]$/.test(event.key) && event.key !== "z") event.stopPropagation(); // decisions are about what is drawn
}, true);

/** What the next run will do, said on the page as it is now. */
async function sayWaiting() {
  outlineAgain();
  const place = document.getElementById("boxes-waiting");
  if (!place) return;
  const { added, removed, undone } = (await api(base)).boxes_waiting;
  const parts = [added && t("{boxes} added", { boxes: many(added, "box") }), removed && t("{boxes} removed", { boxes: many(removed, "box") }), undone && t("{decisions} about boxes undone", { decisions: many(undone, "decision") })].filter(Boolean);
  place.hidden = !parts.length;
  the("boxes-waiting-text", HTMLElement).textContent = parts.join(", ");
}
document.addEventListener("undone", () => void sayWaiting().catch(alertOf));

the("viewer-draw-find", HTMLElement).addEventListener("click", find);
the("viewer-draw-end", HTMLElement).addEventListener("click", () => drawing?.end());
document.getElementById("viewer-draw-add")?.addEventListener("click", () => void add().catch(alertOf));
