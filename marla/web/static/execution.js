/** The page of one execution: what it is at, asked for each second while it runs and the page is seen. */

import { deleteObjects, resume, stop } from "./actions.js";
import { Changing, get, ofExecution, repeat } from "./api.js";
import { announce, byId, copies, el, fill, setText } from "./dom.js";
import { Events } from "./events.js";
import { explained } from "./explanation.js";
import { duration, isFinal, json, many, status, statusText, time } from "./format.js";
import { Graph } from "./graph.js";
import { phaseName, showPhases, showWarnings } from "./phases.js";
import { showResult, showTotals } from "./result.js";
import { tabs } from "./tabs.js";
import { Tasks } from "./tasks.js";

const PAUSE = 1000;
const name = byId("main").dataset.name;

const summaryOf = new Changing(ofExecution(name));
const tasks = new Tasks(name);
const events = new Events(name);
const graph = new Graph(name, (state) => {
  showTab("tasks");
  tasks.chooseState(state);
  byId("tab-tasks").focus();
});

/** @type {any} */
let known = null;
let tab = "";
/** The name of the error that it failed with, once that is found. */
let failure = "";
/** Whether it helps to resume the job, as far as the cause is found. */
let resumable = true;
let resultAsked = false;

const showTab = tabs(document.querySelector('[role="tablist"]') ?? byId("main"), (chosen) => {
  tab = chosen;
  if (chosen === "tasks") tasks.show();
  else tasks.hide();
  if (chosen === "events") events.show();
  else events.hide();
  if (chosen === "result") askForResult();
});

async function refresh() {
  const summary = await summaryOf.read().catch((error) => {
    if (error.status === 404 && !known) byId("main").classList.add("is-missing");
    throw error;
  });
  if (summary) await show(summary);
  return !isFinal(known.status);
}

/** @param {any} summary */
async function show(summary) {
  const before = known;
  known = summary;
  byId("main").classList.remove("is-missing");
  const final = isFinal(summary.status);
  tell(before, summary);
  if (before?.status !== summary.status) fill(byId("status"), status(summary.status));
  document.title = `${statusText(summary.status)}: ${name} · MARLA`;
  if (!before) drawGraph();
  showFacts(summary);
  graph.show(summary.states ?? {}, summary.status === "SUCCEEDED" ? "" : summary.state);
  showPhases(summary);
  showWarnings(summary);
  tasks.follow(summary, final);
  events.follow(summary.events ?? 0);
  showData(summary);
  byId("stop").disabled = !summary.canStop;
  byId("resume").disabled = !canResume();
  byId("delete").disabled = !summary.canDelete;
  if (summary.awsUrl) {
    byId("aws").href = summary.awsUrl;
    byId("aws").hidden = false;
  }
  if (tab === "result") askForResult();
  if (final && !isFinal(before?.status ?? "")) await ended(summary);
}

/** Whether the job can be resumed, and that helps. */
function canResume() {
  return known.canResume && resumable;
}

function drawGraph() {
  graph.load().catch((error) => {
    fill(byId("graph"), el("p", { class: "notice" }, error.message));
    byId("graph").removeAttribute("aria-busy");
  });
}

/**
 * Say what has changed to who does not see it; not each tick.
 * @param {any} before
 * @param {any} summary
 */
function tell(before, summary) {
  if (!before) return;
  if (before.status !== summary.status) {
    announce(`${statusText(summary.status)} after ${duration(summary.seconds)}`);
    return;
  }
  const phase = summary.phases.at(-1);
  if (summary.phases.length > before.phases.length && phase) {
    announce(`${phaseName(phase, summary.stages)} has begun: ${many(phase.total, "task")}`);
  }
}

/** @param {any} summary */
function showFacts(summary) {
  const ofSeveral = summary.stages > 1 ? `${summary.stage} (of ${summary.stages}, from 0)` : "";
  const stage = [ofSeveral, summary.sampling && "sampling"].filter(Boolean).join(", ");
  const all = [
    ["Job", summary.job],
    ![name, summary.resumes].includes(summary.jobId) && ["Job of", toExecution(summary.jobId)],
    summary.resumes && ["Resumes", toExecution(summary.resumes)],
    ["Started", time(summary.started)],
    ["Time", duration(summary.seconds)],
    stage && ["Stage", stage],
    summary.status !== "SUCCEEDED" && ["State", summary.state || "—"],
  ].filter(Boolean);
  const list = byId("facts");
  // A link that has the focus would lose it: only what has changed is drawn.
  const key = JSON.stringify(
    all.map(([term, value]) => [term, value instanceof Node ? value.textContent : value]),
  );
  if (list.dataset.key !== key) {
    const fresh = all.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value)));
    const old = [...list.children];
    if (old.length !== fresh.length) fill(list, fresh);
    else fresh.forEach((node, index) => node.isEqualNode(old[index]) || old[index].replaceWith(node));
    list.dataset.key = key;
  }
  byId("fraction").value = summary.fraction ?? 0;
  setText(byId("percent"), `${Math.floor((summary.fraction ?? 0) * 100)} %`);
}

/** @param {string} other the name of an execution */
function toExecution(other) {
  return el("a", { href: `/executions/${encodeURIComponent(other)}` }, other);
}

/** @param {any} summary */
function showData(summary) {
  setText(byId("input"), json(summary.input));
  const has = summary.output !== null && summary.output !== undefined;
  setText(
    byId("output"),
    has ? json(summary.output) : isFinal(summary.status) ? "It gave none." : "There is none yet.",
  );
  byId("copy-output").hidden = !has;
}

function askForResult() {
  if (resultAsked || !known) return;
  if (known.status === "SUCCEEDED") {
    resultAsked = true;
    showResult(name, known.output, known.setAside);
  } else {
    const text = isFinal(known.status)
      ? "There is no result, for the job did not succeed."
      : "There is no result until the job is done.";
    if (byId("result").textContent !== text) fill(byId("result"), el("p", { class: "quiet" }, text));
  }
}

/**
 * Show what there is of an execution only at its end.
 * @param {any} summary
 */
async function ended(summary) {
  resumable = true;
  if (summary.failed || summary.status !== "SUCCEEDED") {
    byId("explanation").hidden = false;
    if (summary.status === "ABORTED") setText(byId("explanation-heading"), "Why it ended");
    fill(byId("explanation-body"), el("p", { class: "quiet" }, "Looking for the cause…"));
    const found = await get(ofExecution(name, "/explanation")).catch((error) => ({ problem: error.message }));
    if (found.problem) fill(byId("explanation-body"), el("p", { class: "notice" }, found.problem));
    else if (!Object.keys(found).length) byId("explanation").hidden = true;
    else {
      const isNews = failure !== found.error?.name;
      failure = found.error?.name ?? "";
      resumable = found.canResume !== false;
      byId("resume").disabled = !canResume();
      fill(
        byId("explanation-body"),
        explained(found, canResume() ? () => resume(known, failure) : null),
      );
      if (isNews) announce(`${failure}: ${found.error?.cause ?? ""}`.slice(0, 300));
    }
  }
  await addUp();
}

async function addUp() {
  try {
    await showTotals(name, known);
  } catch (error) {
    fill(byId("totals"), el("p", { class: "quiet" }, /** @type {Error} */ (error).message));
    byId("totals-card").hidden = false;
  }
}

/** @param {string} text */
function deleted(text) {
  byId("facts").parentElement.before(el("p", { class: "notice" }, text));
  announce(text);
  resultAsked = false;
  if (tab === "result") askForResult();
  else if (tab === "tasks") tasks.show();
  ended(known);
}

byId("stop").addEventListener("click", () => stop(name, again));
byId("resume").addEventListener("click", () => resume(known, failure));
byId("delete").addEventListener("click", () => deleteObjects(known, deleted));
copies(byId("copy-input"), () => byId("input").textContent);
copies(byId("copy-output"), () => byId("output").textContent);

const again = repeat(refresh, () => PAUSE);
