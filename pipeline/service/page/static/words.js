// @ts-check
// The words of the page in the language of the reader. The catalogue is a file of its own, which is loaded first; what
// it lacks is shown in English. The templates use the same one: pipeline/service/page/language.py.

/** @typedef {string | { one: string, other: string }} Entry */

const catalogue = /** @type {Record<string, Entry>} */ (/** @type {any} */ (globalThis).WORDS ?? {});
export const language = document.documentElement.lang || "en";

/** A number as it is written in the language. @param {number} value */
export const num = (value) => value.toLocaleString(language);

/**
 * The English text in the language of the page, with its {places} filled. `n` is a number, and chooses the form.
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 */
export function t(text, values = {}) {
  const entry = catalogue[text] ?? text;
  const words = typeof entry === "string" ? entry : values["n"] === 1 ? entry.one : entry.other;
  return words.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name];
    return value === undefined ? place : typeof value === "number" ? num(value) : value;
  });
}

/** Sentences that the service says in English, each with what recognises it: pipeline/service/page/sentences.py.
 * @type {[string, RegExp][]} */
const sentences = (/** @type {any} */ (globalThis).WORDS?.["@said"] ?? []).map((/** @type {[string, string]} */ [text, pattern]) => [text, new RegExp(`^(?:${pattern})$`, "s")]);

/** An English sentence of the service in the language of the page; itself if it is none that is known. @param {string} text @returns {string} */
export function said(text) {
  for (const [sentence, pattern] of sentences) {
    const found = pattern.exec(text);
    if (!found) continue;
    /** @type {Record<string, string>} */
    const values = {};
    for (const [name, value] of Object.entries(found.groups ?? {})) values[name] = inPlace(name, value);
    return t(sentence, values);
  }
  return text;
}

/** A reason inside of a sentence may have lost its full stop. @param {string} text */
function reason(text) {
  const stopped = said(`${text}.`);
  return stopped === `${text}.` ? said(text) : stopped.replace(/\.$/, "");
}

/** @param {string} name @param {string} value */
function inPlace(name, value) {
  if (name === "what") return said(value);
  if (name === "reason") return reason(value);
  if (name === "status") return t(value);
  if (name === "category") return value.replace(/^“(.*)”$/, (_, text) => quoted(text));
  if (name === "set_aside") return t(value.replace(/_/g, " "));
  const [count = "", word = ""] = value.split(" ");
  return name === "images" || name === "groups" ? many(Number(count.replace(/,/g, "")), word.replace(/s$/, "")) : value;
}

/** A text in the quotation marks of the language. @param {string} text */
export const quoted = (text) => t("“{text}”", { text });

/** A number of something. @param {number} count @param {string} word what one of it is called in English */
export const many = (count, word) => t(`{n} ${word}`, { n: count });

/** What is clustered here: image, or object in an image. */
const unit = document.body.dataset.unit ?? "image";
/** @param {number} count */
export const manyUnits = (count) => many(count, unit);
