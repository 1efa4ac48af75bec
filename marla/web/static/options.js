/** The options of an execution that the form has fields for. */

/** @type {import("./fields.js").Shape} */
export const BAD_RECORDS = {
  path: "maxBadRecords",
  label: "Bad records",
  kind: "number",
  help: "How many may be set aside before the job fails, up to 1,000,000. 0 if empty.",
};

/** @type {import("./fields.js").Shape} */
export const LONGEST_RECORD = {
  path: "maxRecordBytes",
  label: "Longest record",
  kind: "size",
  help: "In bytes, or as 16MB, which it is if empty.",
};

/** @type {import("./fields.js").Shape[]} */
export const OPTIONS = [
  {
    path: "partitions",
    label: "Partitions",
    kind: "number",
    help: "How many result objects there are, 1 to 1,000; each key is in one of them. 1 if empty.",
  },
  {
    path: "splitBytes",
    label: "Input of a mapper",
    kind: "size",
    help: "In bytes, or as 64MB. 64 MiB if empty.",
  },
  {
    path: "output",
    label: "Format of the result",
    kind: "choice",
    choices: [["", "the job's own"], ['"csv"', "csv"], ['"jsonl"', "jsonl"], ['"text"', "text"], [
      '"raw"',
      "raw",
    ], ['"parquet"', "parquet"]],
  },
  {
    path: "partitioning",
    label: "Partitioning",
    kind: "choice",
    choices: [["", "the job's own"], ['"hash"', "by hash"], ['"range"', "by range: result objects in order"]],
  },
];

/** Those that few executions need. @type {import("./fields.js").Shape[]} */
export const MORE_OPTIONS = [
  BAD_RECORDS,
  {
    path: "concurrency",
    label: "Workers at once",
    kind: "number",
    help: "1 to 10,000. The stack's default if empty.",
  },
  {
    path: "fanIn",
    label: "Outputs a reducer merges",
    kind: "number",
    help: "2 to 1,000. By their size if empty.",
  },
  LONGEST_RECORD,
  {
    path: "speculate",
    label: "Backups of stragglers",
    kind: "choice",
    choices: [
      ["", "none"],
      ["true", "of a task that takes much longer than others"],
      ["60", "of a task that takes 60 s"],
      ["300", "of a task that takes 300 s"],
    ],
  },
  {
    path: "keepIntermediates",
    label: "Intermediate objects",
    kind: "choice",
    choices: [["", "kept until they expire"], ["false", "deleted when the job has succeeded"]],
  },
];

/**
 * Return the field of a job's parameter.
 * @param {any} parameter as /api/jobs has it
 * @returns {import("./fields.js").Shape}
 */
export function shapeOf(parameter) {
  const { name, type, help, minimum } = parameter;
  const fallback = parameter.default;
  const path = `params.${name}`;
  const sentence = help ? `${help[0].toUpperCase()}${help.slice(1)}.` : "";
  if (type === "boolean") {
    return {
      path,
      label: name,
      kind: "check",
      help: sentence,
      without: fallback === true ? false : undefined,
    };
  }
  const least = minimum === undefined || minimum === null ? "" : ` At least ${minimum}.`;
  const without = parameter.required ? "" : fallback === "" ? "" : ` ${fallback} if empty.`;
  return {
    path,
    label: name,
    kind: type === "integer" || type === "number" ? "number" : "text",
    help: `${sentence}${least}${without}`,
    required: Boolean(parameter.required),
    placeholder: fallback === undefined || fallback === null ? "" : String(fallback),
  };
}

/** The parts of a query. @type {import("./fields.js").Shape[]} */
export const STATEMENTS = [
  {
    path: "sql.map",
    label: "Query",
    kind: "lines",
    rows: 5,
    mono: true,
    required: true,
    placeholder: "SELECT … FROM input GROUP BY ALL",
    help: "A SELECT from the table input. What $name stands for is asked below.",
  },
  {
    path: "sql.columns",
    label: "Columns",
    kind: "lines",
    rows: 2,
    mono: true,
    placeholder: "ip VARCHAR, revenue DOUBLE",
    help: "Of csv without a header; other input says them itself.",
  },
];

/** Those that are derived if they can be. @type {import("./fields.js").Shape[]} */
export const MORE_STATEMENTS = [
  {
    path: "sql.reduce",
    label: "Reduce",
    kind: "lines",
    rows: 3,
    mono: true,
    help: "From partial rows to rows of the same columns.",
  },
  {
    path: "sql.finish",
    label: "Finish",
    kind: "lines",
    rows: 3,
    mono: true,
    help: "From reduced rows of a partition to its result.",
  },
  {
    path: "sql.key",
    label: "Key",
    kind: "list",
    mono: true,
    help: "Columns, with commas between them: rows equal in them meet in one partition.",
  },
];
