// Masks and zones of a camera: drawn on its picture, handed out as YAML.

import { button, make } from "./dom.js";
import { HeatLayer } from "./heat.js";
import { icon } from "./icons.js";
import { copy, notify } from "./notices.js";
import { fitSheet } from "./picture.js";
import { ShapeLayer } from "./shapes.js";
import { cameraYaml } from "./tune-yaml.js";

const WHOLE = [0, 0, 1, 1];

/** The picture with its shapes. Emits `mask` when the masks have changed. */
export class ShapeEditor extends EventTarget {
  sensitivity = null; // written into the YAML where it was tried
  #camera = "camera";
  #layer = new ShapeLayer();
  #heat = new HeatLayer();

  constructor() {
    super();
    this.image = make("img", { class: "stage-image", alt: "" });
    this.image.addEventListener("load", () => fitSheet(this.image));
    this.#heat.strength = 0.75;
    const sheet = make("div", { class: "stage-sheet" }, this.image, this.#heat.element, this.#layer.element);
    this.hint = make("p", { class: "soft small", role: "status", t: "shapes.hint" });
    this.name = make("input", { type: "text", class: "zone-name", maxlength: 40, tLabel: "shapes.zone_name", tPlaceholder: "shapes.zone_name" });
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && this.#beginZone());
    const mask = button({ class: "quiet small-button", on: { click: () => this.#layer.begin("mask") } }, icon("plus"), make("span", { t: "shapes.add_mask" }));
    const zone = button({ class: "quiet small-button", on: { click: () => this.#beginZone() } }, icon("plus"), make("span", { t: "shapes.add_zone" }));
    this.activity = make("input", { type: "checkbox", on: { change: () => (this.#heat.element.hidden = !this.activity.checked) } });
    this.activityPart = make("label", { class: "toggle", hidden: true }, this.activity, make("span", { t: "tune.activity" }));
    this.list = make("ul", { class: "shape-list" });
    this.yaml = make("pre", { class: "json yaml", tabindex: "0", tLabel: "shapes.yaml" });
    const take = button({ class: "quiet small-button", on: { click: () => copy(this.yaml.textContent) } }, icon("copy"), make("span", { t: "shapes.copy" }));
    this.element = make(
      "div",
      { class: "editor" },
      make("div", { class: "stage-surface" }, sheet),
      make("div", { class: "editor-tools" }, mask, make("span", { class: "zone-part" }, this.name, zone), this.activityPart),
      this.hint,
      this.list,
      make("div", { class: "yaml-head" }, make("h2", { t: "shapes.yaml" }), take),
      this.yaml,
    );
    this.#layer.addEventListener("change", () => {
      this.#tell();
      this.dispatchEvent(new Event("mask"));
    });
    this.#layer.addEventListener("draft", () => this.#tell());
    this.#tell();
  }

  setCamera(name) {
    this.#camera = name;
    this.sensitivity = null;
    this.setActivity(null);
    this.#tell();
  }

  setPicture(url) {
    this.image.src = url;
  }

  /** Put these in place of all there are: polygons, and polygons by name. */
  setShapes(mask, zones) {
    const masks = mask.map((points) => ({ kind: "mask", name: "", points: points.map((point) => [...point]) }));
    const named = Object.entries(zones).map(([name, points]) => ({ kind: "zone", name, points: points.map((point) => [...point]) }));
    this.#layer.set([...masks, ...named]);
    this.#tell();
  }

  /** How often each cell of the picture changed: rows of shares; null for unknown. */
  setActivity(cells) {
    this.activityPart.hidden = cells === null;
    this.#heat.show(cells && { box: WHOLE, cells });
    this.#heat.element.hidden = cells === null || !this.activity.checked;
  }

  setSensitivity(sensitivity) {
    this.sensitivity = sensitivity;
    this.#tell();
  }

  get masks() {
    return this.#layer.shapes.filter((shape) => shape.kind === "mask").map((shape) => shape.points);
  }

  #beginZone() {
    const name = this.name.value.trim();
    if (!/^[\w-]+$/.test(name)) return notify("shapes.bad_name", {}, { isError: true });
    if (this.#layer.shapes.some((shape) => shape.name === name)) return notify("shapes.same_name", {}, { isError: true });
    this.name.value = "";
    this.#layer.begin("zone", name);
  }

  #tell() {
    const { shapes, draft } = this.#layer;
    this.hint.hidden = !draft;
    this.list.replaceChildren(...shapes.map((shape) => this.#row(shape)));
    this.yaml.textContent = cameraYaml(this.#camera, shapes, this.sensitivity);
  }

  #row(shape) {
    const remove = button({ class: "plain", tLabel: "shapes.remove", tTitle: "shapes.remove", on: { click: () => this.#layer.remove(shape) } }, icon("trash"));
    const words = shape.kind === "zone" ? { t: "rule.zone", tp: { zone: shape.name } } : { t: "shapes.mask" };
    return make("li", { class: `shape-row ${shape.kind}` }, make("span", words), make("span", { class: "soft small", t: "shapes.points", tp: { n: shape.points.length } }), remove);
  }
}
