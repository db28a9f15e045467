// @ts-check
// Drawing a box on a picture, by mouse, touch or keys, also while it is zoomed and moved. What becomes of the box is
// not decided here.

/** @typedef {[number, number, number, number]} Box left, top, width and height as shares of the picture */

const LEAST = 0.01, STEP = 0.01, FAR = 0.05;
/** @param {number} value @param {number} low @param {number} high */
const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** A box on the picture in a frame; hidden until somebody starts. */
export class Drawing {
  /** @type {Box | null} */
  box = null;

  /** @param {HTMLElement} frame it scrolls @param {HTMLImageElement} image @param {HTMLElement} shape the box, with a handle in it
   *  @param {(box: Box | null) => void} told called with every change, null when it ends */
  constructor(frame, image, shape, told) {
    this.frame = frame;
    this.image = image;
    this.shape = shape;
    this.told = told;
    // before the zoom of the frame sees them: a drag draws, and a click is no zoom
    frame.addEventListener("pointerdown", (event) => this.#down(event), true);
    frame.addEventListener("click", (event) => { if (this.box) event.stopPropagation(); }, true);
  }

  /** @param {Box} box */
  start(box) {
    this.frame.classList.add("drawing");
    this.#set(box);
  }

  end() {
    if (!this.box) return;
    this.box = null;
    this.frame.classList.remove("drawing");
    this.place();
    this.told(null);
  }

  /** Where the picture is now; to be called when it was zoomed. */
  place() {
    this.shape.hidden = !this.box;
    if (!this.box) return;
    const [x, y, w, h] = this.box, { offsetLeft: left, offsetTop: top, offsetWidth: width, offsetHeight: height } = this.image;
    Object.assign(this.shape.style, { left: `${left + x * width}px`, top: `${top + y * height}px`, width: `${w * width}px`, height: `${h * height}px` });
  }

  /** Whether a key moved (arrows) or resized it (with Shift; with Alt in large steps). @param {KeyboardEvent} event */
  key(event) {
    if (!this.box) return false;
    const step = event.altKey ? FAR : STEP;
    const by = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] })[event.key];
    if (!by) return false;
    const [x, y, w, h] = this.box;
    this.#set(event.shiftKey ? [x, y, within(w + by[0], LEAST, 1 - x), within(h + by[1], LEAST, 1 - y)]
      : [within(x + by[0], 0, 1 - w), within(y + by[1], 0, 1 - h), w, h]);
    this.shape.scrollIntoView({ block: "nearest", inline: "nearest" });
    return true;
  }

  /** @param {Box} box */
  #set(box) {
    this.box = /** @type {Box} */ (box.map((side) => Math.round(side * 1e4) / 1e4));
    this.place();
    this.told(this.box);
  }

  /** Where a pointer is on the picture, 0 to 1. @param {PointerEvent} event @returns {[number, number]} */
  #at(event) {
    const { left, top, width, height } = this.image.getBoundingClientRect();
    return [within((event.clientX - left) / (width || 1), 0, 1), within((event.clientY - top) / (height || 1), 0, 1)];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (!this.box || event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y, w, h] = this.box, start = this.#at(event), target = event.target;
    const moves = target === this.shape, fixed = target instanceof Element && target.parentElement === this.shape ? [x, y] : start;
    const move = (/** @type {PointerEvent} */ to) => {
      if (to.pointerId !== event.pointerId) return;
      const [px, py] = this.#at(to);
      if (moves) { this.#set([within(x + px - start[0], 0, 1 - w), within(y + py - start[1], 0, 1 - h), w, h]); return; }
      const [fx = 0, fy = 0] = fixed;
      if (Math.abs(px - fx) < LEAST || Math.abs(py - fy) < LEAST) return; // a tap leaves it as it is
      this.#set([Math.min(px, fx), Math.min(py, fy), Math.abs(px - fx), Math.abs(py - fy)]);
    };
    const end = () => {
      for (const [name, run] of /** @type {const} */ ([["pointermove", move], ["pointerup", end], ["pointercancel", end]])) removeEventListener(name, /** @type {EventListener} */ (run));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  }
}
