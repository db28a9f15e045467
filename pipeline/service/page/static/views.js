// @ts-check
// Views that people keep under a name: what the address says, for everybody and on every page.

import { actor, alertOf, api, base, done, keys, made, readOnly, slug, the } from "./common.js";
import { t } from "./words.js";

const dialog = the("views-dialog", HTMLDialogElement), list = the("views-list", HTMLElement), form = the("views-save", HTMLFormElement);
const name = the("views-name", HTMLInputElement);

/** What follows the category in the address, without what is only seen large. */
function here() {
  const url = new URL(location.href);
  url.searchParams.delete("view");
  return url.pathname.split("/").slice(3).join("/") + url.search;
}

/** @param {{ name: string, url: string, actor: string }} view */
function row(view) {
  const item = made("li"), link = /** @type {HTMLAnchorElement} */ (made("a", view.name));
  link.href = view.url;
  if (link.pathname + link.search === location.pathname + location.search) link.setAttribute("aria-current", "page");
  item.append(link, made("small", view.actor, "soft"));
  if (readOnly) return item;
  const remove = /** @type {HTMLButtonElement} */ (made("button", t("Remove"), "quiet tiny"));
  remove.type = "button";
  remove.setAttribute("aria-label", t("Remove the view {name}", { name: view.name }));
  remove.addEventListener("click", () => void change(() => api(`${base}/views/${encodeURIComponent(view.name)}?${new URLSearchParams({ actor: actor() })}`, { method: "DELETE" }), t("Removed the view “{name}”.", { name: view.name })));
  item.append(remove);
  return item;
}

async function show() {
  const found = await api(`${base}/views`);
  list.replaceChildren(...found.items.map(row));
  if (!found.items.length) list.append(made("li", t("No view is saved yet."), "soft"));
}

/** @param {() => Promise<{ number: number }>} work @param {string} text */
async function change(work, text) {
  try {
    done([(await work()).number], text);
    await show();
  } catch (error) { alertOf(error); }
}

function open() {
  if (!dialog.open) dialog.showModal();
  the("views-here", HTMLElement).textContent = `/c/${slug}${here() && !here().startsWith("?") ? "/" : ""}${decodeURIComponent(here())}`;
  name.value = "";
  show().catch(alertOf);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = name.value.trim();
  if (!wanted) return;
  name.value = "";
  void change(() => api(`${base}/views`, { method: "POST", json: { name: wanted, address: here(), actor: actor() } }), t("Saved the view “{name}”.", { name: wanted }));
});
document.addEventListener("undone", () => { if (dialog.open) show().catch(alertOf); });
the("views-close", HTMLElement).addEventListener("click", () => dialog.close());
the("views-button", HTMLElement).addEventListener("click", open);
keys({ "w": [t("Saved views: go to one, or keep this one"), open] });
