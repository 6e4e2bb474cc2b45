// Polygons drawn on a picture: masks, which are never looked at, and zones, which have a name.
//
// A click adds a point; a click on the first one or Enter closes. Corners can be dragged. Keys:
// arrows move the cross, Space adds a point, Enter closes, Backspace takes one back, Escape all.

import { make, makeSvg } from "./dom.js";

const STEP = 0.02;
const CLOSE = 0.025; // a click this near to the first point closes
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

/** A layer to lie over a picture. Emits `change` with the shapes, `draft` while one is drawn. */
export class ShapeLayer extends EventTarget {
  shapes = []; // {kind: "mask" | "zone", name, points}
  draft = null;
  #cross = null;
  #drag = null;

  constructor() {
    super();
    this.drawing = makeSvg("svg", { class: "shape-drawing", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.handles = make("div", { class: "shape-handles" });
    this.element = make("div", { class: "shape-layer", tabindex: "0", role: "application", tLabel: "shapes.label" }, this.drawing, this.handles);
    this.element.addEventListener("pointerdown", (event) => this.#press(event));
    this.element.addEventListener("pointermove", (event) => this.#move(event));
    this.element.addEventListener("pointerup", () => this.#release());
    this.element.addEventListener("pointercancel", () => this.#release());
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Draw a new one from now on. */
  begin(kind, name = "") {
    this.draft = { kind, name, points: [] };
    this.#cross = [0.5, 0.5];
    this.element.focus();
    this.#told("draft");
  }

  abandon() {
    this.draft = this.#cross = this.#drag = null;
    this.#told("draft");
  }

  set(shapes) {
    this.shapes = shapes;
    this.abandon();
  }

  remove(shape) {
    this.shapes = this.shapes.filter((one) => one !== shape);
    this.#told("change");
  }

  #add(point) {
    const { points } = this.draft;
    const first = points[0];
    if (points.length >= 3 && Math.hypot(point[0] - first[0], point[1] - first[1]) < CLOSE) return this.#close();
    points.push(point.map(rounded));
    this.#told("draft");
  }

  #close() {
    if (this.draft.points.length < 3) return;
    this.shapes = [...this.shapes, this.draft];
    this.draft = this.#cross = null;
    this.#told("change");
  }

  #at(event) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return [clip((event.clientX - left) / width), clip((event.clientY - top) / height)];
  }

  #press(event) {
    if (event.button !== 0) return;
    const { shape, point } = event.target.dataset;
    if (this.draft) this.#add(this.#at(event));
    else if (shape !== undefined) {
      this.element.setPointerCapture(event.pointerId);
      this.#drag = { points: this.shapes[shape].points, n: Number(point) };
    }
  }

  #move(event) {
    if (this.#drag) this.#drag.points[this.#drag.n] = this.#at(event).map(rounded);
    else if (this.draft) this.#cross = this.#at(event);
    else return;
    this.#draw();
  }

  #release() {
    if (!this.#drag) return;
    this.#drag = null;
    this.#told("change");
  }

  #key(event) {
    if (!this.draft) return;
    const { points } = this.draft;
    if (event.key in MOVES) this.#cross = this.#cross.map((at, n) => clip(at + MOVES[event.key][n]));
    else if (event.key === " ") this.#add(this.#cross);
    else if (event.key === "Enter") this.#close();
    else if (event.key === "Backspace") points.pop();
    else if (event.key === "Escape") this.abandon();
    else return;
    event.preventDefault();
    this.#told("draft");
  }

  #told(kind) {
    this.#draw();
    this.dispatchEvent(new Event(kind));
  }

  #draw() {
    const drawn = this.shapes.map(({ kind, points }) => makeSvg("polygon", { class: `shape ${kind}`, points: points.join(" "), "vector-effect": "non-scaling-stroke" }));
    const handles = this.draft ? [] : this.shapes.flatMap((shape, n) => shape.points.map((point, m) => handle(point, n, m)));
    if (this.draft) {
      const { kind, points } = this.draft;
      const path = this.#cross ? [...points, this.#cross] : points;
      drawn.push(makeSvg("polyline", { class: `shape draft ${kind}`, points: path.join(" "), "vector-effect": "non-scaling-stroke" }));
      handles.push(...points.map((point) => handle(point)));
      if (this.#cross) handles.push(make("span", { class: "shape-cross", vars: { x: this.#cross[0], y: this.#cross[1] } }));
    }
    this.drawing.replaceChildren(...drawn);
    if (this.#drag) return void this.#moveHandles(); // the one that is dragged has to stay
    this.handles.replaceChildren(...handles);
  }

  #moveHandles() {
    for (const one of this.handles.children) {
      const [x, y] = this.shapes[one.dataset.shape].points[one.dataset.point];
      one.style.setProperty("--x", x);
      one.style.setProperty("--y", y);
    }
  }
}

function handle([x, y], shape = undefined, point = undefined) {
  return make("span", { class: "shape-handle", "data-shape": shape, "data-point": point, vars: { x, y } });
}

function clip(fraction) {
  return Math.min(1, Math.max(0, fraction));
}

function rounded(fraction) {
  return Math.round(fraction * 1000) / 1000;
}
