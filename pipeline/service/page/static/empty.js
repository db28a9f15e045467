// @ts-check
// The first page of an empty data directory: choose a source, see what a run would do, and run it.

import { alertOf, api, made, Refused, the } from "./common.js";
import { followRun, trouble } from "./run_progress.js";
import { many, t } from "./words.js";

const form = document.getElementById("source");

/** Show the folders in one; "" shows those that may be looked into. @param {string} path */
async function browse(path) {
  const list = document.getElementById("folders"), up = document.getElementById("up");
  if (!list || !up) return;
  const found = await api(`/api/v1/source/folders?${new URLSearchParams({ path })}`);
  the("here", HTMLElement).textContent = found.path;
  the("here-label", HTMLElement).textContent = found.path ? t("Folders in") : t("Look into");
  up.hidden = !found.path;
  up.dataset.path = found.path.replace(/[\\/][^\\/]*$/, "");
  list.replaceChildren(...found.folders.map((/** @type {{ name: string, path: string }} */ folder) => {
    const item = made("li"), button = /** @type {HTMLButtonElement} */ (made("button", folder.name, "quiet"));
    button.type = "button";
    button.dataset.path = folder.path;
    item.append(button);
    return item;
  }));
  if (!list.children.length) list.append(made("li", t("No folders in it."), "soft"));
}

/** @param {string} path */
async function open(path) {
  the("url", HTMLInputElement).value = path;
  forgetPlan();
  await browse(path);
}

const single = () => !!(/** @type {HTMLInputElement | null} */ (document.querySelector("[name=single]:checked"))?.value);
const source = () => ({ url: the("url", HTMLInputElement).value.trim(), single: single() });

function forgetPlan() {
  the("plan", HTMLElement).hidden = true;
  the("how", HTMLElement).hidden = true;
}

/** The newest question: the answer to an older one is not shown. */
let asked = 0;
async function look() {
  const number = ++asked, button = the("look", HTMLButtonElement);
  button.disabled = true;
  try {
    const plan = await api("/api/v1/source/plan", { method: "POST", json: source() });
    if (number !== asked) return;
    the("hint", HTMLElement).textContent = plan.hint;
    the("planned", HTMLElement).replaceChildren(...plan.categories.map((/** @type {any} */ one) => {
      const item = made("li"), name = made("b", plan.single ? t("One library") : one.category);
      item.append(name, made("span", one.trouble || many(one.images, "image"), one.trouble ? "flag" : "soft"));
      return item;
    }));
    if (plan.more) the("planned", HTMLElement).append(made("li", t("and {categories} more", { categories: many(plan.more, "category") }), "soft"));
    the("start", HTMLButtonElement).disabled = !plan.images;
    the("plan", HTMLElement).hidden = false;
    the("how", HTMLElement).hidden = false;
  } catch (error) { forgetPlan(); alertOf(error); } finally { button.disabled = false; }
}

/** @param {string} id */
async function follow(id) {
  const controls = /** @type {NodeListOf<HTMLButtonElement | HTMLInputElement>} */ (document.querySelectorAll("#source button, #source input"));
  controls.forEach((control) => { control.disabled = true; });
  const run = await followRun(id);
  if (run.state === "succeeded") { location.assign("/"); return; }
  controls.forEach((control) => { control.disabled = false; });
  alertOf(new Refused(trouble(run), 0));
}

if (form) {
  form.addEventListener("submit", (event) => { event.preventDefault(); void look(); });
  form.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.name === "single") void look();
  });
  the("url", HTMLInputElement).addEventListener("input", forgetPlan);
  form.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? /** @type {HTMLButtonElement | null} */ (event.target.closest("button")) : null;
    if (button?.id === "start") {
      api("/api/v1/source/run", { method: "POST", json: source() }).then((run) => follow(run.id)).catch(alertOf);
    } else if (button?.id === "up") browse(button.dataset.path ?? "").catch(() => browse("").catch(alertOf));
    else if (button?.dataset.path) open(button.dataset.path).catch(alertOf);
  });
  browse("").catch(alertOf);
  if (form.dataset.running) follow(form.dataset.running).catch(alertOf);
}
