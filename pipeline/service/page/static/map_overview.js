// @ts-check
// The whole map, small, with the part that is in view; a click goes there.

const MOST = 20_000; // points that are drawn: more say no more at this size

export class Overview {
  /** @param {HTMLCanvasElement} canvas @param {import("./points.js").Points} points */
  constructor(canvas, points) {
    this.canvas = canvas;
    this.points = points;
    this.pen = canvas.getContext("2d");
    /** @type {ImageData | null} */
    this.drawn = null;
    const go = (/** @type {PointerEvent} */ event) => {
      const box = canvas.getBoundingClientRect();
      points.centre = { x: (2 * (event.clientX - box.left)) / box.width - 1, y: 1 - (2 * (event.clientY - box.top)) / box.height };
      points.pan(0, 0);
    };
    canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); go(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
  }

  /** Draw the points in their colours. */
  paint() {
    const { canvas, pen, points } = this;
    if (!pen) return;
    const side = canvas.width, step = Math.max(1, Math.ceil(points.n / MOST));
    pen.clearRect(0, 0, side, side);
    for (let i = 0; i < points.n; i += step) {
      const [r, g, b] = [0, 1, 2].map((k) => points.colours[4 * i + k] ?? 0);
      pen.fillStyle = `rgb(${r} ${g} ${b})`;
      pen.fillRect((((points.x[i] ?? 0) + 1) / 2) * side - 1, ((1 - (points.y[i] ?? 0)) / 2) * side - 1, 2, 2);
    }
    this.drawn = pen.getImageData(0, 0, side, side);
    this.frame();
  }

  /** Show which part is in view; hidden while that is all of it. */
  frame() {
    const { canvas, pen, points } = this;
    canvas.hidden = points.zoom <= 1.05;
    if (!pen || !this.drawn || canvas.hidden) return;
    pen.putImageData(this.drawn, 0, 0);
    const [left, top] = points.world(0, 0), [right, bottom] = points.world(points.width, points.height);
    const at = (/** @type {number} */ value) => ((value + 1) / 2) * canvas.width;
    pen.strokeStyle = getComputedStyle(canvas).color;
    pen.lineWidth = 2;
    pen.strokeRect(at(left), at(-top), Math.max(4, at(right) - at(left)), Math.max(4, at(-bottom) - at(-top)));
  }
}
