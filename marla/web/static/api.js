/** Requests to the console's server, and their repetition. */

import { trouble } from "./dom.js";

/** How often in a row something is not there until it is gone: what was just started AWS may not know yet. */
const GONE = 5;

/** What the server, or the lack of it, said about a request that came to nothing. */
export class ApiError extends Error {
  /**
   * @param {string} message for people
   * @param {number} status of HTTP; 0 if there was no answer
   * @param {Record<string, any>} [body]
   */
  constructor(message, status, body = {}) {
    super(message);
    this.status = status;
    /** @type {string | undefined} */
    this.field = body.field;
    /** @type {{field: string, message: string}[]} */
    this.problems = body.problems ?? [];
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function request(path, init = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new ApiError("The console does not answer. Is `marla console` still running?", 0);
  }
  if (response.ok || response.status === 304) return response;
  const body = await response.json().catch(() => ({}));
  const lost = "This browser is not let in any more: open the URL that `marla console` printed.";
  const unnamed = response.status === 403 ? lost : `The console answered ${response.status}.`;
  const listed = (body.problems ?? []).map((/** @type {any} */ one) => one.message).join("; ");
  throw new ApiError(body.error || listed || unnamed, response.status, body);
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function get(path) {
  return (await request(path)).json();
}

/**
 * @param {string} path
 * @returns {Promise<string>}
 */
export async function getText(path) {
  return (await request(path)).text();
}

/**
 * @param {string} path
 * @param {any} [content]
 * @returns {Promise<any>}
 */
export async function post(path, content = {}) {
  const headers = { "Content-Type": "application/json", "X-Marla": "1" };
  return (await request(path, { method: "POST", headers, body: JSON.stringify(content) })).json();
}

/**
 * @param {string} path
 * @returns {Promise<any>}
 */
export async function remove(path) {
  return (await request(path, { method: "DELETE", headers: { "X-Marla": "1" } })).json();
}

/** Something that is asked for again and again, and sent only if it has changed. */
export class Changing {
  /** @param {string} path */
  constructor(path) {
    this.path = path;
    /** @type {string | null} */
    this.tag = null;
  }

  /**
   * Return what it is now, or null if it is what it was.
   * @returns {Promise<any>}
   */
  async read() {
    /** @type {Record<string, string>} */
    const headers = this.tag ? { "If-None-Match": this.tag } : {};
    const response = await request(this.path, { headers });
    if (response.status === 304) return null;
    this.tag = response.headers.get("ETag");
    return response.json();
  }
}

/**
 * Do something over and over while the page is seen, until it returns false.
 *
 * An error is shown, and does not end it: a cloud that did not answer may do so next time.
 * @param {() => Promise<boolean | void>} work
 * @param {() => number} pause milliseconds until the next time
 * @returns {() => void} does it now
 */
export function repeat(work, pause) {
  let timer = 0;
  let busy = false;
  let again = false;
  let over = false;
  let failures = 0;
  const run = async () => {
    clearTimeout(timer);
    if (busy) {
      again = true;
      return;
    }
    if (document.hidden) return; // visibilitychange goes on
    busy = true;
    try {
      over = (await work()) === false;
      if (failures) trouble("");
      failures = 0;
    } catch (error) {
      failures += 1;
      trouble(/** @type {Error} */ (error).message);
      if (!(error instanceof ApiError)) throw error;
      over = error.status === 403 || (error.status === 404 && failures >= GONE);
    } finally {
      busy = false;
      if (again) setTimeout(run, 0);
      else if (!over) timer = setTimeout(run, pause() * Math.min(1 + failures, 10));
      again = false;
    }
  };
  document.addEventListener("visibilitychange", () => !document.hidden && !over && run());
  run();
  return run;
}

/**
 * Return a path of the API about an execution.
 * @param {string} name
 * @param {string} [rest]
 */
export function ofExecution(name, rest = "") {
  return `/api/executions/${encodeURIComponent(name)}${rest}`;
}
