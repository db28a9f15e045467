// @ts-check
// Runs: starting one, and following it as it goes.

import { alertOf, api, base, category, onRefresh, Refused, toast } from "./common.js";
import { showAgain } from "./lists.js";
import { followRun, toldHeld, trouble } from "./run_progress.js";
import { t } from "./words.js";

onRefresh(() => showAgain());
const button = document.getElementById("run-now"), cancel = document.getElementById("cancel");
/** @type {string | null} */
let running = null;

button?.addEventListener("click", async () => {
  try {
    const run = await api("/api/v1/cluster/run", { method: "POST", json: { category } });
    await follow(run.id);
  } catch (error) { alertOf(error); }
});
cancel?.addEventListener("click", () => { if (running) api(`/api/v1/runs/${running}/cancel`, { method: "POST" }).catch(alertOf); });

document.addEventListener("click", async (event) => {
  const accept = event.target instanceof Element ? event.target.closest("#accept") : null;
  if (!(accept instanceof HTMLButtonElement)) return;
  accept.disabled = true;
  try {
    await api(`${base}/publications/${encodeURIComponent(accept.dataset.version ?? "")}/accept`, { method: "POST" });
    toast(t("Published."));
  } catch (error) { alertOf(error); }
  await showAgain();
});

/** @param {string} id */
async function follow(id) {
  running = id;
  if (button instanceof HTMLButtonElement) button.disabled = true;
  if (cancel) cancel.hidden = false;
  const run = await followRun(id);
  running = null;
  if (button instanceof HTMLButtonElement) button.disabled = false;
  if (cancel) cancel.hidden = true;
  if (run.state === "succeeded") { if (!toldHeld(run)) toast(t("The run is done.")); }
  else if (run.state === "cancelled") toast(trouble(run));
  else alertOf(new Refused(trouble(run), 0));
  await showAgain();
}

const open = document.querySelector("[data-run][data-state=running], [data-run][data-state=queued]");
if (open instanceof HTMLElement && open.dataset.run) follow(open.dataset.run).catch(alertOf);
