// @ts-check
// The ranking of a search as a file: the same question again, answered as CSV or JSON.

import { alertOf, made, Refused, slug } from "./common.js";
import { said, t } from "./words.js";

/** @param {{ json?: unknown, body?: FormData }} question @param {"csv" | "json"} form */
export async function saveRanking({ json, body }, form) {
  try {
    const headers = { Accept: "application/json", ...(json === undefined ? {} : { "Content-Type": "application/json" }) };
    const answer = await fetch("/api/v1/similarity/find", { method: "POST", headers, body: json === undefined ? body ?? null : JSON.stringify(json) });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Refused(problem.detail ? said(problem.detail) : t("The service answered {status}.", { status: String(answer.status) }), answer.status);
    }
    const link = /** @type {HTMLAnchorElement} */ (made("a"));
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `${slug}-similar.${form}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  } catch (error) { alertOf(error); }
}
