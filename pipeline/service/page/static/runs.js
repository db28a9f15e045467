// @ts-check
// Runs: starting one, and following it as it goes.

import { alertOf, api, category, many, onRefresh, Refused, the, toast } from "./common.js";
import { showAgain } from "./lists.js";

onRefresh(() => showAgain());
const button = document.getElementById("run-now"), cancel = document.getElementById("cancel");
/** @type {string | null} */
let running = null;

button?.addEventListener("click", async () => {
  try {
    const run = await api("/api/v1/cluster/run", { method: "POST", json: { category } });
    follow(run.id);
  } catch (error) { alertOf(error); }
});
cancel?.addEventListener("click", () => { if (running) api(`/api/v1/runs/${running}/cancel`, { method: "POST" }).catch(alertOf); });

/** @param {string} id */
function follow(id) {
  running = id;
  the("progress", HTMLElement).hidden = false;
  if (button instanceof HTMLButtonElement) button.disabled = true;
  if (cancel) cancel.hidden = false;
  const bar = the("bar", HTMLProgressElement), phase = the("phase", HTMLElement), said = the("said", HTMLElement);
  phase.textContent = "Waiting …";
  bar.removeAttribute("value");
  const events = new EventSource(`/api/v1/runs/${id}/events`);
  events.addEventListener("progress", (event) => {
    const { phase: name, done, total } = JSON.parse(event.data);
    phase.textContent = `${name}: ${Number(done).toLocaleString("en")} of ${many(Number(total), "image")}`;
    if (total) { bar.max = total; bar.value = done; }
  });
  events.addEventListener("notice", (event) => { said.textContent = JSON.parse(event.data).text; });
  events.addEventListener("state", (event) => {
    const run = JSON.parse(event.data);
    if (run.state === "queued") { phase.textContent = "Waiting for another run …"; return; }
    if (run.state === "running") { phase.textContent = "Running …"; return; }
    events.close();
    ended(run);
  });
  events.addEventListener("error", () => { if (events.readyState === EventSource.CLOSED) ended({ state: "lost" }); });
}

/** @param {{ state: string, error?: string | null }} run */
function ended(run) {
  running = null;
  the("progress", HTMLElement).hidden = true;
  if (button instanceof HTMLButtonElement) button.disabled = false;
  if (cancel) cancel.hidden = true;
  if (run.state === "succeeded") toast("The run is done.");
  else if (run.state === "cancelled") toast("The run was stopped; finished work is kept.");
  else alertOf(new Refused(run.error ?? "The connection to the run was lost. Reload the page.", 0));
  showAgain().catch(alertOf);
}

const open = document.querySelector("[data-run][data-state=running], [data-run][data-state=queued]");
if (open instanceof HTMLElement && open.dataset.run) follow(open.dataset.run);

