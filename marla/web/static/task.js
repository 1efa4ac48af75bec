/** A task: what its attempts are called, and a dialog that shows all of one of them. */

import { get, ofExecution } from "./api.js";
import { open } from "./dialog.js";
import { byId, el, fill, setText } from "./dom.js";
import { count, duration, json, many, memory, size, status, time } from "./format.js";

/** @param {any} task */
export function nameOf(task) {
  if (task.task === null || task.task === undefined) return "(not known yet)";
  return task.step ? `${count(task.partition)}/${count(task.task)}` : count(task.task);
}

/** @param {any} task */
function longName(task) {
  if (task.task === null || task.task === undefined) return "Task";
  return task.step
    ? `Task ${task.task} of partition ${task.partition}, step ${task.step}`
    : `Task ${task.task}`;
}

/**
 * Return what an attempt is called.
 * @param {any} task a row
 */
export function attemptName(task) {
  return `${longName(task)}, attempt ${task.attempt ?? 1}`;
}

/**
 * Return what is special about an attempt.
 * @param {any} task a row
 */
export function marks(task) {
  const all = [
    [task.cold, "❄\uFE0E cold start"],
    [task.backup, "⧉ backup"],
    [task.reused, "↺ reused"],
  ];
  return all.filter(([is]) => is).map(([, text]) => el("span", { class: "mark-tag" }, text));
}

/** @param {any} object @returns {string} */
export function objectText(object) {
  if (!object) return "";
  if (typeof object === "string") return object;
  const { bucket, key, start, end } = object;
  const uri = object.uri ?? (bucket ? `s3://${bucket}/${key}` : JSON.stringify(object));
  return start === undefined || start === null ? uri : `${uri}, bytes ${count(start)} to ${count(end)}`;
}

/**
 * Return all that an attempt read, as far as its record names it, each in a line.
 * @param {any} task a row
 * @returns {string}
 */
export function objectsText(task) {
  const named = task.objects ?? [task.object].filter(Boolean);
  if (!named.length) return "";
  const others = (task.more ?? 0) + 1 - named.length;
  return [...named.map(objectText), others > 0 && `and ${count(others)} more`].filter(Boolean).join("\n");
}

/**
 * Return the cell with what an attempt read: the first object, and how many there are beside it.
 * @param {any} task a row
 */
export function objectCell(task) {
  const name = objectName(task.object);
  const title = objectsText(task);
  if (!task.more) return el("span", { title }, name);
  return el("span", { title }, el("span", { class: "first" }, name), ` and ${count(task.more)} more`);
}

/** @type {Record<string, string>} what the filter's choices but "all" are called before "attempts" */
const CHOSEN = { running: "running", done: "successful", failed: "failed" };

/**
 * Return how many attempts there are, of those that are chosen and in all.
 * @param {string} status the filter's
 * @param {any} page
 */
export function countsText(status, page) {
  const { done, failed, running } = page.counts ?? {};
  const shown = CHOSEN[status] ? `${CHOSEN[status]} attempt` : "attempt";
  const all = `${count(done)} done, ${count(running)} running, ${count(failed)} failed`;
  return `${many(page.total, shown)}${CHOSEN[status] ? "; in all: " : ": "}${all}`;
}

/** @param {any} object @returns {string} the end of what it is called */
export function objectName(object) {
  const key = typeof object === "string" ? object : (object?.key ?? "");
  return key.split("/").at(-1) || key;
}

/**
 * Show all of an attempt at a task in the dialog.
 * @param {string} execution its name
 * @param {any} task a row
 */
export async function showTask(execution, task) {
  const dialog = byId("task-dialog");
  setText(byId("task-title"), longName(task));
  fill(byId("task-body"), el("p", { class: "quiet" }, "Reading it…"));
  open(dialog, byId("tab-tasks"));
  byId("task-title").focus();
  try {
    const detail = await get(ofExecution(execution, `/tasks/${encodeURIComponent(task.id)}`));
    fill(byId("task-body"), sections(task, detail, execution));
  } catch (error) {
    fill(
      byId("task-body"),
      el("p", { class: "error", role: "alert" }, /** @type {Error} */ (error).message),
    );
  }
}

/**
 * @param {any} task a row
 * @param {any} detail
 * @param {string} execution
 */
function sections(task, detail, execution) {
  const record = detail.record ?? {};
  const error = detail.error ?? task.error ?? record.error;
  const cause = detail.cause ?? record.message;
  const facts = [
    ["Status", status(detail.status ?? task.status)],
    ["Attempt", count(task.attempt)],
    ["Began", time(task.started)],
    ["Took", duration(task.seconds)],
    ["Waited before", duration(task.queuedSeconds)],
    ["Records in", count(task.recordsIn)],
    ["Records out", count(task.recordsOut)],
    ["Bytes in", size(task.bytesIn)],
    ["Bytes out", size(task.bytesOut)],
    ["Rejects", count(task.rejects)],
    ["Most memory of its worker so far", memory(task.peakMemoryMib)],
    ["Billed (by the worker's own clock)", task.billedMs ? `${count(task.billedMs)} ms` : "—"],
  ];
  const marked = marks(task);
  const ranges = record.ranges ?? [];
  return [
    Boolean(error) &&
    el(
      "section",
      { class: "failure-box" },
      el("h3", {}, "Error"),
      el("p", { class: "error" }, el("strong", {}, String(error))),
      cause && el("pre", { tabindex: 0, "aria-label": "Cause" }, causeText(cause)),
    ),
    el(
      "dl",
      { class: "inline-list" },
      facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))),
      marked.length > 0 && el("div", {}, el("dt", {}, "Marks"), el("dd", {}, marked)),
    ),
    ranges.length > 0 && [
      el(
        "h3",
        {},
        record.objects > ranges.length
          ? `The first ${ranges.length} of ${count(record.objects)} objects it read`
          : "What it read",
      ),
      el(
        "ul",
        { class: "plain mono" },
        ranges.map((/** @type {any} */ range) => el("li", {}, objectText(range))),
      ),
    ],
    (detail.records ?? []).length > 1 && [el("h3", {}, "Attempts"), attempts(detail.records, execution)],
    block("Input", detail.input),
    block("Output", detail.output),
    el("h3", {}, "Log"),
    (detail.log ?? []).length
      ? el("pre", { tabindex: 0, class: "log", role: "group", "aria-label": "Log" }, detail.log.join("\n"))
      : el("p", { class: "quiet" }, detail.logNote || "There are no lines."),
    detail.child && [el("h3", {}, "Execution of this item"), el("p", { class: "mono wrap" }, detail.child)],
    detail.awsUrl &&
    el(
      "p",
      {},
      el(
        "a",
        { href: detail.awsUrl, target: "_blank", rel: "noopener noreferrer" },
        "Show it in the AWS console",
      ),
    ),
    detail.record &&
    el(
      "details",
      {},
      el("summary", {}, "Record, as JSON"),
      el("pre", { tabindex: 0 }, json(detail.record)),
    ),
  ];
}

/**
 * Return a table of attempts at a task: a job that was resumed has some by several executions.
 * @param {any[]} records
 * @param {string} execution the one that is looked at
 */
function attempts(records, execution) {
  const name = (/** @type {any} */ record) =>
    [
      `${(record.attempt ?? 0) + 1}`,
      record.backup && "backup",
      record.execution && record.execution !== execution && `by ${record.execution}`,
    ].filter(Boolean).join(", ");
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": "Attempts" },
    el(
      "table",
      {},
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          ["Attempt", "How it ended", "Time", "Records in", "Message"].map((text) =>
            el("th", { scope: "col" }, text)
          ),
        ),
      ),
      el(
        "tbody",
        {},
        records.map((record) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, name(record)),
            el("td", {}, record.error ? el("span", { class: "bad" }, `✕ ${record.error}`) : status("DONE")),
            el("td", {}, duration(record.ended - record.started)),
            el("td", {}, count(record.recordsIn ?? 0)),
            el("td", { class: "wrap" }, record.message ?? ""),
          )
        ),
      ),
    ),
  );
}

/**
 * @param {string} title
 * @param {any} value
 */
function block(title, value) {
  if (value === null || value === undefined || value === "") return null;
  return [el("h3", {}, title), el("pre", { tabindex: 0, role: "group", "aria-label": title }, json(value))];
}

/**
 * Return the message within a cause, as Lambda words it, or the cause.
 * @param {any} cause
 */
function causeText(cause) {
  if (typeof cause !== "string") return json(cause);
  try {
    const parsed = JSON.parse(cause);
    const trace = parsed.stackTrace ?? parsed.trace ?? [];
    return parsed.errorMessage ? [parsed.errorMessage, ...trace].join("\n") : json(parsed);
  } catch {
    return cause;
  }
}
