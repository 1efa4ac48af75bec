/** The rows of a table, changed in place: what has the focus keeps it, what is the same is not touched. */

import { el, fill } from "./dom.js";

/**
 * @typedef {object} Column
 * @property {(item: any) => import("./dom.js").Child | import("./dom.js").Child[]} cell
 * @property {string} [kind] the class of its cells
 * @property {boolean} [head] whether its cells name their rows
 *
 * A row, and the item in it as JSON.
 * @typedef {{row: HTMLElement, content: string}} Shown
 */

export class Rows {
  /**
   * @param {HTMLElement} body a tbody
   * @param {Column[]} columns
   * @param {(item: any) => string} key of an item, unique
   * @param {string} empty what is said where there are none
   */
  constructor(body, columns, key, empty) {
    this.body = body;
    this.columns = columns;
    this.key = key;
    this.empty = empty;
    /** @type {Map<string, Shown>} */
    this.shown = new Map();
  }

  /**
   * Show items in place of those that are shown.
   * @param {any[]} items
   */
  show(items) {
    const before = this.shown;
    this.shown = new Map(
      items.map((item) => [this.key(item), before.get(this.key(item)) ?? { row: el("tr"), content: "" }]),
    );
    const kept = new Set([...this.shown.values()].map(({ row }) => row));
    for (const row of [...this.body.children]) {
      if (!kept.has(/** @type {HTMLElement} */ (row))) row.remove();
    }
    let place = this.body.firstElementChild;
    for (const item of items) {
      const one = /** @type {Shown} */ (this.shown.get(this.key(item)));
      const content = JSON.stringify(item);
      if (one.content !== content) this.#draw(one.row, item);
      one.content = content;
      if (one.row === place) place = place.nextElementSibling;
      else this.body.insertBefore(one.row, place);
    }
    if (!items.length) {
      this.body.append(el("tr", {}, el("td", { colspan: this.columns.length, class: "empty" }, this.empty)));
    }
    this.body.removeAttribute("aria-busy");
  }

  /**
   * Return an item as it was shown last: a cell that has not changed was made for it as it was before.
   * @param {any} item
   */
  latest(item) {
    const one = this.shown.get(this.key(item));
    return one ? JSON.parse(one.content) : item;
  }

  /** Take all rows away, for others are on their way. */
  clear() {
    this.shown.clear();
    this.body.textContent = "";
    this.body.setAttribute("aria-busy", "true");
  }

  /**
   * @param {HTMLElement} row
   * @param {any} item
   */
  #draw(row, item) {
    const hadFocus = row.contains(document.activeElement);
    const fresh = this.columns.map(({ cell, kind, head }) =>
      el(head ? "th" : "td", { class: kind, scope: head ? "row" : null }, cell(item))
    );
    const old = [...row.children];
    if (!old.length) fill(row, fresh);
    else fresh.forEach((node, index) => node.isEqualNode(old[index]) || old[index].replaceWith(node));
    if (!hadFocus || row.contains(document.activeElement)) return;
    /** @type {HTMLElement | null} */ (row.querySelector("a, button, summary"))?.focus();
  }
}
