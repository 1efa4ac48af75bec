/** The list of executions: a status chosen, page by page, kept up to date. */

import { get, repeat } from "./api.js";
import { byId, el, setText } from "./dom.js";
import { dateTime, duration, moment, status } from "./format.js";
import { Rows } from "./table.js";

// AWS lets an account list a few times a second, for all who use it.
const PAUSE = document.body.dataset.local === "yes" ? 2000 : 10000;

const chosen = byId("status");
const newer = byId("newer");
const older = byId("older");

/** The tokens of this page and of those before it; the first page has none. */
let tokens = [""];
/** @type {string | null} */
let next = null;

const rows = new Rows(
  byId("executions"),
  [
    {
      head: true,
      cell: (one) => el("a", { href: `/executions/${encodeURIComponent(one.name)}` }, one.name),
    },
    { cell: (one) => status(one.status) },
    { cell: (one) => dateTime(one.started) },
    { kind: "number", cell: (one) => duration(one.seconds) },
  ],
  (one) => one.name + one.started,
  "There are none.",
);

/** Return what is asked for now. */
function wanted() {
  const query = new URLSearchParams();
  if (chosen.value) query.set("status", chosen.value);
  const token = tokens[tokens.length - 1];
  if (token) query.set("next", token);
  return query.toString();
}

async function show() {
  const asked = wanted();
  const page = await get(`/api/executions?${asked}`);
  if (asked !== wanted()) return; // something else was chosen meanwhile, and is asked for next
  rows.show(page.executions);
  next = page.next || null;
  newer.disabled = tokens.length === 1;
  older.disabled = !next;
  setText(byId("page"), `Page ${tokens.length}`);
  setText(byId("refreshed"), `As of ${moment(new Date().toISOString())}`);
}

const first = new URLSearchParams(location.search).get("status");
if (first) chosen.value = first;
const refresh = repeat(show, () => PAUSE);

function turn() {
  rows.clear();
  refresh();
}

byId("filter").addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
chosen.addEventListener("change", () => {
  tokens = [""];
  history.replaceState(null, "", chosen.value ? `?status=${chosen.value}` : location.pathname);
  turn();
});
older.addEventListener("click", () => {
  if (next) tokens.push(next);
  turn();
});
newer.addEventListener("click", () => {
  tokens.pop();
  turn();
});
