// @ts-check
// Coarser or finer: the slider over the compared settings, using one, and taking that back.

import { actor, alertOf, api, base, done, onRefresh, Refused, the, toast, undoEvents } from "./common.js";
import { followed, followRun, trouble } from "./run_progress.js";
import { nameUnnamed } from "./suggested.js";
import { t } from "./words.js";

const REGIONS = ["views", "head", "list"];
const WAIT_MS = 120; // while the slider moves

/** The newest question to the server: the answer to an older one is not shown. */
let asked = 0;
let busy = false;

/** Show the page at an address, keeping what has the focus. @param {URL} url */
async function show(url) {
  const number = ++asked, focus = document.activeElement?.id, at = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.at;
  document.getElementById("preview")?.setAttribute("aria-busy", "true");
  const answer = await fetch(url);
  if (number !== asked) return;
  if (!answer.ok) throw new Refused(t("The service answered {status}.", { status: String(answer.status) }), answer.status);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (number !== asked) return;
  for (const id of REGIONS) {
    const now = document.getElementById(id), next = fresh.getElementById(id);
    if (now && next) now.replaceChildren(...next.childNodes);
  }
  align();
  void nameUnnamed();
  history.replaceState(null, "", url);
  const place = at && !focus ? document.querySelector(`a[data-at="${CSS.escape(at)}"]`) : focus ? document.getElementById(focus) : null;
  if (place instanceof HTMLElement) place.focus({ preventScroll: true });
}

/** The stops of the slider stand over the middle of their numbers. */
function align() {
  const slider = document.getElementById("at"), count = settings().length;
  if (!slider || !count) return;
  slider.style.width = `${100 - 100 / count}%`;
  slider.style.marginLeft = `${50 / count}%`;
}

/** @param {string} setting */
function addressOf(setting) {
  const url = new URL(location.href);
  url.searchParams.set("at", setting);
  return url;
}
const again = (/** @type {URL} */ url = new URL(location.href)) => show(url).catch(alertOf);
onRefresh(async () => { await again(); });

const settings = () => /** @type {HTMLElement[]} */ ([...document.querySelectorAll("a[data-at]")]);
align();
void nameUnnamed();
let timer = 0;
the("list", HTMLElement).addEventListener("input", (event) => {
  const slider = event.target;
  if (!(slider instanceof HTMLInputElement) || slider.id !== "at") return;
  const link = settings()[Number(slider.value)];
  if (!link) return;
  slider.setAttribute("aria-valuetext", link.title);
  settings().forEach((one) => { if (one === link) one.setAttribute("aria-current", "true"); else one.removeAttribute("aria-current"); });
  clearTimeout(timer);
  timer = setTimeout(() => again(addressOf(link.dataset.at ?? "")), WAIT_MS);
});

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("a[data-at], button")) : null;
  if (!target) return;
  if (target.matches("a[data-at]")) { event.preventDefault(); void again(addressOf(target.dataset.at ?? "")); }
  else if (target.id === "compare") void working(compare);
  else if (target.id === "cluster-now") void working(cluster);
  else if (target.id === "use") void working(() => use(target.dataset.at ?? ""));
  else if (target.id === "undo-choice") void undoEvents([Number(target.dataset.event)]); // "undone" below clusters
});

/** One thing at a time. @param {() => Promise<unknown>} work */
async function working(work) {
  if (busy) return;
  busy = true;
  const buttons = /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("#use, #compare, #cluster-now, #undo-choice"));
  buttons.forEach((button) => { button.disabled = true; });
  try { await work(); } catch (error) { alertOf(error); } finally { busy = false; }
  await again();
}

async function compare() {
  const run = await followRun((await api(`${base}/granularity/compare`, { method: "POST", json: {} })).id);
  if (run.state !== "succeeded") throw new Refused(trouble(run), 0);
}

async function cluster() {
  const started = await api("/api/v1/cluster/run", { method: "POST", json: { category: document.body.dataset.category, only: "clusters" } });
  await followed(started.id);
}

/** @param {string} setting */
async function use(setting) {
  const made = await api(`${base}/granularity`, { method: "POST", json: { value: setting, actor: actor() } });
  if (made.run) await followed(made.run.id);
  const link = { text: t("Clusters"), href: location.pathname.replace(/\/granularity$/, "") };
  if (made.event) done([made.event.number], t("Granularity {setting}.", { setting }), { link });
  else toast(t("Clustered at {setting}.", { setting }), { link });
}

// taking back the choice brings the clusters back, too
document.addEventListener("undone", () => { void working(cluster); });

const running = the("list", HTMLElement).dataset.running;
if (running) void working(async () => { await followRun(running); });
