/** The fields of a job's parameters, or of what a query asks for. */

import { isObject, placeholders } from "./document.js";
import { byId, el, fill, prose } from "./dom.js";
import { Field } from "./fields.js";
import { shapeOf } from "./options.js";

const PREFIX = "params.";

export class Parameters {
  /** @param {(name: string, value: any) => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.drawn = "";
    /** By path. @type {Map<string, Field>} */
    this.fields = new Map();
  }

  /**
   * Show the parameters that a document has, and those that its job or query takes.
   * @param {Record<string, any>} document
   * @param {any} job of the catalogue, if it is one
   */
  show(document, job) {
    const shapes = document.sql !== undefined
      ? placeholders(document.sql).map(shapeOfPlaceholder)
      : (job?.params ?? []).map(shapeOf);
    const wanted = JSON.stringify([document.sql !== undefined, job?.name, shapes]);
    if (wanted !== this.drawn) this.#draw(shapes, document.sql === undefined ? job?.doc : "");
    this.drawn = wanted;
    const given = isObject(document.params) ? document.params : {};
    for (const [path, field] of this.fields) field.show(given[path.slice(PREFIX.length)]);
  }

  /**
   * @param {import("./fields.js").Shape[]} shapes
   * @param {string} [doc] what else there is to know about the job
   */
  #draw(shapes, doc) {
    this.fields = new Map(
      shapes.map((shape) => [
        shape.path,
        new Field(shape, (value) => this.changed(shape.path.slice(PREFIX.length), value)),
      ]),
    );
    const nodes = [...this.fields.values()].map((field) => field.node);
    fill(
      byId("parameter-fields"),
      doc &&
        el(
          "details",
          { class: "more" },
          el("summary", {}, "More about this job"),
          el("p", { class: "doc" }, prose(doc)),
        ),
      nodes.length > 0 && el("div", { class: "grid", role: "group", "aria-label": "Parameters" }, nodes),
    );
  }
}

/**
 * @param {string} name
 * @returns {import("./fields.js").Shape}
 */
function shapeOfPlaceholder(name) {
  return {
    path: `${PREFIX}${name}`,
    label: `$${name}`,
    kind: "value",
    required: true,
    help: 'A number, true, false or a text; a text that looks like a number in quotes, as "007".',
  };
}
