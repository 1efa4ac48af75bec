/** A picture in a box that scrolls: larger, smaller, fitted to the width, and dragged with the mouse. */

import { byId, setText } from "./dom.js";

const STEP = 1.25;
const [SMALLEST, LARGEST] = [0.15, 4];
const READABLE = 0.6; // of its own size: no smaller at first, even if the picture is wider than its box

export class Zoom {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    /** @type {SVGSVGElement | null} */
    this.svg = null;
    this.scale = 1;
    this.width = 0;
    this.fitted = true;
    byId("zoom-in").addEventListener("click", () => this.in());
    byId("zoom-out").addEventListener("click", () => this.out());
    byId("zoom-fit").addEventListener("click", () => this.fit());
    new ResizeObserver(() => this.fitted && this.fit(READABLE)).observe(box);
    this.#drag();
  }

  /**
   * Take the picture that is now in the box.
   * @param {SVGSVGElement} svg
   */
  take(svg) {
    this.svg = svg;
    this.width = svg.viewBox.baseVal.width || 800;
    this.fit(READABLE);
  }

  /**
   * @param {number} scale
   * @param {boolean} [fitted] whether it is to follow the width of its box from now on
   */
  #scaleTo(scale, fitted = false) {
    if (!this.svg) return;
    const bounded = Math.max(SMALLEST, Math.min(LARGEST, scale));
    const { clientWidth, clientHeight, scrollLeft, scrollTop } = this.box;
    const grown = bounded / this.scale;
    this.scale = bounded;
    this.fitted = fitted;
    this.svg.setAttribute("width", String(this.width * bounded));
    this.svg.setAttribute("height", String((this.svg.viewBox.baseVal.height || 600) * bounded));
    setText(byId("zoom"), `${Math.round(bounded * 100)}%`);
    if (!fitted) {
      // What is in the middle stays there.
      this.box.scrollLeft = (scrollLeft + clientWidth / 2) * grown - clientWidth / 2;
      this.box.scrollTop = (scrollTop + clientHeight / 2) * grown - clientHeight / 2;
    }
  }

  in() {
    this.#scaleTo(this.scale * STEP);
  }

  out() {
    this.#scaleTo(this.scale / STEP);
  }

  /**
   * Fit the picture to the width of its box, but never beyond its own size.
   * @param {number} [least] how small it may become
   */
  fit(least = 0) {
    const room = this.box.clientWidth - 2;
    if (room > 0 && this.width) this.#scaleTo(Math.max(least, Math.min(1, room / this.width)), true);
  }

  /**
   * Scroll the box, and not the page, so that something in it is seen.
   * @param {Element} group
   * @param {ScrollBehavior} [how]
   */
  reveal(group, how = "smooth") {
    const [inner, outer] = [group.getBoundingClientRect(), this.box.getBoundingClientRect()];
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.box.scrollTo({
      left: this.box.scrollLeft + inner.left + inner.width / 2 - outer.left - outer.width / 2,
      top: this.box.scrollTop + inner.top + Math.min(inner.height, outer.height) / 2 - outer.top -
        outer.height / 2,
      behavior: calm ? "auto" : how,
    });
  }

  /** Let a mouse drag the graph; fingers scroll it anyway. */
  #drag() {
    this.box.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (event.pointerType !== "mouse" || event.button !== 0 || isState(event.target)) return;
      const [x, y, left, top] = [event.clientX, event.clientY, this.box.scrollLeft, this.box.scrollTop];
      const move = (/** @type {PointerEvent} */ moved) =>
        this.box.scrollTo({ left: left + x - moved.clientX, top: top + y - moved.clientY });
      const end = () => {
        removeEventListener("pointermove", move);
        this.box.classList.remove("is-dragged");
      };
      this.box.classList.add("is-dragged");
      addEventListener("pointermove", move);
      addEventListener("pointerup", end, { once: true });
    });
  }
}

/** @param {EventTarget | null} target */
function isState(target) {
  return target instanceof Element && target.closest("g.state") !== null;
}
