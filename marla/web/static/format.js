/** Numbers, times and statuses for people, as the command line writes them. */

import { el } from "./dom.js";

const COUNT = new Intl.NumberFormat("en");
const CURRENCY = /** @type {const} */ ({ style: "currency", currency: "USD" });
const DOLLARS = new Intl.NumberFormat("en", CURRENCY);
const CENTS = new Intl.NumberFormat("en", { ...CURRENCY, maximumSignificantDigits: 3 });
const NOTHING = "—";

/** @param {number | null | undefined} value */
export function count(value) {
  return value === null || value === undefined ? NOTHING : COUNT.format(value);
}

/**
 * Return a number of bytes: 1.5 MB.
 * @param {number | null | undefined} value
 */
export function size(value) {
  if (value === null || value === undefined) return NOTHING;
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${tenths(value)} ${units[unit]}`;
}

/**
 * Return a number with one decimal, rounded as Python does it: of two that are as near, to the even one. Only
 * quarters lie between two tenths, and three quarters are rounded up either way.
 * @param {number} value not negative
 */
function tenths(value) {
  return (value % 1 === 0.25 ? value - 0.05 : value).toFixed(1);
}

/**
 * Return a time: 1.2 s, 2 min 5 s, 1 h 2 min.
 * @param {number | null | undefined} value in seconds
 */
export function duration(value) {
  if (value === null || value === undefined) return NOTHING;
  if (value > 0 && value < 0.0995) return `${Math.max(1, Math.round(value * 1000))} ms`;
  if (value < 99.95) return `${Math.max(0, value).toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** @param {number | null | undefined} value memory in MiB, which Lambda calls MB */
export function memory(value) {
  return value ? `${COUNT.format(value)} MB` : NOTHING;
}

/** Tasks a second: fewer are counted by the minute. */
const LOW_RATE = 0.1;

/**
 * Return a rate: 0.25 tasks/s, 1,250 tasks/s, 2.1 tasks/min.
 * @param {number | null | undefined} value tasks a second
 */
export function rate(value) {
  if (value === null || value === undefined) return NOTHING;
  const [number, unit] = value < LOW_RATE ? [60 * value, "min"] : [value, "s"];
  const text = number >= 100 ? COUNT.format(Math.round(number)) : number.toFixed(number >= 1 ? 1 : 2);
  return `${text} tasks/${unit}`;
}

/**
 * Return what people call a step: phases, which have it from the command line's code, are called the same.
 * @param {any} step
 * @param {number} stages of the job
 */
export function stepName(step, stages) {
  const kind = step.step
    ? `${step.sample ? "Sample, reduce" : "Reduce"} step ${step.step}`
    : step.sample
    ? "Sample"
    : "Map";
  return stages > 1 ? `Stage ${step.stage}: ${kind}` : kind;
}

/**
 * Return an amount: cents from a dollar on, else three digits that count.
 * @param {number | string | null | undefined} value
 */
export function dollars(value) {
  if (value === null || value === undefined) return NOTHING;
  const amount = Number(value);
  if (!Number.isFinite(amount)) return String(value);
  return (Math.abs(amount) >= 1 ? DOLLARS : CENTS).format(amount);
}

/**
 * Return a moment by the clock of who reads it, today's without the date.
 * @param {string | null | undefined} iso
 */
export function moment(iso) {
  if (!iso) return NOTHING;
  const at = new Date(iso);
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString("en-GB") : dated(at);
}

/** @param {Date} at */
function dated(at) {
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
  return `${date} ${at.toLocaleTimeString("en-GB")}`;
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0");
}

/**
 * Return an element with a moment: its full form is in the tooltip.
 * @param {string | null | undefined} iso
 */
export function time(iso) {
  return iso ? el("time", { datetime: iso, title: iso }, moment(iso)) : NOTHING;
}

const WITH_ZONE = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });

/**
 * Return an element with date and time by the clock of who reads it, whose zone is in the tooltip.
 * @param {string | null | undefined} iso
 */
export function dateTime(iso) {
  if (!iso) return NOTHING;
  const at = new Date(iso);
  return el("time", { datetime: iso, title: WITH_ZONE.format(at) }, dated(at));
}

/** @param {any} value */
export function json(value) {
  return JSON.stringify(value, null, 2) ?? "";
}

/**
 * Statuses of executions and of tasks: mark, words, and the class that gives the colour.
 * @type {Record<string, [string, string, string]>}
 */
const STATUSES = {
  RUNNING: ["▶\uFE0E", "Running", "is-running"],
  SUCCEEDED: ["✓", "Succeeded", "is-succeeded"],
  FAILED: ["✕", "Failed", "is-failed"],
  TIMED_OUT: ["⏱\uFE0E", "Timed out", "is-failed"],
  ABORTED: ["■", "Stopped", "is-stopped"],
  PENDING_REDRIVE: ["▷\uFE0E", "Waits to be redriven", "is-stopped"],
  DONE: ["✓", "Done", "is-succeeded"],
  KILLED: ["✕", "Killed", "is-failed"],
  CAUGHT: ["⚠\uFE0E", "Error caught", "is-caught"],
  STOPPED: ["■", "Stopped", "is-stopped"],
  IDLE: ["", "Not reached", "is-idle"],
};

/**
 * Return a status in words.
 * @param {string} name
 */
export function statusText(name) {
  return STATUSES[name.toUpperCase()]?.[1] ?? name;
}

/**
 * Return a status as an element: mark, words and colour.
 * @param {string} name
 */
export function status(name) {
  const [mark, words, kind] = STATUSES[name.toUpperCase()] ?? ["", name, "is-idle"];
  return el(
    "span",
    { class: `status ${kind}` },
    el("span", { "aria-hidden": "true", class: "mark" }, mark),
    words,
  );
}

/** @param {string} name of an execution's status */
export function isFinal(name) {
  return ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"].includes(name);
}

/**
 * Return "1 task", "2 tasks".
 * @param {number} number
 * @param {string} noun
 */
export function many(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}
