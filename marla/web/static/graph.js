/** The state machine as a live graph: drawn once by the server; then its marks, texts and colours change. */

import { getText, ofExecution } from "./api.js";
import { announce, byId, el, fill, setText } from "./dom.js";
import { count, duration, status } from "./format.js";
import { Zoom } from "./zoom.js";

const KINDS = ["is-idle", "is-running", "is-succeeded", "is-failed", "is-caught", "is-stopped"];
const TEXTS = ["mark", "count", "time", "visits"];

/**
 * What a state is at, as marla/graph/status.py has it.
 * @typedef {{status: string, visits: number, seconds: number, done?: number, total?: number,
 *   failed?: number, retries?: number, error?: string, label: string, texts?: Record<string, string>}} State
 */

export class Graph {
  /**
   * @param {string} execution its name
   * @param {(state: string) => void} showTasks called for a Map whose tasks are wanted
   */
  constructor(execution, showTasks) {
    this.execution = execution;
    this.showTasks = showTasks;
    this.box = byId("graph");
    this.panel = byId("state");
    this.follow = byId("follow");
    /** @type {Map<string, SVGGElement>} */
    this.groups = new Map();
    /** @type {Record<string, State>} */
    this.states = {};
    this.zoom = new Zoom(this.box);
    this.chosen = "";
    this.now = "";
    this.followed = "";
    this.box.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#key(event));
    this.box.addEventListener("click", (/** @type {Event} */ event) => {
      const group = this.#groupOf(event.target);
      if (group) this.choose(group.dataset.state ?? "");
    });
    this.box.addEventListener("focusin", (/** @type {Event} */ event) => {
      const group = this.#groupOf(event.target);
      if (group) this.#rove(group);
    });
  }

  /** Draw the graph. */
  async load() {
    const text = await getText(ofExecution(this.execution, "/graph.svg"));
    const drawn = new DOMParser().parseFromString(text, "image/svg+xml");
    if (drawn.querySelector("parsererror")) throw new Error("The graph cannot be drawn: it is no SVG");
    drawn.querySelectorAll("script, foreignObject").forEach((node) => node.remove());
    const svg = /** @type {any} */ (document.importNode(drawn.documentElement, true));
    fill(this.box, svg);
    /** @type {SVGGElement[]} */
    const groups = [...this.box.querySelectorAll("g.state")].sort(asRead);
    this.groups = new Map(groups.map((group) => [group.dataset.state ?? "", group]));
    groups.forEach((group, index) => group.setAttribute("tabindex", index ? "-1" : "0"));
    this.box.removeAttribute("aria-busy");
    this.zoom.take(svg);
    if (groups.length) this.zoom.reveal(groups[0], "auto");
    this.show(this.states, this.now);
  }

  /**
   * Show what the states are at.
   * @param {Record<string, State>} states
   * @param {string} now the state that the execution is in
   */
  show(states, now) {
    this.states = states;
    this.now = now;
    for (const [name, state] of Object.entries(states)) {
      const group = this.groups.get(name);
      if (group) redraw(group, state);
    }
    if (this.chosen) this.#tell();
    if (now && now !== this.followed && this.groups.size) {
      this.followed = now;
      const group = this.groups.get(now);
      if (group && this.follow.checked) this.zoom.reveal(group);
      if (group && !this.box.contains(document.activeElement)) this.#rove(group);
    }
  }

  /**
   * Choose a state: it is marked, and its panel says more of it.
   * @param {string} name
   */
  choose(name) {
    this.groups.get(this.chosen)?.classList.remove("is-selected");
    this.chosen = name;
    const group = this.groups.get(name);
    if (!group) {
      fill(this.panel, el("p", { class: "quiet" }, "Choose a state to see more of it."));
      delete this.panel.dataset.told;
      return;
    }
    group.classList.add("is-selected");
    this.#rove(group);
    this.#tell();
    announce(this.states[name]?.label ?? name);
    this.panel.scrollIntoView({ block: "nearest" });
  }

  #tell() {
    const name = this.chosen;
    const state = this.states[name];
    const type = this.groups.get(name)?.dataset.type ?? "";
    const hasTasks = state?.total !== undefined && state.total !== null;
    const told = JSON.stringify([name, state]);
    if (this.panel.dataset.told === told) return;
    this.panel.dataset.told = told;
    const hadFocus = this.panel.contains(document.activeElement) ? document.activeElement?.textContent : null;
    fill(
      this.panel,
      el(
        "div",
        { class: "tools" },
        el("h3", {}, name),
        el("span", { class: "quiet" }, type),
        el("button", { type: "button", class: "right small", onclick: () => this.#leave() }, "Close"),
      ),
      el(
        "dl",
        { class: "inline-list" },
        pair("Status", status(state?.status ?? "idle")),
        // Of states within a Map, the execution's history says nothing but how many tasks they have done.
        (state?.visits || !hasTasks) && pair("Entered", state?.visits ? `${count(state.visits)}×` : "never"),
        Boolean(state?.visits) && pair("Time in it", duration(state.seconds)),
        hasTasks && pair("Tasks", `${count(state.done)} of ${count(state.total)}`),
        Boolean(state?.failed) && pair("Failed", count(state.failed)),
        Boolean(state?.retries) && pair("Retries", count(state.retries)),
      ),
      state?.error && el("p", { class: "error" }, state.error),
      hasTasks &&
        el(
          "button",
          { type: "button", class: "small", onclick: () => this.showTasks(name) },
          "Show its tasks",
        ),
    );
    if (hadFocus) {
      const buttons = /** @type {NodeListOf<HTMLElement>} */ (this.panel.querySelectorAll("button"));
      [...buttons].find((button) => button.textContent === hadFocus)?.focus();
    }
  }

  #leave() {
    const group = this.groups.get(this.chosen);
    this.choose("");
    group?.focus();
  }

  /** @param {any} target @returns {SVGGElement | null} */
  #groupOf(target) {
    return target instanceof Element ? target.closest("g.state") : null;
  }

  /**
   * Make a state the one that Tab comes to.
   * @param {SVGGElement} group
   */
  #rove(group) {
    for (const other of this.groups.values()) {
      const index = other === group ? "0" : "-1";
      if (other.getAttribute("tabindex") !== index) other.setAttribute("tabindex", index);
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const group = this.#groupOf(event.target);
    const all = [...this.groups.values()];
    const at = group ? all.indexOf(group) : -1;
    /** @type {Record<string, () => void>} */
    const keys = {
      "+": () => this.zoom.in(),
      "=": () => this.zoom.in(),
      "-": () => this.zoom.out(),
      0: () => this.zoom.fit(),
    };
    if (group) {
      const go = (/** @type {number} */ place) => all[Math.max(0, Math.min(all.length - 1, place))]?.focus();
      Object.assign(keys, {
        ArrowDown: () => go(at + 1),
        ArrowRight: () => go(at + 1),
        ArrowUp: () => go(at - 1),
        ArrowLeft: () => go(at - 1),
        Home: () => go(0),
        End: () => go(all.length - 1),
        Enter: () => this.choose(group.dataset.state ?? ""),
        " ": () => this.choose(group.dataset.state ?? ""),
        Escape: () => this.choose(""),
      });
    }
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
}

/**
 * @param {SVGGElement} group
 * @param {State} state
 */
function redraw(group, state) {
  const kind = `is-${state.status}`;
  if (!group.classList.contains(kind)) {
    group.classList.remove(...KINDS);
    group.classList.add(kind);
  }
  if (group.getAttribute("aria-label") !== state.label) group.setAttribute("aria-label", state.label);
  const title = group.querySelector("title");
  if (title) setText(title, state.label);
  for (const [name, text] of Object.entries(state.texts ?? {})) {
    const node = TEXTS.includes(name) && group.querySelector(`text.${name}`);
    if (node) setText(node, text);
  }
}

/**
 * Order states as they are read: from the top, and in a row from the left.
 * @param {SVGGElement} one
 * @param {SVGGElement} other
 */
function asRead(one, other) {
  const place = (/** @type {SVGGElement} */ group, /** @type {string} */ name) =>
    Number(group.querySelector(".box")?.getAttribute(name) ?? 0);
  return place(one, "y") - place(other, "y") || place(one, "x") - place(other, "x");
}

/**
 * @param {string} term
 * @param {import("./dom.js").Child} value
 */
function pair(term, value) {
  return el("div", {}, el("dt", {}, term), el("dd", {}, value));
}
