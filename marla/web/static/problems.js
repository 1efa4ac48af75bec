/** What is wrong with a document: each problem at its field, and all of them at the button that starts it. */

import { byId, el, fill } from "./dom.js";

/** @typedef {import("./fields.js").Field} Field */
/**
 * What the check says: `field` is a path in the document.
 * @typedef {{field: string, message: string}} Problem
 */

/**
 * Return a problem without the path at the beginning of its message: the label beside it says it better.
 * @param {Problem} problem
 * @returns {Problem}
 */
export function inWords({ field, message }) {
  return {
    field,
    message: field && message.startsWith(`${field}: `) ? message.slice(field.length + 2) : message,
  };
}

/**
 * Show problems: all of them in the summary, and each at its field once the user has been there.
 * @param {Problem[]} problems
 * @param {string} heading of the summary
 * @param {Map<string, Field>} fields by path
 * @param {Field} whole what problems are shown at that have no field: the document
 */
export function showProblems(problems, heading, fields, whole) {
  /** @type {Map<Field, string[]>} */
  const found = new Map();
  for (const { field: path, message } of problems) {
    const field = fieldOf(path, fields) ?? whole;
    found.set(field, [...(found.get(field) ?? []), message]);
  }
  for (const field of new Set(fields.values())) {
    const texts = found.get(field) ?? [];
    field.complain(field.touched || field === whole ? texts.join("; ") : "");
  }
  const items = problems.map((problem) => item(problem, fieldOf(problem.field, fields) ?? whole, whole));
  const box = byId("problems");
  const fresh = problems.length ? [el("h3", {}, heading), el("ul", {}, items)] : [];
  // An alert is read out each time it changes: only for what is new.
  if (box.textContent !== fresh.map((node) => node.textContent).join("")) fill(box, fresh);
  box.classList.toggle("is-empty", !problems.length);
}

/**
 * @param {Problem} problem
 * @param {Field} field where it is shown
 * @param {Field} whole
 */
function item({ field: path, message }, field, whole) {
  const label = field !== whole ? field.shape.label : path === whole.shape.path ? "" : path;
  const go = (/** @type {Event} */ event) => {
    event.preventDefault();
    field.focus();
  };
  const said = label ? `${label}: ${message}` : message;
  return el("li", {}, el("a", { href: `#${field.control.id}`, onclick: go }, said));
}

/**
 * Return the field that a problem is about: its own, or that of what it is a part of.
 * @param {string} path
 * @param {Map<string, Field>} fields
 * @returns {Field | null}
 */
function fieldOf(path, fields) {
  for (let part = path; part; part = part.replace(/(^|\.|\[)[^.[]*$/, "")) {
    const field = fields.get(part);
    if (field && !field.control.disabled) return field;
  }
  return null;
}
