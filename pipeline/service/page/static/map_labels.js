// @ts-check
// Names on the map: each where its images lie, none over another, the largest first; more of them as one comes near.

import { made } from "./common.js";

/** @typedef {{ text: string, sure: boolean }} Name a name, and whether people gave it */

const MOST = 80, HEIGHT = 22, PAD = 8;
const CLOSE = 20_000; // points in view from which on names stand in the middle of all their points, in view or not

export class Labels {
  /** @param {HTMLElement} place @param {import("./points.js").Points} points */
  constructor(place, points) {
    this.place = place;
    this.points = points;
    /** @type {Name[]} */
    this.names = [];
    /** @type {Int32Array} */
    this.kinds = new Int32Array();
    /** The point in the middle of each kind. @type {number[]} */
    this.middle = [];
    /** @type {number[]} */
    this.sizes = [];
    /** What is shown, by kind, and the point that it stands at. @type {Map<number, { element: HTMLElement, point: number }>} */
    this.shown = new Map();
    /** @type {Map<string, number>} */
    this.widths = new Map();
    this.pen = document.createElement("canvas").getContext("2d");
    if (this.pen) this.pen.font = "600 13px system-ui, sans-serif";
  }

  /** @param {Name[]} names of the kinds @param {Int32Array} kinds of the points, negative for those of none */
  set(names, kinds) {
    this.names = names;
    this.kinds = kinds;
    ({ middle: this.middle, sizes: this.sizes } = middles(this.points, kinds, names.length));
    this.place.replaceChildren();
    this.shown.clear();
    this.choose();
  }

  /** @param {string} text */
  #width(text) {
    const known = this.widths.get(text);
    if (known !== undefined) return known;
    const width = Math.min(220, (this.pen?.measureText(text).width ?? 8 * text.length) + 2 * PAD);
    this.widths.set(text, width);
    return width;
  }

  /** Choose anew which names have room, when the map rests. */
  choose() {
    const { width, height } = this.points, inView = [...this.points.within(0, 0, width, height)];
    const { middle, sizes } = inView.length > CLOSE || inView.length === this.points.n ? this : middles(this.points, this.kinds, this.names.length, inView);
    const order = sizes.map((_, k) => k).filter((k) => (sizes[k] ?? 0) > 0).sort((a, b) => (sizes[b] ?? 0) - (sizes[a] ?? 0));
    /** @type {[number, number, number, number][]} */
    const taken = [];
    const wanted = new Set();
    for (const k of order) {
      if (wanted.size === MOST) break;
      const point = middle[k] ?? 0, [x, y] = this.points.screen(point), half = this.#width(this.names[k]?.text ?? "") / 2;
      if (x - half < 0 || x + half > width || y - HEIGHT < 0 || y > height) continue;
      if (taken.some(([left, top, right, bottom]) => x - half < right && x + half > left && y - HEIGHT < bottom && y > top)) continue;
      taken.push([x - half, y - HEIGHT, x + half, y]);
      wanted.add(k);
      const known = this.shown.get(k), name = this.names[k];
      if (known) { known.point = point; continue; }
      const element = made("span", name?.text, name?.sure ? "name-on-map" : "name-on-map unsure");
      this.shown.set(k, { element, point });
      this.place.append(element);
    }
    for (const [k, { element }] of this.shown) if (!wanted.has(k)) { element.remove(); this.shown.delete(k); }
    this.move();
  }

  /** Along with the points, at each frame. */
  move() {
    for (const { element, point } of this.shown.values()) {
      const [x, y] = this.points.screen(point);
      element.style.transform = `translate(${Math.round(x)}px, ${Math.round(y - HEIGHT)}px) translateX(-50%)`;
    }
  }
}

/**
 * Of each kind its size and the point that is nearest to the middle of its points (the median each way).
 * @param {import("./points.js").Points} points @param {Int32Array} kind @param {number} kinds
 * @param {Iterable<number>} [among] these points only
 */
function middles({ x, y }, kind, kinds, among = kind.keys()) {
  /** @type {number[][]} */
  const members = Array.from({ length: kinds }, () => []);
  for (const i of among) { const k = kind[i] ?? -1; if (k >= 0) members[k]?.push(i); }
  const middle = members.map((points) => {
    const median = (/** @type {Float32Array} */ values) => Float32Array.from(points, (i) => values[i] ?? 0).sort()[points.length >> 1] ?? 0;
    const mx = median(x), my = median(y);
    let best = points[0] ?? 0, least = Infinity;
    for (const i of points) {
      const away = ((x[i] ?? 0) - mx) ** 2 + ((y[i] ?? 0) - my) ** 2;
      if (away < least) { least = away; best = i; }
    }
    return best;
  });
  return { middle, sizes: members.map((points) => points.length) };
}
