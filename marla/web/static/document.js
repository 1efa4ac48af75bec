/** The input of an execution as a document: what the form's fields say of it and how they change it. */

/** What an input is, in the form. @typedef {{uri: string, more: Record<string, any>, opaque?: any}} Input */

const ORDER = [
  "job",
  "sql",
  "stages",
  "params",
  "input",
  "output",
  "partitions",
  "partitioning",
  "splitBytes",
  "fanIn",
  "concurrency",
  "maxBadRecords",
  "maxRecordBytes",
  "speculate",
  "keepIntermediates",
];
const OF_THE_EXECUTION = ["resume", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"];
const UNITS = ["b", "kb", "mb", "gb", "tb"];
const BINARY = ["b", "kib", "mib", "gib", "tib"];

/** @param {any} value @returns {value is Record<string, any>} */
export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Return a document with a field set, or without it if the value is undefined; fields are in the usual order.
 * @param {Record<string, any>} document
 * @param {string} field
 * @param {any} value
 * @returns {Record<string, any>}
 */
export function withField(document, field, value) {
  const entries = Object.entries({ ...document, [field]: value }).filter(([, one]) => one !== undefined);
  const place = (/** @type {string} */ name) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return Object.fromEntries(entries.sort(([a], [b]) => place(a) - place(b)));
}

/**
 * Return a document with one of its parameters set; without `params` if that leaves none.
 * @param {Record<string, any>} document
 * @param {string} name
 * @param {any} value
 */
export function withParameter(document, name, value) {
  const before = isObject(document.params) ? document.params : {};
  const params = Object.fromEntries(
    Object.entries({ ...before, [name]: value }).filter(([, one]) => one !== undefined),
  );
  return withField(document, "params", Object.keys(params).length ? params : undefined);
}

/**
 * Return the statements of a query as an object; a text is its `map`.
 * @param {any} sql
 * @returns {Record<string, any>}
 */
export function statements(sql) {
  return typeof sql === "string" ? { map: sql } : isObject(sql) ? sql : {};
}

/**
 * Return a document with a part of its query set; a query of nothing but `map` is a text.
 * @param {Record<string, any>} document
 * @param {string} part
 * @param {any} value
 */
export function withStatement(document, part, value) {
  const parts = Object.fromEntries(
    Object.entries({ ...statements(document.sql), [part]: value }).filter(([, one]) => one !== undefined),
  );
  const isPlain = Object.keys(parts).every((name) => name === "map");
  return withField(document, "sql", isPlain ? (parts.map ?? "") : parts);
}

/**
 * Return the names of the values that a query asks for: $since.
 * @param {any} sql
 * @returns {string[]}
 */
export function placeholders(sql) {
  const { map, reduce, finish, inputs } = statements(sql);
  const maps = isObject(inputs) ? Object.values(inputs).map((one) => one?.map) : [];
  const texts = [map, reduce, finish, ...maps].filter((text) => typeof text === "string");
  // What is quoted is a text of the query's own.
  const bare = texts.join("\n").replace(/'(?:[^']|'')*'/g, "''").replace(/--.*$/gm, "");
  return [...new Set([...bare.matchAll(/\$([A-Za-z_]\w*)/g)].map((found) => found[1]))];
}

/**
 * Return columns as in CREATE TABLE.
 * @param {any} columns
 * @returns {string | undefined}
 */
export function columnsText(columns) {
  if (isObject(columns)) return Object.entries(columns).map(([name, type]) => `${name} ${type}`).join(", ");
  return typeof columns === "string" ? columns : undefined;
}

/**
 * Return the inputs of a document, for the form.
 * @param {any} input
 * @returns {Input[]}
 */
export function inputsOf(input) {
  const list = input === undefined || input === null ? [] : Array.isArray(input) ? input : [input];
  return list.map((one) => {
    if (typeof one === "string") return { uri: one, more: {} };
    if (isObject(one) && (one.uri === undefined || typeof one.uri === "string") && !("from" in one)) {
      const { uri, ...more } = one;
      return { uri: uri ?? "", more };
    }
    return { uri: "", more: {}, opaque: one };
  });
}

/** @param {Input} input whether there is something in it */
export function isGiven(input) {
  return input.opaque !== undefined || input.uri.trim() !== "";
}

/**
 * Return what a document has for inputs, in its shortest form; undefined for none.
 * @param {Input[]} inputs
 */
export function inputFrom(inputs) {
  const list = inputs.filter(isGiven).map(({ uri, more, opaque }) => {
    if (opaque !== undefined) return opaque;
    return Object.keys(more).length
      ? { ...(more.name === undefined ? {} : { name: more.name }), uri, ...more }
      : uri.trim();
  });
  return list.length > 1 || isObject(list[0]) ? list : list[0];
}

/**
 * Return a document with another job: parameters that it does not take, and a query, are gone.
 * @param {Record<string, any>} document
 * @param {string} name
 * @param {string[] | null} parameters those that it takes; null if that is not known
 */
export function withJob(document, name, parameters) {
  const { sql: _query, stages: _stages, ...rest } = document;
  const given = isObject(rest.params) ? Object.entries(rest.params) : [];
  const kept = given.filter(([one]) => parameters === null || parameters.includes(one));
  const params = kept.length ? Object.fromEntries(kept) : undefined;
  return withField(withField(rest, "job", name || undefined), "params", params);
}

/**
 * Return what an execution was started with, for another one.
 * @param {Record<string, any>} input
 */
export function anew(input) {
  return Object.fromEntries(Object.entries(input).filter(([name]) => !OF_THE_EXECUTION.includes(name)));
}

/**
 * Return a number of bytes from a text such as 64MB; undefined if it is empty, the text if it is none.
 * @param {string} text
 * @returns {number | string | undefined}
 */
export function sizeFrom(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  const found = /^(\d[\d,]*(?:\.\d+)?)\s*([a-z]*)$/i.exec(trimmed);
  if (!found) return trimmed;
  const [number, unit] = [Number(found[1].replaceAll(",", "")), (found[2] || "b").toLowerCase()];
  if (UNITS.includes(unit)) return Math.round(number * 1000 ** UNITS.indexOf(unit));
  if (BINARY.includes(unit)) return Math.round(number * 1024 ** BINARY.indexOf(unit));
  return trimmed;
}

/**
 * Return a number from a text; undefined if it is empty, the text if it is none: the check refuses it.
 * @param {string} text
 * @returns {number | string | undefined}
 */
export function numberFrom(text) {
  const trimmed = text.trim();
  if (!trimmed) return undefined;
  return /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(trimmed) ? Number(trimmed) : trimmed;
}

/**
 * Return a value from a text, as `--param` reads it: as JSON, else as a text.
 * @param {string} text
 */
export function valueFrom(text) {
  if (!text.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
