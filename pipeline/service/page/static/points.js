// @ts-check
// Points on a canvas with WebGL: drawing, moving, zooming, finding what lies where. Knows nothing of images.

import { t } from "./words.js";

const VERTEX = `#version 300 es
in vec2 place; in vec4 colour; in float chosen;
uniform vec2 factor, shift; uniform float size, some;
out vec4 paint; flat out float round_;
void main() {
  gl_Position = vec4(place * factor + shift, 0.0, 1.0);
  gl_PointSize = size * (1.0 + 0.6 * chosen);
  round_ = size > 3.5 ? 1.0 : 0.0;
  paint = vec4(colour.rgb, colour.a * mix(1.0, mix(0.18, 1.0, chosen), some));
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 paint; flat in float round_; out vec4 result;
void main() {
  float edge = round_ > 0.5 ? 1.0 - smoothstep(0.40, 0.5, length(gl_PointCoord - 0.5)) : 1.0;
  if (edge <= 0.0) discard;
  result = vec4(paint.rgb, 1.0) * paint.a * edge;
}`;
const CELLS = 128; // of the index, along each side
/** CSS pixels around the whole map: room for a name above the highest point, and half a small thumbnail. */
export const MARGIN = 28;
const FURTHEST = 0.6, NEAREST = 400;
const SLOW_MS = 34, QUICK_MS = 20, REST_MS = 400, LEAST = 4000; // while it moves, a slow machine draws fewer points

/** Why there is no map. */
export class NoWebGL extends Error {}

export class Points {
  /** @param {HTMLCanvasElement} canvas @param {() => void} moved called after each frame @throws {NoWebGL} */
  constructor(canvas, moved) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true, powerPreference: "high-performance" });
    if (!gl) throw new NoWebGL(t("The map needs WebGL, which this browser does not provide. Turn on hardware acceleration, or use another browser. Everything else works without it."));
    this.canvas = canvas;
    this.gl = gl;
    this.moved = moved;
    this.n = 0;
    this.x = this.y = new Float32Array();
    this.chosen = new Uint8Array();
    this.colours = new Uint8Array();
    this.centre = { x: 0, y: 0 };
    /** How far points reach from the middle; the larger one is 1. */
    this.reach = { x: 1, y: 1 };
    this.zoom = 1;
    this.some = 0;
    this.budget = Infinity;
    this.last = 0;
    this.rest = 0;
    this.width = this.height = 1;
    this.#compile();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => { this.#compile(); this.set(this.x, this.y, true); this.paint(this.colours); this.choose(this.chosen); });
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
  }

  #compile() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]])) {
      const shader = gl.createShader(kind);
      if (!shader) throw new NoWebGL(t("The graphics context is lost."));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    ["place", "colour", "chosen"].forEach((name, index) => gl.bindAttribLocation(program, index, name));
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new NoWebGL(`The shaders do not link: ${gl.getProgramInfoLog(program)}`);
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const place = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
    this.at = { factor: place("factor"), shift: place("shift"), size: place("size"), some: place("some") };
    this.buffers = [gl.createBuffer(), gl.createBuffer(), gl.createBuffer()];
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    [[2, gl.FLOAT, false], [4, gl.UNSIGNED_BYTE, true], [1, gl.UNSIGNED_BYTE, false]].forEach(([size, kind, scaled], index) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers?.[index] ?? null);
      gl.enableVertexAttribArray(index);
      gl.vertexAttribPointer(index, Number(size), Number(kind), Boolean(scaled), 0, 0);
    });
  }

  /** @param {number} index @param {Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>} data */
  #upload(index, data) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers?.[index] ?? null);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data, this.gl.DYNAMIC_DRAW);
    this.draw();
  }

  /** Places, in any unit; they are brought into −1 … 1. @param {Float32Array} x @param {Float32Array} y @param {boolean} [ready] */
  set(x, y, ready = false) {
    this.n = x.length;
    if (!ready) {
      const [left, right] = range(x), [bottom, top] = range(y);
      const half = Math.max(right - left, top - bottom) / 2 || 1;
      this.x = x.map((value) => (value - (left + right) / 2) / half);
      this.y = y.map((value) => (value - (bottom + top) / 2) / half);
      this.reach = right > left || top > bottom ? { x: (right - left) / (2 * half), y: (top - bottom) / (2 * half) } : { x: 1, y: 1 };
      this.chosen = new Uint8Array(this.n);
      this.#index();
    }
    const places = new Float32Array(2 * this.n);
    for (let i = 0; i < this.n; i++) { places[2 * i] = this.x[i] ?? 0; places[2 * i + 1] = this.y[i] ?? 0; }
    // in an order that has nothing to do with places: the first of them are a fair sample of all
    const mixed = Uint32Array.from({ length: this.n }, (_, i) => i);
    for (let i = this.n - 1, seed = 1; i > 0; i--) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const j = seed % (i + 1), held = mixed[i] ?? 0;
      mixed[i] = mixed[j] ?? 0;
      mixed[j] = held;
    }
    this.gl.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, mixed, this.gl.STATIC_DRAW);
    this.#upload(0, places);
    this.#upload(2, this.chosen);
  }

  /** Points by cell, so that what is in view is found without looking at all of them. */
  #index() {
    const cell = (/** @type {number} */ i) => column(this.x[i] ?? 0) + CELLS * column(this.y[i] ?? 0);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < this.n; i++) this.starts[cell(i) + 1] = (this.starts[cell(i) + 1] ?? 0) + 1;
    for (let i = 0; i < CELLS * CELLS; i++) this.starts[i + 1] = (this.starts[i + 1] ?? 0) + (this.starts[i] ?? 0);
    const next = this.starts.slice();
    this.order = new Uint32Array(this.n);
    for (let i = 0; i < this.n; i++) { const at = cell(i), to = next[at] ?? 0; this.order[to] = i; next[at] = to + 1; }
  }

  /** @param {Uint8Array<ArrayBuffer>} colours red, green, blue, alpha of each point */
  paint(colours) { this.colours = colours; this.#upload(1, colours); }

  /** @param {Uint8Array<ArrayBuffer>} chosen 1 for those that stand out */
  choose(chosen) {
    this.chosen = chosen;
    this.some = chosen.some(Boolean) ? 1 : 0;
    this.#upload(2, chosen);
  }

  /** CSS pixels of one unit, the same both ways: at zoom 1 the whole map fills the canvas but for the margin. */
  get unit() {
    const fits = (/** @type {number} */ side, /** @type {number} */ reach) => Math.max(1, side / 2 - MARGIN) / Math.max(reach, 1e-9);
    return Math.min(fits(this.width, this.reach.x), fits(this.height, this.reach.y)) * this.zoom;
  }

  /** Where a point is on the canvas, in CSS pixels. @param {number} i @returns {[number, number]} */
  screen(i) {
    return [this.width / 2 + ((this.x[i] ?? 0) - this.centre.x) * this.unit, this.height / 2 - ((this.y[i] ?? 0) - this.centre.y) * this.unit];
  }

  /** @param {number} px @param {number} py @returns {[number, number]} */
  world(px, py) { return [this.centre.x + (px - this.width / 2) / this.unit, this.centre.y - (py - this.height / 2) / this.unit]; }

  /** Points in a rectangle of the canvas. @param {number} left @param {number} top @param {number} right @param {number} bottom */
  *within(left, top, right, bottom) {
    const [x0, y1] = this.world(left, top), [x1, y0] = this.world(right, bottom);
    if (!this.starts || !this.order) return;
    for (let row = column(y0); row <= column(y1); row++) {
      for (let col = column(x0); col <= column(x1); col++) {
        const cell = col + CELLS * row;
        for (let at = this.starts[cell] ?? 0; at < (this.starts[cell + 1] ?? 0); at++) {
          const i = this.order[at] ?? 0, x = this.x[i] ?? 0, y = this.y[i] ?? 0;
          if (x >= x0 && x <= x1 && y >= y0 && y <= y1) yield i;
        }
      }
    }
  }

  /** The point nearest to a place of the canvas, null when none is within `reach` pixels. @param {number} px @param {number} py @param {number} reach */
  nearest(px, py, reach) {
    /** @type {number | null} */
    let best = null;
    let least = reach;
    for (const i of this.within(px - reach, py - reach, px + reach, py + reach)) {
      const [x, y] = this.screen(i), far = Math.hypot(x - px, y - py);
      if (far <= least) { least = far; best = i; }
    }
    return best;
  }

  /** @param {number} dx @param {number} dy CSS pixels */
  pan(dx, dy) { this.centre.x -= dx / this.unit; this.centre.y += dy / this.unit; this.#keep(); this.#move(); }

  /** @param {number} by @param {number} [px] @param {number} [py] the place that stays where it is */
  zoomBy(by, px = this.width / 2, py = this.height / 2) {
    const [x, y] = this.world(px, py);
    this.zoom = Math.min(NEAREST, Math.max(FURTHEST, this.zoom * by));
    const [nx, ny] = this.world(px, py);
    this.centre.x += x - nx;
    this.centre.y += y - ny;
    this.#keep();
    this.#move();
  }

  /** Draw while it moves; all points again when it rests. */
  #move() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => { this.rest = 0; this.last = 0; this.draw(); }, REST_MS);
    this.draw();
  }

  /** How many points to draw now: as many as this machine keeps up with. @param {number} now */
  #affordable(now) {
    if (!this.rest) return this.n;
    const gap = this.last ? now - this.last : 0;
    this.last = now;
    this.budget = Math.min(this.budget, this.n);
    if (gap > SLOW_MS) this.budget = Math.max(LEAST, this.budget * Math.max(0.5, SLOW_MS / gap));
    else if (gap && gap < QUICK_MS) this.budget *= 1.1;
    return Math.min(this.n, Math.floor(this.budget));
  }

  /** Bring a point into the middle. @param {number} i @param {number} zoom */
  goTo(i, zoom) {
    this.centre = { x: this.x[i] ?? 0, y: this.y[i] ?? 0 };
    this.zoom = zoom;
    this.#keep();
    this.draw();
  }

  /** @param {{ x: number, y: number }} centre @param {number} zoom */
  look(centre, zoom) {
    this.centre = centre;
    this.zoom = Math.min(NEAREST, Math.max(FURTHEST, zoom));
    this.draw();
  }
  whole() { this.centre = { x: 0, y: 0 }; this.zoom = 1; this.draw(); }

  #keep() {
    this.centre.x = Math.min(1.2, Math.max(-1.2, this.centre.x));
    this.centre.y = Math.min(1.2, Math.max(-1.2, this.centre.y));
  }

  #resize() {
    const ratio = Math.min(2, devicePixelRatio || 1);
    this.width = Math.max(1, this.canvas.clientWidth);
    this.height = Math.max(1, this.canvas.clientHeight);
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.ratio = ratio;
    this.draw();
  }

  /** Pixels across of a point: small where there are many, larger as one zooms in. */
  get size() {
    const crowd = Math.sqrt((this.width * this.height) / Math.max(1, this.n));
    return Math.min(14, Math.max(2, 0.22 * crowd) * Math.pow(this.zoom, 0.35));
  }

  /** Draw at the next frame; many calls before it draw once. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      const { gl, at } = this;
      if (!at || gl.isContextLost()) return;
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const fx = (2 * this.unit) / this.width, fy = (2 * this.unit) / this.height;
      gl.uniform2f(at.factor, fx, fy);
      gl.uniform2f(at.shift, -this.centre.x * fx, -this.centre.y * fy);
      gl.uniform1f(at.size, this.size * (this.ratio ?? 1));
      gl.uniform1f(at.some, this.some);
      if (this.n) gl.drawElements(gl.POINTS, this.#affordable(now), gl.UNSIGNED_INT, 0);
      this.moved();
    });
  }
}

/** @param {number} value in −1 … 1 */
const column = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(((value + 1) / 2) * CELLS)));

/** @param {Float32Array} values @returns {[number, number]} */
function range(values) {
  let least = Infinity, most = -Infinity;
  for (const value of values) { if (value < least) least = value; if (value > most) most = value; }
  return values.length ? [least, most] : [0, 0];
}

/** Whether a place lies in a polygon (even-odd). @param {[number, number][]} corners @param {number} x @param {number} y */
export function inside(corners, x, y) {
  let is = false;
  for (let i = 0, j = corners.length - 1; i < corners.length; j = i++) {
    const [ax, ay] = corners[i] ?? [0, 0], [bx, by] = corners[j] ?? [0, 0];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) is = !is;
  }
  return is;
}
