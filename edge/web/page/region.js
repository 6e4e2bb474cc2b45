// A box drawn on a picture, by mouse, finger or keyboard. Everything in fractions of the picture.
//
// Dragging beside the box draws a new one, dragging in it moves it, dragging a corner resizes it.
// Keys: Enter makes one, arrows move, Shift with arrows resizes, Delete takes it away.

import { make } from "./dom.js";
import { percent } from "./figures.js";
import { say, word } from "./words.js";

const SMALLEST = 0.02;
const STEP = 0.02;
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const CORNERS = { nw: [0, 1], ne: [2, 1], sw: [0, 3], se: [2, 3] }; // which of x1, y1, x2, y2 each moves

/** A layer to lie over a picture. Emits `change` whenever a box was made, changed or taken away. */
export class RegionLayer extends EventTarget {
  #box = null;
  #drag = null;

  constructor() {
    super();
    const corners = Object.keys(CORNERS).map((name) => make("span", { class: `corner ${name}`, "data-corner": name }));
    this.shape = make("div", { class: "region-box", hidden: true }, ...corners);
    this.told = make("span", { class: "away", role: "status" });
    this.element = make("div", { class: "region-layer", tabindex: "0", role: "application", tLabel: "region.label" }, this.shape, this.told);
    const layer = this.element;
    layer.addEventListener("pointerdown", (event) => this.#grab(event));
    layer.addEventListener("pointermove", (event) => this.#pull(event));
    layer.addEventListener("pointerup", () => this.#let());
    layer.addEventListener("pointercancel", () => this.#let());
    layer.addEventListener("keydown", (event) => this.#key(event));
  }

  /** [x1, y1, x2, y2], or null for the whole picture. */
  get box() {
    return this.#box;
  }

  set box(box) {
    this.#box = box;
    this.#draw();
  }

  #change(box) {
    this.box = box;
    const [x1, y1, x2, y2] = box ?? [];
    const given = { x: percent(x1 ?? 0), y: percent(y1 ?? 0), width: percent((x2 ?? 0) - (x1 ?? 0)), height: percent((y2 ?? 0) - (y1 ?? 0)) };
    if (!this.#drag) word(this.told, box ? "region.told" : "region.none", given);
    this.dispatchEvent(new Event("change"));
  }

  #draw() {
    this.shape.hidden = this.#box === null;
    if (!this.#box) return;
    for (const [n, name] of ["x1", "y1", "x2", "y2"].entries()) this.shape.style.setProperty(`--${name}`, this.#box[n]);
  }

  #at(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return [clip((event.clientX - left) / width), clip((event.clientY - top) / height)];
  }

  #grab(event) {
    if (event.button !== 0) return;
    this.element.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    const corner = event.target.dataset.corner;
    if (corner) this.#drag = { kind: "corner", corner: CORNERS[corner], before: this.#box };
    else if (event.target === this.shape) this.#drag = { kind: "move", at, before: this.#box };
    else this.#drag = { kind: "draw", at, before: this.#box };
  }

  #pull(event) {
    if (!this.#drag) return;
    const [x, y] = this.#at(event);
    const { kind, at, corner, before } = this.#drag;
    if (kind === "draw") {
      const box = [Math.min(at[0], x), Math.min(at[1], y), Math.max(at[0], x), Math.max(at[1], y)];
      if (isLarge(box)) this.#change(box);
    } else if (kind === "move") {
      this.#change(moved(before, x - at[0], y - at[1]));
    } else {
      const box = [...before];
      [box[corner[0]], box[corner[1]]] = [x, y];
      if (isLarge(box)) this.#change(box);
    }
  }

  #let() {
    if (!this.#drag) return;
    this.#drag = null;
    this.#change(this.#box);
  }

  #key(event) {
    if (event.key === "Enter" && !this.#box) this.#change([0.3, 0.3, 0.7, 0.7]);
    else if (["Delete", "Backspace", "Escape"].includes(event.key) && this.#box) this.#change(null);
    else if (event.key in MOVES && this.#box) {
      const [dx, dy] = MOVES[event.key].map((step) => step * STEP);
      const [x1, y1, x2, y2] = this.#box;
      const box = event.shiftKey ? [x1, y1, clip(x2 + dx), clip(y2 + dy)] : moved(this.#box, dx, dy);
      if (isLarge(box)) this.#change(box);
    } else return;
    event.preventDefault();
  }
}

function clip(fraction) {
  return Math.min(1, Math.max(0, fraction));
}

function isLarge([x1, y1, x2, y2]) {
  return x2 - x1 >= SMALLEST && y2 - y1 >= SMALLEST;
}

function moved([x1, y1, x2, y2], dx, dy) {
  const right = Math.min(1 - x2, Math.max(-x1, dx));
  const down = Math.min(1 - y2, Math.max(-y1, dy));
  return [x1 + right, y1 + down, x2 + right, y2 + down];
}

/** A box as the API takes it. */
export function regionText(box) {
  return box.map((fraction) => String(Math.round(fraction * 10_000) / 10_000)).join(",");
}

/** A box in words for a label. */
export function regionWords([x1, y1, x2, y2]) {
  return say("region.size", { width: percent(x2 - x1), height: percent(y2 - y1) });
}
