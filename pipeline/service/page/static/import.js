// @ts-check
// Importing names and tags: choosing where they are, seeing what would happen, doing it. One undo takes it back.

import { actor, alertOf, api, base, done, made, Refused, slug, the } from "./common.js";
import { many, num, t } from "./words.js";

const form = /** @type {HTMLFormElement | null} */ (document.getElementById("import"));
const HOW = /** @type {Record<string, string>} */ ({ named: t("names a cluster that has no name"), joined: t("joins the cluster of that name"), renamed: t("renames the cluster of just these images"), made: t("becomes a new cluster") });
const source = () => String(new FormData(form ?? undefined).get("source"));

/** The files of the chosen source, each under its path below the folder that was chosen. @returns {[string, File][]} */
function files() {
  const of = (/** @type {string} */ id) => [...(the(id, HTMLInputElement).files ?? [])];
  if (source() === "csv") return of("csv").map((file) => [file.name, file]);
  if (source() === "folders") return [];
  const below = of("xmp-folder").map((file) => /** @type {[string, File]} */ ([file.webkitRelativePath.split("/").slice(1).join("/") || file.name, file]));
  return [...below, ...of("xmp-files").map((file) => /** @type {[string, File]} */ ([file.name, file]))]
    .filter(([name]) => /\.(xmp|zip)$/i.test(name));
}

/** @param {boolean} apply */
function ask(apply) {
  const without = source() !== "folders" && !files().length;
  if (without) throw new Refused(source() === "xmp" ? t("Choose the folder or the files of the sidecars first.") : t("Choose the CSV file first."), 0);
  const body = new FormData();
  body.set("source", source());
  body.set("under", String(new FormData(form ?? undefined).get("under") ?? ""));
  body.set("apply", String(apply));
  body.set("actor", actor());
  for (const [name, file] of files()) body.append("files", file, name);
  return api(`${base}/import`, { method: "POST", body });
}

/** @param {any} plan */
function show(plan) {
  the("plan", HTMLElement).hidden = false;
  const told = the("told", HTMLElement);
  told.textContent = plan.decisions ? t("{names} and {tags}", { names: many(plan.total_kinds, "name"), tags: many(plan.total_tags, "tag") }) : t("Nothing would change: all of it is so already.");
  the("apply", HTMLElement).hidden = !plan.decisions;
  const troubles = /** @type {[number, string[], string][]} */ ([[plan.total_unknown, plan.unknown, t("Named, but not here")],
    [plan.total_contradicting, plan.contradicting, t("With two names, of which the first holds")],
    [plan.total_unreadable, plan.unreadable, t("Sidecars that cannot be read")]]);
  const losing = plan.losing.map((/** @type {any} */ one) => made("li", one.lost === one.images ? t("{name} loses all its {images} and ends.", { name: one.name, images: many(one.images, "image") }) : t("{name} loses {lost} of {count} images.", { name: one.name, lost: num(one.lost), count: num(one.images) }), "flag"));
  if (plan.total_losing > losing.length) losing.push(made("li", t("and {count} more", { count: plan.total_losing - losing.length }), "flag"));
  the("troubles", HTMLElement).replaceChildren(...losing, ...troubles.filter(([count]) => count).map(([count, some, text]) => made("li", t("{what}: {count}, for example {example}.", { what: text, count, example: some[0] ?? "" }), "flag")));
  the("kinds", HTMLTableElement).hidden = !plan.kinds.length;
  /** @type {HTMLTableSectionElement} */ (the("kinds", HTMLTableElement).tBodies[0]).replaceChildren(...plan.kinds.map((/** @type {any} */ kind) => {
    const row = made("tr");
    row.append(made("td", kind.name), made("td", num(kind.images)), made("td", HOW[kind.how] ?? kind.how), made("td", num(kind.moved)));
    return row;
  }));
  the("kinds-more", HTMLElement).textContent = plan.total_kinds > plan.kinds.length ? t("and {count} more", { count: plan.total_kinds - plan.kinds.length }) : "";
  const tags = Object.entries(plan.tags);
  the("tags", HTMLElement).textContent = tags.length ? t("Tags: {tags}", { tags: tags.map(([tag, count]) => `${tag} (${count})`).join(", ") + (plan.total_tags > tags.length ? " …" : "") }) : "";
  told.focus();
}

/** @param {HTMLButtonElement} button @param {() => Promise<void>} work */
async function working(button, work) {
  button.disabled = true;
  try { await work(); } catch (error) { alertOf(error); the("plan", HTMLElement).hidden = true; } finally { button.disabled = false; }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  void working(the("look", HTMLButtonElement), async () => show(await ask(false)));
});
form?.addEventListener("change", () => {
  the("plan", HTMLElement).hidden = true; // it answers another question
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-of]"))) part.hidden = part.dataset.of !== source();
});
document.getElementById("apply")?.addEventListener("click", () => void working(the("apply", HTMLButtonElement), async () => {
  const plan = await ask(true);
  the("plan", HTMLElement).hidden = true;
  done(plan.events, t("Imported {names} and {tags}.", { names: many(plan.total_kinds, "name"), tags: many(plan.total_tags, "tag") }), { link: { text: t("Clusters"), href: `/c/${slug}` } });
}));
