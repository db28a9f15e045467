// @ts-check
// What is selected in the list of a page: by click, range, frame and key.

import { keys, the, toast } from "./common.js";
import { currentInSight, currentItem, items, list } from "./lists.js";
import { num, t } from "./words.js";

/** The image where an action takes one; says so where there are more. @param {string[]} ids @returns {string | undefined} */
export function onlyOne(ids) {
  if (ids.length > 1) toast(t("Select one image: {count} are selected.", { count: ids.length }));
  return ids.length === 1 ? ids[0] : undefined;
}

/** What is selected, by id: it may hold what is not loaded. */
export class Selection {
  /** @param {Record<string, () => void>} actions what the buttons of the bar do */
  constructor(actions) {
    /** @type {Set<string>} */
    this.ids = new Set();
    /** @type {string | null} */
    this.anchor = null;
    this.actions = actions;
    this.bar = the("selection", HTMLElement);
    this.bar.addEventListener("click", (event) => {
      const action = event.target instanceof Element ? event.target.closest("[data-action]")?.getAttribute("data-action") : null;
      if (action === "clear") this.clear(); else if (action) this.actions[action]?.();
    });
    document.addEventListener("shown", () => this.show());
    keys({
      " ": [t("Select"), () => { const item = currentItem(); if (item) this.toggle(item); }],
      "Escape": [t("Clear the selection"), () => this.clear()],
    });
  }

  /** The selected, or else the current one if it is in sight. @returns {string[]} */
  chosen() {
    if (this.ids.size && !list().inert) return [...this.ids];
    const id = currentInSight()?.dataset.id;
    return id ? [id] : [];
  }

  /** @param {HTMLElement} item @param {boolean} [range] */
  toggle(item, range = false) {
    const id = item.dataset.id ?? "", all = items();
    const from = all.findIndex((one) => one.dataset.id === this.anchor), to = all.indexOf(item);
    if (range && from >= 0) {
      for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) this.ids.add(one.dataset.id ?? "");
    } else {
      if (!this.ids.delete(id)) this.ids.add(id);
      this.anchor = id;
    }
    this.show();
  }

  /** @param {Iterable<string>} ids */
  set(ids) { this.ids = new Set(ids); this.show(); }
  clear() { this.set([]); }

  /** Mark what is selected, and show the bar. */
  show() {
    for (const item of items()) {
      const on = this.ids.has(item.dataset.id ?? "");
      item.classList.toggle("selected", on);
      const box = item.querySelector("input[type=checkbox]");
      if (box instanceof HTMLInputElement) box.checked = on;
      item.querySelector(".pick")?.setAttribute("aria-pressed", String(on));
    }
    list().classList.toggle("selecting", this.ids.size > 0);
    the("selected-count", HTMLElement).textContent = num(this.ids.size);
    this.bar.hidden = this.ids.size === 0;
    document.dispatchEvent(new CustomEvent("selected"));
  }

  /** Clicks and frames on a grid of tiles. */
  onTiles() {
    document.addEventListener("click", (event) => {
      const pick = event.target instanceof Element ? event.target.closest("#list .pick") : null;
      if (!pick || this.framed) return;
      const item = items().find((one) => one.contains(pick));
      if (item) this.toggle(item, event.shiftKey);
    });
    document.addEventListener("pointerdown", (event) => this.#frame(event));
  }

  framed = false;
  /** Draw a frame over the grid, and select what it touches. @param {PointerEvent} down */
  #frame(down) {
    const place = list();
    if (down.pointerType === "touch" || down.button !== 0 || !(down.target instanceof Element)) return;
    if (!place.contains(down.target) || down.target.closest("input, a, button:not(.pick), label")) return;
    const before = down.shiftKey || down.ctrlKey || down.metaKey ? new Set(this.ids) : new Set();
    const from = { x: down.pageX, y: down.pageY };
    /** @type {HTMLElement | null} */
    let box = null;
    const moved = (/** @type {PointerEvent} */ event) => {
      if (!box && Math.hypot(event.pageX - from.x, event.pageY - from.y) < 8) return;
      if (!box) { box = newFrame(); this.framed = true; }
      const [left, top] = [Math.min(from.x, event.pageX), Math.min(from.y, event.pageY)];
      const [right, bottom] = [Math.max(from.x, event.pageX), Math.max(from.y, event.pageY)];
      Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
      const touched = items().filter((item) => {
        const at = item.getBoundingClientRect();
        return at.left + scrollX < right && at.right + scrollX > left && at.top + scrollY < bottom && at.bottom + scrollY > top;
      });
      this.set([...before, ...touched.map((one) => one.dataset.id ?? "")]);
      event.preventDefault();
    };
    const up = () => {
      removeEventListener("pointermove", moved);
      box?.remove();
      setTimeout(() => { this.framed = false; }, 0); // after the click that follows
    };
    addEventListener("pointermove", moved);
    addEventListener("pointerup", up, { once: true });
    addEventListener("pointercancel", up, { once: true });
  }
}

function newFrame() {
  const box = document.createElement("div");
  box.className = "frame-box";
  document.body.append(box);
  return box;
}
