/** Elements made and filled without a line of HTML in them: all data is text. */

/** What may be a child of an element. @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Return a new element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] attributes; `onclick` and other functions are listeners;
 *   true is an empty attribute; false, null and undefined are none.
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  add(node, children);
  return node;
}

/**
 * Append children, lists of them flattened.
 * @param {Node} node
 * @param {any[]} children
 */
function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.appendChild(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

/**
 * Put children in place of those that are there.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function fill(node, ...children) {
  node.textContent = "";
  add(node, children);
}

/**
 * Return a text of documentation as children: what stands in it between backticks is code.
 * @param {string} text
 * @returns {Child[]}
 */
export function prose(text) {
  return text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? el("code", {}, part) : part));
}

/**
 * Return the element with an id, which the page has.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no #${id}`);
  return node;
}

/**
 * Set a text, but touch nothing if it is there already: a screen reader may be reading it.
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Say something to who uses a screen reader, politely.
 * @param {string} text
 */
export function announce(text) {
  setText(byId("announcements"), text);
}

/**
 * Show what hinders the page, above all else; nothing if all is well again.
 * @param {string} text
 */
export function trouble(text) {
  const node = byId("trouble");
  setText(node, text);
  node.hidden = !text;
}

/**
 * Make a button copy a text.
 * @param {HTMLElement} button
 * @param {() => string} text
 */
export function copies(button, text) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      announce("Copied");
    } catch {
      announce("The browser does not let this page copy");
    }
  });
}
