/** Why an execution failed: what `marla explain` finds, first of all on its page. */

import { el } from "./dom.js";
import { count, duration, many } from "./format.js";

/**
 * Return what there is to say.
 * @param {any} found an explanation
 * @param {(() => void) | null} resume asks whether to resume the job; null if it cannot be
 * @returns {any[]}
 */
export function explained(found, resume) {
  const error = found.error ?? {};
  return [
    el(
      "p",
      { class: "cause" },
      el("strong", { class: "bad" }, `✕ ${error.name ?? found.status}`),
      " ",
      el("span", { class: "wrap" }, place(error)),
    ),
    error.cause &&
    el("pre", { tabindex: 0, role: "group", "aria-label": "Cause", class: "message" }, error.cause),
    where(error, found),
    excerpt(found.excerpt),
    rejects(found.rejects ?? []),
    next(found, error, resume),
    attempts(found.attempts ?? []),
    traceback(found.traceback ?? []),
    log(found.log),
  ];
}

/** @param {any} error */
function place(error) {
  const stage = error.stage !== undefined && `stage ${error.stage}`;
  const step = error.step !== undefined && error.partition !== undefined &&
    `step ${error.step}, partition ${error.partition}`;
  const task = error.task !== undefined && `task ${error.task}`;
  return [error.state, stage, error.sample && "sample", step, task].filter(Boolean).join(", ");
}

/**
 * @param {any} error
 * @param {any} found
 */
function where(error, found) {
  const others = Object.entries(found.others ?? {});
  const all = others.reduce((sum, [, number]) => sum + Number(number), 0);
  const at = error.offset === undefined ? "" : ` at byte ${count(error.offset)}`;
  const facts = [
    ["Object", error.object && `${error.object}${at}`],
    ["Reached", found.reached],
    ["After", found.seconds !== undefined && duration(found.seconds)],
    [
      "Other tasks",
      all &&
      `${many(all, "other task")} failed: ${
        others.map(([name, number]) => `${count(Number(number))} ${name ? `× ${name}` : "not looked at"}`)
          .join(", ")
      }`,
    ],
  ].filter(([, value]) => value);
  if (!facts.length) return null;
  return el(
    "dl",
    { class: "inline-list" },
    facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", { class: "wrap" }, value))),
  );
}

/** @param {any} found */
function excerpt(found) {
  if (!found) return null;
  const lines = found.lines ?? [];
  return [
    el("h3", {}, "The lines around it"),
    lines.length > 0 &&
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "group", "aria-label": "Lines of the object" },
      el(
        "table",
        { class: "excerpt" },
        el(
          "thead",
          { class: "visually-hidden" },
          el(
            "tr",
            {},
            el("th", { scope: "col" }, "Mark"),
            el("th", { scope: "col" }, "Byte"),
            el("th", { scope: "col" }, "Line"),
          ),
        ),
        el(
          "tbody",
          {},
          lines.map((/** @type {any} */ line) =>
            el(
              "tr",
              { class: line.bad ? "is-bad" : null },
              el(
                "td",
                {},
                line.bad
                  ? el(
                    "span",
                    {},
                    el("span", { "aria-hidden": "true" }, "▸"),
                    el("span", { class: "visually-hidden" }, "the bad one"),
                  )
                  : "",
              ),
              el("td", { class: "number" }, count(line.offset)),
              el("td", { class: "line" }, line.text),
            )
          ),
        ),
      ),
    ),
    found.note && el("p", { class: "quiet" }, found.note),
  ];
}

/** @param {any[]} found */
function rejects(found) {
  if (!found.length) return null;
  return [
    el("h3", {}, "Records that were set aside"),
    table(
      "Records that were set aside",
      ["Object", "Byte", "Reason", "Record"],
      found.map((one) => [one.object, count(one.offset), one.reason, one.record]),
    ),
  ];
}

/**
 * @param {any} found
 * @param {any} error
 * @param {(() => void) | null} resume
 */
function next(found, error, resume) {
  const sentences = found.next?.length ? found.next : error.advice ? [error.advice] : [];
  if (!sentences.length && !found.command && !found.unresumable && !resume) return null;
  return el(
    "div",
    { class: "next" },
    el("h3", {}, "What to do"),
    sentences.map((/** @type {string} */ text) => el("p", {}, text)),
    found.unresumable && el("p", { class: "wrap" }, found.unresumable),
    found.command && el("p", {}, "On the command line: ", el("code", { class: "wrap" }, found.command)),
    resume &&
      el("p", {}, el("button", { type: "button", class: "primary", onclick: resume }, "Resume the job…")),
    found.url &&
      el(
        "p",
        {},
        el(
          "a",
          { href: found.url, target: "_blank", rel: "noopener noreferrer" },
          "Show the task in the AWS console",
        ),
      ),
  );
}

/** @param {any[]} found */
function attempts(found) {
  if (!found.length) return null;
  const rows = found.map((one) => [
    `${count(one.number)}${one.backup ? ", backup" : ""}`,
    one.error || "done",
    duration(one.seconds),
    one.message ?? "",
  ]);
  return [
    el("h3", {}, "Attempts at the task"),
    table("Attempts at the task", ["Attempt", "How it ended", "Time", "Message"], rows),
  ];
}

/** @param {string[]} lines */
function traceback(lines) {
  if (!lines.length) return null;
  return [
    el("h3", {}, "Traceback"),
    el("pre", { tabindex: 0, role: "group", "aria-label": "Traceback" }, lines.join("\n")),
  ];
}

/** @param {any} found */
function log(found) {
  if (!found) return null;
  const lines = found.lines ?? [];
  return [
    el("h3", {}, "The end of the worker's log"),
    lines.length > 0 &&
    el("pre", { tabindex: 0, class: "log", role: "group", "aria-label": "Log" }, lines.join("\n")),
    el(
      "p",
      { class: "quiet wrap" },
      [found.note, found.group && `Log group ${found.group}`, found.stream && `stream ${found.stream}`]
        .filter(Boolean).join(" · "),
    ),
  ];
}

/**
 * @param {string} label
 * @param {string[]} columns
 * @param {any[][]} rows
 */
function table(label, columns, rows) {
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": label },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, columns.map((text) => el("th", { scope: "col" }, text)))),
      el(
        "tbody",
        {},
        rows.map(([first, ...rest]) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, first),
            rest.map((cell, index) =>
              el("td", { class: index === rest.length - 1 ? "wrap" : null }, cell ?? "")
            ),
          )
        ),
      ),
    ),
  );
}
