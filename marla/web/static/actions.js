/** What can be done with an execution: each asked for in a dialog that says what will happen. */

import { ofExecution, post, remove } from "./api.js";
import { ask } from "./dialog.js";
import { announce, el } from "./dom.js";
import { Field } from "./fields.js";
import { many, size } from "./format.js";
import { BAD_RECORDS, LONGEST_RECORD } from "./options.js";

/**
 * Ask whether to stop an execution.
 * @param {string} name its
 * @param {() => void} done called when it is stopped
 */
export function stop(name, done) {
  ask({
    title: "Stop this execution?",
    body: [
      el("p", {}, "Workers that are at work are not waited for, and nothing is published."),
      el("p", {}, "What is done is kept: the job can be resumed, until its intermediate objects expire."),
    ],
    action: "Stop it",
    danger: true,
    work: async () => {
      await post(ofExecution(name, "/stop"));
      announce("The execution is stopped");
      done();
    },
  });
}

/** What a resumed job may have other than before, by the error that asks for it. */
const CHANGES = /** @type {Record<string, (input: any) => import("./fields.js").Shape>} */ ({
  BadRecord: badRecords,
  TooManyBadRecords: badRecords,
  RecordTooLong: () => LONGEST_RECORD,
});

/** @param {any} input of the execution that failed */
function badRecords(input) {
  const before = `this execution had maxBadRecords ${input.maxBadRecords ?? 0}`;
  return { ...BAD_RECORDS, required: true, help: `How many may be set aside, up to 1,000,000; ${before}.` };
}

/**
 * Ask whether to resume a job.
 * @param {any} summary of the execution that failed
 * @param {string} error the name of what it failed with, if that is known
 */
export function resume(summary, error) {
  const shape = CHANGES[error || summary.error]?.(summary.input ?? {});
  const field = shape && new Field(shape, () => {});
  field?.show(summary.input?.[shape.path]);
  ask({
    title: "Resume this job?",
    body: [
      el(
        "p",
        {},
        "A new execution goes on with the job: same input, same plan. What is done is not done again.",
      ),
      field
        ? field.node
        : el("p", {}, "If something outside the job was wrong, such as a permission, mend that first."),
    ],
    action: "Resume it",
    work: async () => {
      if (shape?.required && field.value() === undefined) {
        field.focus();
        throw new Error(`${shape.label}: say how many, else the job fails as before.`);
      }
      const made = await post(
        ofExecution(summary.name, "/resume"),
        field ? { [shape.path]: field.value() } : {},
      );
      location.assign(made.url ?? `/executions/${encodeURIComponent(made.name)}`);
    },
  });
}

/**
 * Ask whether to delete what a job wrote.
 * @param {any} summary of its execution
 * @param {(text: string) => void} done called when it is gone, with what is
 */
export function deleteObjects(summary, done) {
  const keep = el("input", { type: "checkbox", id: "keep-result" });
  const folder = `s3://${document.body.dataset.jobBucket}/jobs/${summary.jobId}/`;
  ask({
    title: "Delete the objects of this job?",
    body: [
      el(
        "p",
        { class: "wrap" },
        "All objects under ",
        el("code", {}, folder),
        " are deleted: intermediate ones, task records, and the result. This cannot be undone, and the job ",
        "cannot be resumed.",
      ),
      el(
        "p",
        {},
        el(
          "label",
          { class: "inline", for: "keep-result" },
          keep,
          " Keep the result, and records that were set aside",
        ),
      ),
      el("p", {}, "The execution stays in the list, for its history is not ours to delete."),
    ],
    action: "Delete",
    danger: true,
    work: async () => {
      const gone = await remove(ofExecution(summary.name, keep.checked ? "?keepResult=1" : ""));
      done(`${many(gone.objects, "object")} deleted, ${size(gone.bytes)}.`);
    },
  });
}
