/** The tasks of a phase, page by page: one row for each attempt. */

import { get, ofExecution, repeat } from "./api.js";
import { byId, el, fill, setText } from "./dom.js";
import { count, duration, size, status } from "./format.js";
import { phaseName } from "./phases.js";
import { GONE } from "./result.js";
import { Rows } from "./table.js";
import { attemptName, countsText, marks, nameOf, objectCell, showTask } from "./task.js";

const NONE = "There are none.";
const SIZE = 50;
const PAUSE = 2000;

export class Tasks {
  /** @param {string} execution its name */
  constructor(execution) {
    this.execution = execution;
    this.phase = byId("task-phase");
    this.status = byId("task-status");
    this.page = 0;
    this.started = 0;
    this.visible = false;
    this.final = false;
    /** @type {any[]} */
    this.phases = [];
    this.rows = new Rows(
      byId("tasks"),
      [
        {
          head: true,
          cell: (task) =>
            el(
              "button",
              {
                type: "button",
                class: "link",
                onclick: () => showTask(this.execution, this.rows.latest(task)),
                "aria-label": attemptName(task),
              },
              nameOf(task),
            ),
        },
        { cell: (task) => status(task.status) },
        {
          kind: "number",
          cell: (
            task,
          ) => (task.attempts > 1 ? `${task.attempt ?? "?"} of ${task.attempts}` : (task.attempt ?? "—")),
        },
        { cell: marks },
        {
          kind: "number",
          cell: (task) => duration(task.started ? Date.parse(task.started) / 1000 - this.started : null),
        },
        { kind: "number", cell: (task) => duration(task.queuedSeconds) },
        { kind: "number", cell: (task) => duration(task.seconds) },
        { kind: "number", cell: (task) => count(task.recordsIn) },
        { kind: "number", cell: (task) => count(task.recordsOut) },
        { kind: "number", cell: (task) => size(task.bytesIn) },
        { kind: "number", cell: (task) => size(task.bytesOut) },
        { kind: "number", cell: (task) => count(task.rejects) },
        {
          kind: "number",
          cell: (task) =>
            task.peakMemoryMib
              ? `${count(task.peakMemoryMib)}${task.memoryMib ? ` of ${count(task.memoryMib)}` : ""} MB`
              : "—",
        },
        {
          kind: "object",
          cell: (task) =>
            task.error
              ? el("span", { class: "bad" }, String(task.error))
              : objectCell(task),
        },
      ],
      (task) => String(task.id),
      NONE,
    );
    byId("task-filter").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
    for (const control of [this.phase, this.status]) control.addEventListener("change", () => this.#turn(0));
    byId("tasks-previous").addEventListener("click", () => this.#turn(this.page - 1));
    byId("tasks-next").addEventListener("click", () => this.#turn(this.page + 1));
    /** @type {(() => void) | null} */
    this.refresh = null;
  }

  /**
   * Take note of how far the execution is.
   * @param {any} summary
   * @param {boolean} final whether nothing will change any more
   */
  follow(summary, final) {
    const ended = final && !this.final;
    this.final = final;
    this.started = Date.parse(summary.started) / 1000;
    this.phases = summary.phases.filter((/** @type {any} */ phase) => phase.mapRun !== false);
    byId("task-phases").hidden = !this.phases.length;
    const names = this.phases.map((phase) => phaseName(phase, summary.stages));
    const labels = [...this.phase.options].map((option) => option.textContent);
    if (names.join("\n") !== labels.join("\n")) {
      const kept = this.chosenByHand ? this.phase.value : String(this.phases.at(-1)?.number ?? "");
      fill(this.phase, names.map((name, index) => el("option", { value: this.phases[index].number }, name)));
      if (this.phases.some((phase) => String(phase.number) === kept)) this.phase.value = kept;
      if (this.visible) this.show();
    }
    if (ended && this.visible) this.show();
  }

  /** Whether a phase, or status, was chosen: else the latest phase is shown. */
  chosenByHand = false;

  /**
   * Show the tasks, and keep them up to date while the job runs.
   */
  show() {
    this.visible = true;
    if (this.refresh) this.refresh();
    else this.refresh = repeat(() => this.#load(), () => PAUSE);
  }

  hide() {
    this.visible = false;
  }

  /**
   * Choose the tasks of a Map state: of the last phase that it ran.
   * @param {string} state
   */
  chooseState(state) {
    const isMap = /^(Map|.*apper)/.test(state);
    const phase = this.phases.filter(({ step }) => (step === 0) === isMap).at(-1);
    if (phase) this.phase.value = String(phase.number);
    this.chosenByHand = true;
    this.#turn(0);
  }

  /** @param {number} page */
  #turn(page) {
    this.chosenByHand = true;
    this.page = page;
    this.rows.clear();
    this.show();
  }

  /** Return what is asked for now. */
  #wanted() {
    const { phase, status, page } = this;
    return new URLSearchParams({
      phase: phase.value,
      status: status.value,
      page: String(page),
      size: String(SIZE),
    }).toString();
  }

  async #load() {
    if (!this.visible) {
      this.refresh = null;
      return false;
    }
    if (!this.phase.value) {
      this.rows.show([]);
      if (this.final) this.refresh = null;
      return !this.final;
    }
    const asked = this.#wanted();
    const page = await get(ofExecution(this.execution, `/tasks?${asked}`));
    if (asked !== this.#wanted()) return true; // something else was chosen meanwhile, and is asked for next
    this.page = page.page;
    this.rows.empty = page.gone ? GONE : NONE;
    this.rows.show(page.tasks);
    const pages = Math.max(1, page.pages);
    byId("tasks-previous").disabled = page.page <= 0;
    byId("tasks-next").disabled = page.page >= pages - 1;
    setText(byId("tasks-page"), `Page ${count(page.page + 1)} of ${count(pages)}`);
    setText(byId("task-counts"), page.gone ? "" : countsText(this.status.value, page));
    const over = this.final && !page.more;
    if (over) this.refresh = null;
    return !over;
  }
}
