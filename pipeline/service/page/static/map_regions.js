// @ts-check
// Families on the map: clusters that are kinds of one kind lie in one region.

const CORE = 0.8; // of each cluster's points, those nearest to its middle: strays would stretch a region over its neighbours
const SVG = "http://www.w3.org/2000/svg";

export class Regions {
  /** @param {SVGElement} place @param {import("./points.js").Points} points */
  constructor(place, points) {
    this.points = points;
    this.group = document.createElementNS(SVG, "g");
    place.replaceChildren(this.group);
  }

  /**
   * @param {(string | null)[]} families of each cluster @param {Int32Array} cluster of each point, negative for none
   * @param {[number, number, number][]} colours one for each region, in turn
   */
  set(families, cluster, colours) {
    /** @type {Map<string, number[]>} */
    const members = new Map();
    families.forEach((family, k) => { if (family) members.set(family, [...(members.get(family) ?? []), k]); });
    const several = [...members.values()].filter((one) => one.length > 1);
    const { x, y } = this.points;
    this.group.replaceChildren(...several.map((clusters, n) => {
      const corners = hull(clusters.flatMap((k) => core(x, y, cluster, k)));
      const shape = document.createElementNS(SVG, "polygon");
      shape.setAttribute("points", corners.map(([px, py]) => `${px.toFixed(4)},${(-py).toFixed(4)}`).join(" "));
      shape.style.fill = shape.style.stroke = `rgb(${(colours[clusters[0] ?? n] ?? colours[n % colours.length] ?? [128, 128, 128]).join(" ")})`;
      return shape;
    }));
    this.move();
  }

  /** Along with the points, at each frame. */
  move() {
    const { unit, centre, width, height } = this.points;
    this.group.setAttribute("transform", `translate(${width / 2 - centre.x * unit} ${height / 2 + centre.y * unit}) scale(${unit})`);
  }
}

/** The points of a cluster that are nearest to its middle. @param {Float32Array} x @param {Float32Array} y @param {Int32Array} cluster @param {number} k @returns {[number, number][]} */
function core(x, y, cluster, k) {
  /** @type {[number, number][]} */
  const own = [];
  cluster.forEach((value, i) => { if (value === k) own.push([x[i] ?? 0, y[i] ?? 0]); });
  const middle = [0, 1].map((side) => own.map((place) => place[side] ?? 0).sort((a, b) => a - b)[own.length >> 1] ?? 0);
  const away = (/** @type {[number, number]} */ place) => Math.hypot(place[0] - (middle[0] ?? 0), place[1] - (middle[1] ?? 0));
  return own.sort((a, b) => away(a) - away(b)).slice(0, Math.max(3, Math.ceil(CORE * own.length)));
}

/** The convex hull (Andrew 1979). @param {[number, number][]} places @returns {[number, number][]} */
function hull(places) {
  const sorted = [...places].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (/** @type {[number, number][]} */ from) => {
    /** @type {[number, number][]} */
    const kept = [];
    for (const [px, py] of from) {
      for (;;) {
        const a = kept.at(-2), b = kept.at(-1);
        if (!a || !b || (b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0]) > 0) break;
        kept.pop();
      }
      kept.push([px, py]);
    }
    return kept.slice(0, -1);
  };
  return [...half(sorted), ...half(sorted.reverse())];
}
