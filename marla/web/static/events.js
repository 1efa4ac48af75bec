/** The history of an execution, page by page. */

import { get, ofExecution } from "./api.js";
import { byId, el, fill, setText, trouble } from "./dom.js";
import { count, duration, json, many } from "./format.js";

const PAGE = 100;

export class Events {
  /** @param {string} execution its name */
  constructor(execution) {
    this.execution = execution;
    this.order = byId("event-order");
    this.more = byId("events-more");
    this.body = byId("events");
    this.last = 0;
    this.total = 0;
    this.reached = false;
    this.visible = false;
    this.busy = false;
    this.order.addEventListener("change", () => this.#anew());
    this.order.form.addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());
    this.more.addEventListener("click", () => this.#load());
  }

  show() {
    this.visible = true;
    if (!this.last) this.#load();
  }

  hide() {
    this.visible = false;
  }

  /**
   * Take note of how many events there are; those that are new are shown where all before them are.
   * @param {number} total
   */
  follow(total) {
    const grown = total !== this.total;
    this.total = total;
    this.#say();
    if (!this.visible || !grown) return;
    if (this.order.value === "asc" ? this.reached : !this.last) this.#load();
  }

  #anew() {
    fill(this.body);
    this.last = 0;
    this.reached = false;
    this.#load();
  }

  async #load() {
    if (this.busy) return;
    this.busy = true;
    const order = this.order.value;
    try {
      const after = this.last ? `&after=${this.last}` : "";
      const page = await get(ofExecution(this.execution, `/events?limit=${PAGE}&order=${order}${after}`));
      if (order !== this.order.value) return;
      this.body.append(...page.events.map(row));
      this.last = page.events.at(-1)?.id ?? this.last;
      this.reached = !page.more;
      this.more.hidden = this.reached;
      this.#say();
    } catch (error) {
      trouble(/** @type {Error} */ (error).message);
    } finally {
      this.busy = false;
      if (order !== this.order.value) this.#anew();
    }
  }

  #say() {
    setText(
      byId("event-count"),
      `${count(this.body.children.length)} of ${
        many(Math.max(this.total, this.body.children.length), "event")
      } shown`,
    );
  }
}

/** @param {any} event */
function row(event) {
  const details = event.details ?? {};
  const told = typeof details.error === "string" ? details.error : Object.keys(details).join(", ");
  return el(
    "tr",
    {},
    el("td", { class: "number" }, count(event.id)),
    el(
      "td",
      { class: "number" },
      el("time", { datetime: event.time, title: event.time }, duration(event.seconds)),
    ),
    el("th", { scope: "row" }, event.type),
    el("td", {}, event.state ?? ""),
    el(
      "td",
      { class: "event-details" },
      told && el("details", {}, el("summary", {}, told), el("pre", { tabindex: 0 }, json(opened(details)))),
    ),
  );
}

/**
 * Return details with the JSON in their texts opened, for that is how they are read.
 * @param {Record<string, any>} details
 */
function opened(details) {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => {
      if (typeof value !== "string" || !/^[[{]/.test(value)) return [name, value];
      try {
        return [name, JSON.parse(value)];
      } catch {
        return [name, value];
      }
    }),
  );
}
