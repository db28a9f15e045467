// @ts-check
// Another encoder: comparing one with the one in force, using it, and taking that back.

import { actor, alertOf, api, base, done, onRefresh, Refused, the, toast, undoEvents } from "./common.js";
import { followed, followRun, trouble } from "./run_progress.js";
import { nameUnnamed } from "./suggested.js";
import { t } from "./words.js";

const REGIONS = ["views", "head", "list"];
let busy = false;

/** Show the page anew, keeping what has the focus and what is chosen. */
async function again() {
  const focus = document.activeElement?.id, other = chosen();
  const answer = await fetch(location.href);
  if (!answer.ok) throw new Refused(t("The service answered {status}.", { status: String(answer.status) }), answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of REGIONS) {
    const now = document.getElementById(id), next = fresh.getElementById(id);
    if (now && next) now.replaceChildren(...next.childNodes);
  }
  void nameUnnamed();
  const choice = document.getElementById("other");
  if (choice instanceof HTMLSelectElement && [...choice.options].some((one) => one.value === other)) choice.value = other;
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
}

const chosen = () => { const one = document.getElementById("other"); return one instanceof HTMLSelectElement ? one.value : ""; };
const shown = () => again().catch(alertOf);
onRefresh(async () => { if (!busy) await shown(); });

document.addEventListener("submit", (event) => {
  if (!(event.target instanceof HTMLFormElement) || event.target.id !== "compare-form") return;
  event.preventDefault();
  void working(compare);
});
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("button")) : null;
  if (button?.id === "run-now") void working(run);
  else if (button?.id === "use") void working(() => use(button.dataset.spec ?? ""));
  else if (button?.id === "undo-choice") void undoEvents([Number(button.dataset.event)]); // "undone" below runs
});

/** One thing at a time. @param {() => Promise<unknown>} work */
async function working(work) {
  if (busy) return;
  busy = true;
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#use, #compare, #run-now, #undo-choice"));
  buttons.forEach((button) => { button.disabled = true; });
  try { await work(); } catch (error) { alertOf(error); } finally { busy = false; }
  await shown();
  buttons.forEach((button) => { if (button.isConnected) button.disabled = false; });
}

async function compare() {
  const run = await followRun((await api(`${base}/encoder/compare`, { method: "POST", json: { spec: chosen() } })).id);
  if (run.state !== "succeeded") throw new Refused(trouble(run), 0);
}

/** Every step: the other vectors may not be there yet. */
async function run() {
  await followed((await api("/api/v1/cluster/run", { method: "POST", json: { category: document.body.dataset.category } })).id);
}

/** @param {string} spec */
async function use(spec) {
  const made = await api(`${base}/encoder`, { method: "POST", json: { spec, actor: actor() } });
  const link = { text: t("Clusters"), href: location.pathname.replace(/\/encoder$/, "") };
  const well = made.run ? await followed(made.run.id) : true;
  if (made.event) done([made.event.number], t("Encoder {encoder}.", { encoder: spec }), { link });
  else if (well) toast(t("Clustered with {encoder}.", { encoder: spec }), { link });
}

// taking back the choice brings the clusters back, too; the vectors of before are still there
document.addEventListener("undone", () => { void working(run); });

void nameUnnamed();
const running = the("list", HTMLElement).dataset.running;
if (running) void working(async () => { await followRun(running); });
