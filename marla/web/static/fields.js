/** A field of the form: a label, a control, what it is for, and what is wrong with it. */

import { numberFrom, sizeFrom, valueFrom } from "./document.js";
import { el, prose } from "./dom.js";
import { size } from "./format.js";

/**
 * @typedef {object} Shape
 * @property {string} path in the document, as the check names it
 * @property {string} label
 * @property {string} [help]
 * @property {"text" | "number" | "size" | "value" | "lines" | "check" | "choice" | "list"} kind
 * @property {[string, string][]} [choices] values, as JSON or "", and their texts
 * @property {string} [placeholder]
 * @property {boolean} [required]
 * @property {boolean} [mono]
 * @property {number} [rows]
 * @property {any} [without] of a check: what the value is if it is not ticked (undefined: none)
 */

export class Field {
  /**
   * @param {Shape} shape
   * @param {(value: any) => void} changed called with the value, undefined for none
   */
  constructor(shape, changed) {
    this.shape = shape;
    const id = `field-${shape.path.replace(/[^\w-]/g, "-")}`;
    this.control = control(shape, id);
    this.error = el("p", { id: `${id}-error`, class: "error", hidden: true });
    this.note = el("span", { class: "quiet" });
    const help = prose(shape.help ?? "");
    const helps = shape.help || shape.kind === "size";
    this.help = helps ? el("p", { id: `${id}-help`, class: "help" }, help, " ", this.note) : null;
    const label = el("label", { for: id }, shape.label);
    const isCheck = shape.kind === "check";
    // aria-required says it to who does not see this.
    const named = el(
      "div",
      {},
      label,
      shape.required && el("span", { class: "quiet", "aria-hidden": "true" }, " required"),
    );
    this.node = el(
      "div",
      { class: `field ${isCheck ? "is-check" : ""}` },
      isCheck ? [this.control, label] : [named, this.control],
      this.help,
      this.error,
    );
    this.#describe(false);
    this.touched = false;
    this.control.addEventListener(isCheck || shape.kind === "choice" ? "change" : "input", () => {
      this.#tell();
      changed(this.value());
    });
    this.control.addEventListener("change", () => (this.touched = true));
  }

  /** Return the value; undefined for none. */
  value() {
    const { kind, without } = this.shape;
    const text = this.control.value;
    if (kind === "check") return this.control.checked ? (without === undefined ? true : undefined) : without;
    if (kind === "choice") return text === "" ? undefined : JSON.parse(text);
    if (kind === "number") return numberFrom(text);
    if (kind === "size") return sizeFrom(text);
    if (kind === "value") return valueFrom(text);
    if (kind === "list") {
      return text.trim()
        ? text.split(",").map((/** @type {string} */ one) => one.trim()).filter(Boolean)
        : undefined;
    }
    return text.trim() === "" ? undefined : text;
  }

  /**
   * Show a value, unless the control says it already, in other words perhaps.
   * @param {any} value
   */
  show(value) {
    if (value === null) value = undefined;
    if (JSON.stringify(this.value()) === JSON.stringify(value)) return;
    const { kind, without } = this.shape;
    if (kind === "check") this.control.checked = without === undefined ? value === true : value !== without;
    else if (kind === "choice") this.#choose(value);
    else if (kind === "list" && Array.isArray(value)) this.control.value = value.join(", ");
    else {this.control.value = value === undefined
        ? ""
        : typeof value === "string"
        ? value
        : JSON.stringify(value);}
    this.#tell();
  }

  /** @param {any} value */
  #choose(value) {
    const wanted = value === undefined ? "" : JSON.stringify(value);
    this.control.querySelector("option[data-other]")?.remove();
    if (![...this.control.options].some((option) => option.value === wanted)) {
      this.control.append(
        el("option", { value: wanted, "data-other": true }, `as in the JSON: ${wanted.slice(0, 60)}`),
      );
    }
    this.control.value = wanted;
  }

  /**
   * Show what is wrong with it; nothing if that is empty.
   * @param {string} text
   */
  complain(text) {
    const shown = text ? `⚠\uFE0E ${text}` : "";
    if (this.error.textContent === shown) return;
    this.error.textContent = shown;
    this.error.hidden = !text;
    this.#describe(Boolean(text));
  }

  focus() {
    this.control.closest("details")?.setAttribute("open", "");
    this.control.focus();
  }

  /** @param {boolean} isWrong */
  #describe(isWrong) {
    const ids = [this.help?.id, isWrong && this.error.id].filter(Boolean).join(" ");
    if (ids) this.control.setAttribute("aria-describedby", ids);
    else this.control.removeAttribute("aria-describedby");
    if (isWrong) this.control.setAttribute("aria-invalid", "true");
    else this.control.removeAttribute("aria-invalid");
  }

  /** Say what a number of bytes is in words. */
  #tell() {
    if (this.shape.kind !== "size") return;
    const value = this.value();
    this.note.textContent = typeof value === "number" && value >= 1000 ? `${size(value)} now.` : "";
  }
}

/**
 * @param {Shape} shape
 * @param {string} id
 */
function control(shape, id) {
  const common = { id, required: shape.required || null, "aria-required": shape.required ? "true" : null };
  if (shape.kind === "check") return el("input", { ...common, type: "checkbox" });
  if (shape.kind === "choice") {
    return el("select", common, (shape.choices ?? []).map(([value, text]) => el("option", { value }, text)));
  }
  const written = {
    ...common,
    placeholder: shape.placeholder || null,
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    class: shape.mono ? "mono" : null,
  };
  if (shape.kind === "lines") return el("textarea", { ...written, rows: shape.rows ?? 4 });
  return el("input", { ...written, type: "text", inputmode: shape.kind === "number" ? "decimal" : null });
}
