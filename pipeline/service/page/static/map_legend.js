// @ts-check
// The legend of the map: what each colour is and how many images it has, sorted and filtered.

import { made, the } from "./common.js";
import { language, num, t } from "./words.js";

/** @typedef {{ label: string, colour: [number, number, number], count: number, points: () => number[] }} Entry */

const SHOWN = 100;
/** @type {Entry[]} */
let entries = [];
/** @type {(points: number[]) => void} */
let chosen = () => {};

/** @param {(points: number[]) => void} run called with the points of the entry that is clicked */
export function onLegend(run) { chosen = run; }

/** @param {Entry[]} fresh */
export function showLegend(fresh) {
  entries = fresh;
  draw();
}

function draw() {
  const words = the("legend-filter", HTMLInputElement).value.trim().toLowerCase(), order = the("legend-order", HTMLSelectElement).value;
  const fitting = entries.filter((one) => one.label.toLowerCase().includes(words));
  const names = new Intl.Collator(language, { numeric: true });
  fitting.sort(order === "name" ? (a, b) => names.compare(a.label, b.label) : (a, b) => b.count - a.count);
  const items = fitting.slice(0, SHOWN).map((entry) => {
    const item = made("li"), button = /** @type {HTMLButtonElement} */ (made("button")), dot = made("span", "", "dot");
    button.type = "button";
    dot.style.background = `rgb(${entry.colour.join(" ")})`;
    button.append(dot, made("span", entry.label), made("span", num(entry.count), "count"));
    button.addEventListener("click", () => chosen(entry.points()));
    item.append(button);
    return item;
  });
  if (fitting.length > SHOWN) items.push(made("li", t("and {count} more", { count: fitting.length - SHOWN }), "soft"));
  if (!fitting.length) items.push(made("li", t("Nothing is called that."), "soft"));
  the("legend", HTMLElement).replaceChildren(...items);
}
the("legend-filter", HTMLElement).addEventListener("input", draw);
the("legend-order", HTMLElement).addEventListener("change", draw);
