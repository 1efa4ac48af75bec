/** A dialog to choose input by: buckets, their folders and objects, several at once. */

import { get } from "./api.js";
import { open } from "./dialog.js";
import { byId, el, fill, setText } from "./dom.js";
import { many, size } from "./format.js";

const dialog = byId("browse-dialog");
const rows = byId("browse-rows");
const more = byId("browse-more");
const use = byId("browse-use");
const folder = byId("browse-folder");

/** @type {Set<string>} */
const chosen = new Set();
/** @type {(uris: string[]) => void} */
let done = () => {};
let bucket = "";
let prefix = "";
let next = "";
let visit = 0;

/**
 * Have the user choose, and return the URIs; none if the dialog is closed.
 * @param {string} uri where to begin; a bucket's list if it is empty
 * @returns {Promise<string[]>}
 */
export function browse(uri) {
  chosen.clear();
  say();
  const found = /^s3:\/\/([^/]+)\/(.*)$/.exec(uri);
  go(found ? found[1] : "", found ? found[2].slice(0, found[2].lastIndexOf("/") + 1) : "");
  open(dialog);
  byId("browse-title").focus();
  return new Promise((resolve) => {
    done = (uris) => {
      done = () => {};
      dialog.close();
      resolve(uris);
    };
    dialog.addEventListener("close", () => done([]), { once: true });
  });
}

/**
 * @param {string} toBucket
 * @param {string} toPrefix
 */
async function go(toBucket, toPrefix) {
  [bucket, prefix, next] = [toBucket, toPrefix, ""];
  folder.hidden = !bucket;
  path();
  fill(rows);
  more.hidden = true;
  await load();
}

/** Show the next page of where we are, unless the user has gone elsewhere since. */
async function load() {
  visit += 1;
  const mine = visit;
  rows.setAttribute("aria-busy", "true");
  const error = byId("browse-error");
  error.hidden = true;
  try {
    const made = bucket ? await objects() : await buckets();
    if (mine !== visit) return;
    rows.append(...made);
    if (!rows.children.length) {
      rows.append(el("tr", {}, el("td", { colspan: 3, class: "empty" }, "There is nothing here.")));
    }
    more.hidden = !next;
  } catch (problem) {
    if (mine !== visit) return;
    setText(error, /** @type {Error} */ (problem).message);
    error.hidden = false;
  }
  rows.removeAttribute("aria-busy");
}

/** @returns {Promise<HTMLElement[]>} */
async function buckets() {
  const found = await get("/api/buckets");
  return found.map((/** @type {any} */ one) =>
    el(
      "tr",
      {},
      el("td"),
      el(
        "td",
        {},
        opener(`${one.name}`, () => go(one.name, "")),
        one.note && el("span", { class: "quiet" }, ` ${one.note}`),
      ),
      el("td"),
    )
  );
}

/** @returns {Promise<HTMLElement[]>} */
async function objects() {
  const query = new URLSearchParams({ bucket, prefix });
  if (next) query.set("next", next);
  const page = await get(`/api/objects?${query}`);
  next = page.next || "";
  const folders = page.folders.map((/** @type {string} */ one) => {
    const name = one.slice(prefix.length);
    return el(
      "tr",
      {},
      el("td", {}, box(one, name)),
      el("td", {}, opener(name, () => go(bucket, one))),
      el("td"),
    );
  });
  const files = page.objects
    .filter((/** @type {any} */ one) => one.key !== prefix)
    .map((/** @type {any} */ one) => {
      const name = one.key.slice(prefix.length);
      return el(
        "tr",
        {},
        el("td", {}, box(one.key, name)),
        el("td", { class: "wrap" }, name),
        el("td", { class: "number" }, size(one.size)),
      );
    });
  return [...folders, ...files];
}

/**
 * @param {string} text
 * @param {() => void} enter
 */
function opener(text, enter) {
  const walk = () => {
    enter();
    byId("browse-title").focus(); // the button is gone with its row
  };
  return el("button", { type: "button", class: "link", onclick: walk }, "▸ ", text);
}

/**
 * @param {string} key
 * @param {string} name
 */
function box(key, name) {
  const uri = `s3://${bucket}/${key}`;
  const input = el("input", { type: "checkbox", "aria-label": `Choose ${name}` });
  input.checked = chosen.has(uri);
  input.addEventListener("change", () => {
    if (input.checked) chosen.add(uri);
    else chosen.delete(uri);
    say();
  });
  return input;
}

function path() {
  const parts = prefix.split("/").slice(0, -1);
  const steps = [["Buckets", "", ""]];
  if (bucket) steps.push([bucket, bucket, ""]);
  parts.forEach((part, index) =>
    steps.push([part || "(no name)", bucket, `${parts.slice(0, index + 1).join("/")}/`])
  );
  fill(
    byId("browse-path"),
    steps.map(([text, toBucket, toPrefix], index) =>
      el(
        "li",
        {},
        index === steps.length - 1
          ? el("span", { "aria-current": "location" }, text)
          : opener(text, () => go(toBucket, toPrefix)),
      )
    ),
  );
}

function say() {
  use.disabled = chosen.size === 0;
  setText(byId("browse-count"), chosen.size ? `${many(chosen.size, "place")} chosen` : "");
}

more.addEventListener("click", load);
use.addEventListener("click", () => done([...chosen]));
folder.addEventListener("click", () => done([`s3://${bucket}/${prefix}`]));
