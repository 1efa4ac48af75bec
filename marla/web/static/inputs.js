/** The rows of the form that say what a job is to read. */

import { browse } from "./browse.js";
import { inputFrom, inputsOf, isGiven } from "./document.js";
import { byId, el, fill } from "./dom.js";
import { Field } from "./fields.js";

/** @type {[string, string][]} */
const FORMATS = [
  ["", "as the job has it, or by the suffix"],
  ['"text"', "text: lines"],
  ['"csv"', "csv"],
  ['{"type":"csv","header":true}', "csv with a line of column names"],
  ['{"type":"csv","delimiter":"\\t"}', "csv, separated by tabs"],
  ['"jsonl"', "jsonl: an object a line"],
  ['"parquet"', "parquet"],
  ['"fixed"', "fixed: records of one length"],
  ['"whole"', "whole: an object is a record"],
];

export class Inputs {
  /** @param {(input: any) => void} changed called with what the document has for `input` */
  constructor(changed) {
    this.changed = changed;
    this.box = byId("input-rows");
    /** @type {string[]} */
    this.names = [];
    /** @type {import("./document.js").Input[]} */
    this.inputs = [];
    /** @type {{uri: Field, others: Field[], node: HTMLElement}[]} */
    this.rows = [];
    byId("add-input").addEventListener("click", () => {
      this.inputs.push({ uri: "", more: {} });
      this.#draw();
      this.rows.at(-1)?.uri.focus();
    });
  }

  /**
   * Show the inputs of a document.
   * @param {any} input
   * @param {string[]} names of the job's inputs; none if it has but one
   */
  show(input, names) {
    const isSame = JSON.stringify(inputFrom(this.inputs)) === JSON.stringify(input);
    const sameNames = JSON.stringify(names) === JSON.stringify(this.names);
    if (isSame && sameNames && this.rows.length) return;
    this.names = names;
    this.inputs = inputsOf(input);
    for (const name of names) {
      if (!this.inputs.some(({ more }) => more.name === name)) this.inputs.push({ uri: "", more: { name } });
    }
    if (!this.inputs.length) this.inputs.push({ uri: "", more: {} });
    this.#draw();
  }

  /**
   * Return what the inputs are for a job of other inputs: places are kept, names go by the order.
   * @param {string[]} names
   */
  renamed(names) {
    const given = this.inputs.filter(isGiven).map((one, index) => {
      const { name, ...more } = one.more;
      const keeps = names.includes(name) ? name : names[index];
      return one.opaque !== undefined
        ? one
        : { ...one, more: keeps === undefined ? more : { name: keeps, ...more } };
    });
    return inputFrom(given);
  }

  /**
   * Return the fields that a problem may be about: by the path that the check gives it.
   * @returns {Map<string, Field>}
   */
  fields() {
    const found = new Map();
    let place = 0;
    for (const [index, { uri, others }] of this.rows.entries()) {
      if (!found.has("input")) found.set("input", uri);
      if (!isGiven(this.inputs[index])) continue;
      for (const path of [`input[${place}]`, `input[${place}].uri`]) found.set(path, uri);
      for (const other of others) found.set(`input[${place}].${other.shape.path.split(".").at(-1)}`, other);
      if (place === 0) found.set("input.uri", uri);
      place += 1;
    }
    const blank = this.rows.find((_, index) => !isGiven(this.inputs[index]));
    if (blank && this.names.length) found.set("input", blank.uri);
    return found;
  }

  #tell() {
    this.changed(inputFrom(this.inputs));
  }

  #draw() {
    this.rows = this.inputs.map((input, index) => this.#row(input, index));
    fill(this.box, this.rows.map(({ node }) => node));
  }

  /**
   * @param {import("./document.js").Input} input
   * @param {number} index
   * @returns {any}
   */
  #row(input, index) {
    const title = `Input ${index + 1}`;
    const help =
      "A folder ends in /, a * at the end stands for all keys that begin so; else it is an object.";
    const uri = new Field(
      {
        path: `input.${index}.uri`,
        label: title,
        kind: "text",
        mono: true,
        required: index === 0,
        placeholder: "s3://bucket/folder/",
        help: index === 0 ? help : "",
      },
      (value) => {
        input.uri = value ?? "";
        this.#tell();
      },
    );
    uri.show(input.uri);
    const set = (/** @type {string} */ name) => (/** @type {any} */ value) => {
      if (value === undefined) delete input.more[name];
      else input.more[name] = value;
      this.#tell();
    };
    const others = [];
    if (this.names.length || input.more.name !== undefined) {
      const names = [
        ...new Set([...this.names, ...(input.more.name === undefined ? [] : [input.more.name])]),
      ];
      /** @type {[string, string][]} */
      const choices = [
        ["", "choose"],
        ...names.map((name) => /** @type {[string, string]} */ ([JSON.stringify(name), String(name)])),
      ];
      others.push(
        new Field({
          path: `input.${index}.name`,
          label: `Which input ${index + 1} is`,
          kind: "choice",
          choices,
        }, set("name")),
      );
    }
    if (!this.names.length) {
      others.push(
        new Field({
          path: `input.${index}.format`,
          label: `Format of input ${index + 1}`,
          kind: "choice",
          choices: FORMATS,
        }, set("format")),
      );
    }
    for (const other of others) other.show(input.more[other.shape.path.split(".").at(-1) ?? ""]);
    const buttons = [
      el("button", {
        type: "button",
        onclick: () => this.#browse(index),
        "aria-label": `Browse for input ${index + 1}`,
      }, "Browse…"),
      this.inputs.length > 1 &&
      el("button", {
        type: "button",
        onclick: () => this.#remove(index),
        "aria-label": `Remove input ${index + 1}`,
      }, "Remove"),
    ];
    const opaque = input.opaque !== undefined &&
      el(
        "p",
        { class: "notice" },
        "This one is set in the JSON: ",
        el("code", {}, JSON.stringify(input.opaque)),
      );
    if (opaque) uri.node.hidden = true;
    const node = el(
      "div",
      { class: "input-row" },
      opaque,
      el("div", { class: "with-buttons" }, uri.node, el("div", { class: "buttons" }, buttons)),
      el("div", { class: "grid" }, others.map((one) => one.node)),
    );
    return { uri, others, node };
  }

  /** @param {number} index */
  #remove(index) {
    this.inputs.splice(index, 1);
    this.#draw();
    this.#tell();
    this.rows[Math.max(0, index - 1)]?.uri.focus();
  }

  /** @param {number} index */
  async #browse(index) {
    const uris = await browse(this.inputs[index].uri);
    if (!uris.length) return;
    const like = this.inputs[index].more;
    this.inputs.splice(index, 1, ...uris.map((uri) => ({ uri, more: { ...like } })));
    this.#draw();
    this.#tell();
    this.rows[index].uri.touched = true;
    this.rows[index].uri.focus();
  }
}
