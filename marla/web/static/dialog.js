/** Dialogs: one that asks before something is done, and the focus that goes back when one closes. */

import { el } from "./dom.js";

/**
 * Open a dialog of the page; as it closes, the focus is again where it was, if that is still there.
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} [otherwise] what has the focus then, if that is gone
 */
export function open(dialog, otherwise) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  dialog.showModal();
  dialog.addEventListener(
    "close",
    () => (before?.isConnected && before !== document.body ? before : otherwise)?.focus(),
    { once: true },
  );
}

/**
 * Ask whether to do something, and do it; the dialog stays while it is done, and says what went wrong.
 * @param {object} question
 * @param {string} question.title
 * @param {import("./dom.js").Child[]} question.body paragraphs: what will happen
 * @param {string} question.action the button's text
 * @param {boolean} [question.danger]
 * @param {() => Promise<void>} question.work
 */
export function ask({ title, body, action, danger, work }) {
  const error = el("p", { class: "error", role: "alert", hidden: true });
  const confirm = el("button", { type: "button", class: danger ? "danger" : "primary" }, action);
  const cancel = el("button", { type: "button", autofocus: true }, "Cancel");
  const dialog = el(
    "dialog",
    { "aria-labelledby": "ask-title" },
    el("div", { class: "dialog-head" }, el("h2", { id: "ask-title" }, title)),
    el("div", { class: "dialog-body" }, body, error),
    el("div", { class: "dialog-foot" }, cancel, confirm),
  );
  cancel.addEventListener("click", () => dialog.close());
  confirm.addEventListener("click", async () => {
    confirm.disabled = true;
    confirm.setAttribute("aria-busy", "true");
    error.hidden = true;
    try {
      await work();
      dialog.close();
    } catch (problem) {
      error.textContent = /** @type {Error} */ (problem).message;
      error.hidden = false;
      confirm.disabled = false;
      confirm.removeAttribute("aria-busy");
    }
  });
  document.body.append(dialog);
  open(dialog);
  dialog.addEventListener("close", () => dialog.remove());
}
