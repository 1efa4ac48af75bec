/** The phases of a job as they go, and its steps when it is done. */

import { byId, el, fill } from "./dom.js";
import { count, duration, rate, size, status, stepName } from "./format.js";
import { Rows } from "./table.js";

/** @param {any} phase */
function named(phase) {
  const more = [];
  if (phase.wave > 1 && !/wave/.test(phase.name)) more.push(`wave ${phase.wave}`);
  if (phase.sample && !/sampl/i.test(phase.name)) more.push("sample");
  return [phase.name, ...more].join(", ");
}

/**
 * Return the name of a phase among those of several stages.
 * @param {any} phase
 * @param {number} stages
 */
export function phaseName(phase, stages) {
  const own = named(phase);
  return stages > 1 && !/stage/i.test(own) ? `Stage ${phase.stage}: ${own}` : own;
}

let stages = 1;
const phases = new Rows(
  byId("phases"),
  [
    { head: true, cell: (phase) => phaseName(phase, stages) },
    { cell: (phase) => status(phase.status === "stopped" && phase.failed ? "FAILED" : phase.status) },
    {
      cell: (phase) => {
        const text = `${count(phase.succeeded)} of ${count(phase.total)}`;
        const bar = {
          max: phase.total || 1,
          value: phase.succeeded,
          "aria-label": `Tasks of ${named(phase)} done`,
        };
        return el("div", { class: "bar-cell" }, el("progress", bar), el("span", {}, text));
      },
    },
    { kind: "number", cell: (phase) => count(phase.running) },
    {
      kind: "number",
      cell: (phase) => (phase.failed ? el("strong", { class: "bad" }, `✕ ${count(phase.failed)}`) : "0"),
    },
    { kind: "number", cell: (phase) => count(phase.records) },
    { kind: "number", cell: (phase) => size(phase.bytes) },
    { kind: "number", cell: (phase) => duration(phase.seconds) },
    { kind: "number", cell: (phase) => rate(phase.perSecond) },
    { kind: "number", cell: (phase) => duration(phase.secondsLeft) },
  ],
  (phase) => String(phase.number),
  "No phase has begun.",
);

const steps = new Rows(
  byId("steps"),
  [
    { head: true, cell: (step) => stepName(step, stages) },
    { kind: "number", cell: (step) => count(step.tasks) },
    { kind: "number", cell: (step) => count(step.recordsIn) },
    { kind: "number", cell: (step) => count(step.recordsOut) },
    { kind: "number", cell: (step) => size(step.bytesIn) },
    { kind: "number", cell: (step) => size(step.bytesOut) },
    { kind: "number", cell: (step) => count(step.rejects ?? 0) },
    { kind: "number", cell: (step) => count(step.reused ?? 0) },
  ],
  (step) => `${step.stage} ${Boolean(step.sample)} ${step.step}`,
  "No step is done.",
);

/**
 * @param {any} summary of the execution
 */
export function showPhases(summary) {
  stages = summary.stages || 1;
  phases.show(summary.phases);
  const done = summary.output?.steps ?? [];
  byId("steps-card").hidden = !done.length;
  if (done.length) steps.show(done);
}

/**
 * Say what people should know of a job that succeeded all the same: what it warns of, and what it set aside.
 * @param {any} summary of the execution
 */
export function showWarnings(summary) {
  const all = [summary.setAside, ...(summary.output?.warnings ?? [])].filter(Boolean);
  byId("warnings").hidden = !all.length;
  fill(byId("warnings"), all.map((one) => el("li", {}, `⚠\uFE0E ${textOf(one)}`)));
}

/** @param {any} value */
function textOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
