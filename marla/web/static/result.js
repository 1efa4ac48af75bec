/** The first rows of a result, and where it is; and what all of an execution's tasks took. */

import { get, ofExecution } from "./api.js";
import { byId, copies, el, fill, setText } from "./dom.js";
import { count, dollars, duration, many, size } from "./format.js";

const ROWS = 20;
/** What is said where the records of tasks are gone. */
export const GONE =
  "The records of this job's tasks were deleted, or have expired (90 days): there is nothing to add up.";

/**
 * Show the result of a job that succeeded.
 * @param {string} execution its name
 * @param {any} output of the execution
 * @param {string} setAside which records could not be read, in a sentence
 */
export async function showResult(execution, output, setAside) {
  const box = byId("result");
  fill(box, el("p", { class: "quiet" }, "Reading it…"));
  const warning = setAside && el("p", { class: "notice wrap" }, setAside);
  let found;
  try {
    found = await get(ofExecution(execution, `/result?rows=${ROWS}`));
  } catch (error) {
    // A result without rows (raw, for one) is none that could be shown, but it is there all the same.
    fill(
      box,
      el("p", { class: "notice" }, /** @type {Error} */ (error).message),
      warning,
      places(output?.result ?? []),
    );
    return;
  }
  const rows = found.rows ?? [];
  const columns = found.columns ?? [];
  const total = found.total ?? output?.counters?.resultRecords;
  const said = rows.length === total
    ? `${many(total, "row")}.`
    : `The first ${many(rows.length, "row")} of ${count(total)}.`;
  fill(
    box,
    warning,
    el("p", { id: "result-said" }, rows.length ? said : "The result has no rows."),
    rows.length > 0 &&
      el(
        "div",
        { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "result-said" },
        el(
          "table",
          { class: "result" },
          el("caption", { class: "visually-hidden" }, "First rows of the result"),
          columns.length > 0 &&
            el(
              "thead",
              {},
              el("tr", {}, columns.map((/** @type {string} */ name) => el("th", { scope: "col" }, name))),
            ),
          el(
            "tbody",
            {},
            rows.map((/** @type {any} */ row) =>
              el("tr", {}, [row].flat().map((cell) => el("td", {}, cellText(cell))))
            ),
          ),
        ),
      ),
    places(found.uris ?? output?.result ?? []),
  );
}

/** @param {any} value */
function cellText(value) {
  return value === null || value === undefined
    ? ""
    : typeof value === "object"
    ? JSON.stringify(value)
    : String(value);
}

/** @param {string[]} uris */
function places(uris) {
  const button = el("button", { type: "button", class: "small right" }, "Copy");
  copies(button, () => uris.join("\n"));
  return el(
    "section",
    { "aria-labelledby": "result-uris" },
    el("div", { class: "tools" }, el("h3", { id: "result-uris" }, many(uris.length, "object")), button),
    el("ul", { class: "plain mono uris" }, uris.map((uri) => el("li", {}, uri))),
  );
}

/**
 * Return why more tasks were done than the phases say, or nothing where the numbers are the same: workers that
 * were at work when an execution was stopped, or failed, do their tasks all the same.
 * @param {any} totals
 * @param {any} summary of the execution
 */
export function lateText(totals, summary) {
  const late = totals.tasks - summary.succeeded;
  if (summary.status === "SUCCEEDED" || !(late > 0)) return "";
  return `${many(late, "task")} ${late === 1 ? "was" : "were"} finished after the end, ` +
    `beside the ${count(summary.succeeded)} that the phases count.`;
}

/**
 * Show the sums of all tasks of a finished execution, and what they cost.
 * @param {string} execution its name
 * @param {any} summary of it
 */
export async function showTotals(execution, summary) {
  const totals = await get(ofExecution(execution, "/totals"));
  const late = totals.gone ? "" : lateText(totals, summary);
  setText(byId("totals-late"), late);
  byId("totals-late").hidden = !late;
  if (totals.gone) {
    fill(byId("totals"), el("div", {}, el("dt", {}, "Records of tasks"), el("dd", {}, GONE)));
    byId("cost").hidden = byId("advice").hidden = true;
    byId("totals-card").hidden = false;
    return;
  }
  const bill = totals.dollars;
  const isLocal = document.body.dataset.local === "yes";
  const facts = [
    ["Tasks", count(totals.tasks)],
    ["Attempts", count(totals.attempts)],
    ["Failed attempts", count(totals.failed)],
    ["Cold starts", count(totals.coldStarts)],
    ["Backups", count(totals.backups)],
    ["Reused", totals.reused > 0 ? many(totals.reused, "task") : "—"],
    ["Input records", count(totals.inputRecords)],
    ["Input bytes", size(totals.inputBytes)],
    ["Billed time", duration(totals.billedMs === undefined ? null : totals.billedMs / 1000)],
    ["Lambda", totals.gbSeconds === undefined ? "—" : `${Number(totals.gbSeconds).toFixed(2)} GB-s`],
    [isLocal ? "Would cost on AWS" : "Cost", dollars(bill?.total)],
  ].filter(([, value]) => value !== "—");
  fill(byId("totals"), facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
  const parts = bill?.parts ?? [];
  byId("cost").hidden = !parts.length;
  fill(
    byId("cost"),
    el(
      "details",
      {},
      el("summary", {}, "Cost by part"),
      el(
        "table",
        {},
        el("caption", { class: "visually-hidden" }, "Cost by part"),
        el(
          "tbody",
          {},
          parts.map((/** @type {any} */ one) =>
            el(
              "tr",
              {},
              el("th", { scope: "row" }, one.part),
              el("td", { class: "number" }, dollars(one.dollars)),
            )
          ),
        ),
      ),
      el(
        "p",
        { class: "quiet" },
        `Prices of ${bill?.region}, as of ${bill?.asOf}. `,
        (bill?.notes ?? []).join(" "),
      ),
    ),
  );
  const advice = totals.advice ?? [];
  byId("advice").hidden = !advice.length;
  fill(
    byId("advice"),
    advice.map((/** @type {any} */ one) => el("li", {}, el("strong", {}, one.title), ` ${one.text}`)),
  );
  byId("totals-card").hidden = false;
}
