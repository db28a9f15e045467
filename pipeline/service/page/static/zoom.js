// @ts-check
// Looking closely at one picture: zoom by wheel, click or keys, and move it by dragging or scrolling.

import { t } from "./words.js";

const MOST = 8; // times the picture's own pixels
const STEP = 1.25;

/** A frame whose picture fits it until somebody zooms in. */
export class Zoom {
  /** @param {HTMLElement} frame it scrolls @param {HTMLImageElement} image @param {(text: string) => void} told called with the zoom in words */
  constructor(frame, image, told) {
    this.frame = frame;
    this.image = image;
    this.told = told;
    this.factor = 0; // 0: it fits; else times its own pixels
    this.changed = () => {}; // called when somebody zooms or moves it here
    frame.addEventListener("scroll", () => {
      if (frame.scrollLeft !== this.#followed[0] || frame.scrollTop !== this.#followed[1]) this.changed();
    });
    let dragged = false;
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.by(event.deltaY < 0 ? STEP : 1 / STEP, event.clientX, event.clientY);
    }, { passive: false });
    frame.addEventListener("click", (event) => { if (!dragged) this.toggle(event.clientX, event.clientY); });
    frame.addEventListener("pointerdown", (event) => {
      dragged = false;
      if (!this.factor || event.button !== 0 || event.pointerType === "touch") return;
      event.preventDefault();
      const start = { x: event.clientX + frame.scrollLeft, y: event.clientY + frame.scrollTop };
      const move = (/** @type {PointerEvent} */ to) => {
        dragged ||= Math.abs(to.clientX - event.clientX) + Math.abs(to.clientY - event.clientY) > 3;
        frame.scrollTo(start.x - to.clientX, start.y - to.clientY);
      };
      const end = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", end); };
      addEventListener("pointermove", move);
      addEventListener("pointerup", end);
    });
  }

  /** Where it was brought by following: its own scroll event, which comes later, is nobody's wish. @type {[number, number]} */
  #followed = [-1, -1];

  /** As near, and at the same place, as in the other frame; pictures of any size. @param {Zoom} other */
  follow(other) {
    const from = other.frame, to = this.frame;
    const factor = other.factor && this.image.naturalWidth ? Math.max((other.factor / other.#fitting()) * this.#fitting(), 1e-3) : 0;
    if (factor !== this.factor) this.#show(factor);
    to.scrollTo((from.scrollLeft / Math.max(1, from.scrollWidth - from.clientWidth)) * (to.scrollWidth - to.clientWidth),
      (from.scrollTop / Math.max(1, from.scrollHeight - from.clientHeight)) * (to.scrollHeight - to.clientHeight));
    this.#followed = [to.scrollLeft, to.scrollTop];
  }

  /** The whole picture again. */
  fit() { this.#set(0, 0.5, 0.5); }

  /** Between the whole picture and its own pixels, twice those of a small one. @param {number} [x] @param {number} [y] the point that stays, on the screen */
  toggle(x, y) { if (this.factor) this.fit(); else this.#to(this.#fitting() < 0.99 ? 1 : 2, x, y); }

  /** @param {number} times @param {number} [x] @param {number} [y] */
  by(times, x, y) { this.#to((this.factor || this.#fitting()) * times, x, y); }

  /** The factor at which the whole picture is seen. */
  #fitting() {
    const { clientWidth, clientHeight } = this.frame;
    return Math.min(clientWidth / (this.image.naturalWidth || 1), clientHeight / (this.image.naturalHeight || 1), 1);
  }

  /** @param {number} factor @param {number} [x] @param {number} [y] */
  #to(factor, x, y) {
    const box = this.image.getBoundingClientRect(), frame = this.frame.getBoundingClientRect();
    const px = x ?? frame.left + frame.width / 2, py = y ?? frame.top + frame.height / 2;
    const across = (px - box.left) / (box.width || 1), down = (py - box.top) / (box.height || 1);
    if (factor <= this.#fitting() * 1.01) { this.fit(); return; }
    this.#set(Math.min(factor, MOST), across, down, px - frame.left, py - frame.top);
  }

  /** @param {number} factor @param {number} across @param {number} down @param {number} [left] @param {number} [top] */
  #set(factor, across, down, left = 0, top = 0) {
    this.#show(factor);
    if (factor) {
      const box = this.image.getBoundingClientRect();
      this.frame.scrollTo(across * box.width - left, down * box.height - top);
    }
    this.told(factor ? `${Math.round(factor * 100)} %` : t("whole picture"));
    this.changed();
  }

  /** @param {number} factor */
  #show(factor) {
    this.factor = factor;
    this.frame.classList.toggle("zoomed", factor > 0);
    this.image.style.width = factor ? `${this.image.naturalWidth * factor}px` : "";
  }
}

/** Zoom and place of both are the same from now on, wherever somebody changes them. @param {Zoom} one @param {Zoom} other */
export function together(one, other) {
  one.changed = () => { if (!other.frame.hidden) other.follow(one); };
  other.changed = () => { if (!other.frame.hidden) one.follow(other); };
}
