/** The form that starts an execution: fields and a document in JSON, each as the other says, and checked. */

import { get, ofExecution, post } from "./api.js";
import {
  anew,
  columnsText,
  isObject,
  statements,
  withField,
  withJob,
  withParameter,
  withStatement,
} from "./document.js";
import { byId, el, fill, prose, setText, trouble } from "./dom.js";
import { Field } from "./fields.js";
import { json, many } from "./format.js";
import { Inputs } from "./inputs.js";
import { MORE_OPTIONS, MORE_STATEMENTS, OPTIONS, STATEMENTS } from "./options.js";
import { Parameters } from "./parameters.js";
import { inWords, showProblems } from "./problems.js";

const QUERY = "a query";
const PAUSE = 300; // milliseconds after the last key until a document is checked

/** @type {Record<string, any>} */
let content = {};
/** What is wrong with the text of the JSON, if it is none. */
let badJson = "";
/** @type {any[]} */
let jobs = [];
/** @type {import("./problems.js").Problem[]} */
let problems = [];
let timer = 0;
let asked = 0; // how many checks were asked for: the answer to the last one counts
let answered = 0; // which of them `problems` is the answer to
let isValid = false; // as the last check found it
let isStarting = false;
let wasEdited = false;
/** Whether a button of the mouse is down: what it is down on must not move before it is up. */
let isPressed = false;

/** @type {Map<string, Field>} */
const options = new Map();
/** @type {Map<string, Field>} */
const query = new Map();

// ---- fields -----------------------------------------------------------------------------------------------

const text = new Field(
  {
    path: "document",
    label: "JSON",
    kind: "lines",
    rows: 14,
    mono: true,
    help: "What Step Functions is started with: change it here or in the fields.",
  },
  () => {
    wasEdited = true;
    read();
  },
);
const name = new Field({
  path: "name",
  label: "Name",
  kind: "text",
  help: "Of the execution. One is made up if it is empty.",
}, () => {
  wasEdited = true;
  check();
});
const job = new Field({ path: "job", label: "Job", kind: "choice", choices: [["", "choose one"]] }, choose);
const parameters = new Parameters((one, value) => change(withParameter(content, one, value)));
const inputs = new Inputs((input) => change(withField(content, "input", input)));

byId("document-field").append(text.node);
byId("name-field").append(name.node);
byId("job-field").append(job.node);

function drawOptions() {
  const make = (/** @type {import("./fields.js").Shape} */ shape) => {
    const field = new Field(shape, (value) => change(withField(content, shape.path, value)));
    options.set(shape.path, field);
    return field.node;
  };
  const more = el(
    "details",
    { class: "more" },
    el("summary", {}, "More options"),
    el("div", { class: "grid" }, MORE_OPTIONS.map(make)),
  );
  byId("option-fields").append(...OPTIONS.map(make), more);
}

function drawQuery() {
  const make = (/** @type {import("./fields.js").Shape} */ shape) => {
    const part = shape.path.replace("sql.", "");
    const field = new Field(shape, (value) => change(withStatement(content, part, value)));
    query.set(shape.path, field);
    return field.node;
  };
  const more = el(
    "details",
    { class: "more" },
    el("summary", {}, "Where it cannot be derived how parts are merged"),
    MORE_STATEMENTS.map(make),
  );
  byId("query-fields").append(...STATEMENTS.map(make), more);
}

/** Return the job of the catalogue that is chosen, if it is one. */
function chosenJob() {
  return jobs.find((one) => one.name === content.job);
}

/** @returns {string[]} the names of the inputs that the job has */
function inputNames() {
  const named = statements(content.sql).inputs;
  if (content.sql !== undefined) return isObject(named) ? Object.keys(named) : [];
  return (chosenJob()?.inputs ?? []).filter(Boolean);
}

/** @param {any} chosen a job's name, or QUERY */
function choose(chosen) {
  const isQuery = chosen === QUERY;
  const taken = jobs.find((one) => one.name === chosen)?.params.map((/** @type {any} */ one) => one.name) ??
    null;
  const next = isQuery
    ? withField(withField(content, "job", undefined), "sql", content.sql ?? "")
    : withJob(content, chosen ?? "", taken);
  const names = isQuery ? [] : (jobs.find((one) => one.name === chosen)?.inputs ?? []).filter(Boolean);
  change(withField(next, "input", inputs.renamed(names)));
}

// ---- the document and the fields --------------------------------------------------------------------------

/**
 * Take a document that the fields made.
 * @param {Record<string, any>} made
 */
function change(made) {
  content = made;
  badJson = "";
  wasEdited = true;
  text.show(json(content));
  show();
  check();
}

/** Take the document that is written as JSON. */
function read() {
  try {
    const made = JSON.parse(text.control.value);
    if (!isObject(made)) {
      throw new Error('give an object, such as {"job": "wordcount", "input": "s3://bucket/"}');
    }
    content = made;
    badJson = "";
    show();
    touchAll();
  } catch (error) {
    badJson = /** @type {Error} */ (error).message;
  }
  check();
}

/** Show the document in the fields, as far as they can. */
function show() {
  const isQuery = content.sql !== undefined;
  const found = chosenJob();
  job.show(isQuery ? QUERY : content.job);
  const stages = content.stages !== undefined;
  byId("foreign").hidden = !stages;
  if (stages) {
    fill(byId("foreign"), "This document has stages, for which there are no fields: change it as JSON.");
  }
  byId("job-card").disabled = stages;
  byId("query-fields").hidden = !isQuery;
  fill(byId("job-summary"), prose(isQuery ? "" : (found?.summary ?? "")));
  const parts = statements(content.sql);
  for (const [path, field] of query) {
    const value = parts[path.replace("sql.", "")];
    field.show(path === "sql.columns" && isObject(value) ? columnsText(value) : value);
    field.control.disabled = path === "sql.map" && parts.inputs !== undefined;
  }
  parameters.show(content, found);
  inputs.show(content.input, inputNames());
  for (const [path, field] of options) {
    field.show(content[path]);
    if (content[path] !== undefined && content[path] !== null) {
      field.control.closest("details")?.setAttribute("open", "");
    }
  }
}

// ---- what is wrong ----------------------------------------------------------------------------------------

function check() {
  clearTimeout(timer);
  asked += 1;
  if (badJson) {
    conclude([{ field: "document", message: `This is no JSON: ${badJson}` }]);
    return;
  }
  setText(byId("checking"), "Checking…");
  timer = setTimeout(checkNow, PAUSE);
}

/** @returns {Promise<boolean>} whether it was checked, and nothing has changed since */
async function checkNow() {
  clearTimeout(timer);
  asked += 1;
  const mine = asked;
  /** @type {typeof problems} */
  let found;
  try {
    found = (await post("/api/check", { document: content, name: name.value() })).problems;
  } catch (error) {
    found = [{ field: "", message: `It could not be checked: ${/** @type {Error} */ (error).message}` }];
  }
  if (mine !== asked) return false;
  conclude(found.map(inWords));
  return true;
}

/**
 * Take what the last check found.
 * @param {typeof problems} found
 */
function conclude(found) {
  answered = asked;
  setText(byId("checking"), "");
  problems = found;
  isValid = !found.length;
  complain();
}

/** @returns {Map<string, Field>} the fields by what the check calls them */
function allFields() {
  const first = query.get("sql.map");
  return new Map([
    ...options,
    ...query,
    ...parameters.fields,
    ...inputs.fields(),
    .../** @type {[string, Field][]} */ ([["job", job], ["name", name], ["document", text]]),
    .../** @type {[string, Field][]} */ (content.sql !== undefined && first ? [["sql", first]] : []),
  ]);
}

function touchAll() {
  for (const field of allFields().values()) field.touched = true;
}

/**
 * Say what is wrong, and let a valid execution be started: unless another check is under way, which says so
 * then, or a button of the mouse is down, which may be on what a complaint would move.
 */
function complain() {
  if (isPressed || answered !== asked) return;
  const heading = wasEdited ? `${many(problems.length, "problem")} to mend` : "What is missing";
  showProblems(problems, heading, allFields(), text);
  byId("problems").classList.toggle("is-quiet", !wasEdited);
  byId("start").disabled = !isValid || isStarting;
}

// ---- start ------------------------------------------------------------------------------------------------

/** Bring the user to what is wrong. */
function pointOut() {
  touchAll();
  complain();
  byId("problems").focus();
}

async function start() {
  if (byId("start").disabled) return;
  if (!(await checkNow())) return;
  if (problems.length) {
    pointOut();
    return;
  }
  isStarting = true;
  complain();
  setText(byId("checking"), "Starting…");
  try {
    const made = await post("/api/executions", { document: content, name: name.value() });
    location.assign(made.url ?? `/executions/${encodeURIComponent(made.name)}`);
  } catch (error) {
    const refused = /** @type {import("./api.js").ApiError} */ (error);
    const named = { field: refused.field ?? "", message: refused.message };
    problems = (refused.problems?.length ? refused.problems : [named]).map(inWords);
    isStarting = false;
    setText(byId("checking"), "");
    pointOut();
  }
}

async function begin() {
  drawOptions();
  drawQuery();
  const asks = new URLSearchParams(location.search);
  const like = asks.get("like");
  const [catalogue, before] = await Promise.all([get("/api/jobs"), like ? get(ofExecution(like)) : null]);
  jobs = catalogue.filter((/** @type {any} */ one) => !one.error);
  job.control.append(
    el(
      "optgroup",
      { label: "Jobs of the catalogue" },
      jobs.map((one) => el("option", { value: JSON.stringify(one.name) }, one.name)),
    ),
    el("optgroup", { label: "Your own" }, el("option", { value: JSON.stringify(QUERY) }, "query (SQL)")),
  );
  const asked = asks.get("job");
  content = before ? anew(before.input) : asked ? { job: asked } : {};
  text.show(json(content));
  show();
  byId("form").removeAttribute("aria-busy");
  await checkNow();
}

byId("form").addEventListener("submit", (/** @type {Event} */ event) => {
  event.preventDefault();
  start();
});
byId("form").addEventListener("focusout", () => setTimeout(complain, 0));
addEventListener("pointerdown", () => (isPressed = true), true);
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, () => {
    isPressed = false;
    setTimeout(complain, 0); // after the click
  }, true);
}
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  isStarting = false; // it has started, and the user has come back to start another
  setText(byId("checking"), "");
  complain();
});
begin().catch((error) => trouble(error.message));
