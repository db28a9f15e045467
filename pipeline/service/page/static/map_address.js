// @ts-check
// What of the map stands in the address, so that a reload or a link shows the same: the colours, and the part that is
// seen.

import { the } from "./common.js";

const REST_MS = 250, DIGITS = 4;
let timer = 0;

/** Once the map rests. @param {import("./points.js").Points | undefined} points */
export function writeAddress(points) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (!points) return;
    const url = new URL(location.href), by = the("colour", HTMLSelectElement).value, { centre, zoom } = points;
    if (by === "cluster") url.searchParams.delete("colour"); else url.searchParams.set("colour", by);
    const whole = zoom === 1 && !centre.x && !centre.y;
    if (whole) url.searchParams.delete("at"); else url.searchParams.set("at", [centre.x, centre.y, zoom].map((one) => Number(one.toFixed(DIGITS))).join("_"));
    history.replaceState(null, "", url);
  }, REST_MS);
}

/** Show the part that the address says. Returns whether it says other colours. @param {import("./points.js").Points} points */
export function readAddress(points) {
  const { searchParams } = new URL(location.href), colour = the("colour", HTMLSelectElement);
  const [x, y, zoom] = (searchParams.get("at") ?? "").split("_").map(Number);
  if (x !== undefined && y !== undefined && zoom !== undefined && [x, y, zoom].every(Number.isFinite) && zoom > 0) points.look({ x, y }, zoom);
  const wanted = searchParams.get("colour");
  if (!wanted || ![...colour.options].some((one) => one.value === wanted)) return false;
  colour.value = wanted;
  return true;
}
