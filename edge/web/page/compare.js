// A picture before and after it was enhanced, one over the other with a slider between them.

import { freshId, make } from "./dom.js";
import { HeatLayer } from "./heat.js";
import { fitSheet } from "./picture.js";

/** The element for the stage; hidden until it has something to show. */
export class Compare {
  #heat = new HeatLayer();

  constructor() {
    this.before = make("img", { class: "compare-before", alt: "" });
    this.after = make("img", { class: "compare-after", alt: "" });
    const id = freshId("compare");
    this.slider = make("input", { id, type: "range", min: 0, max: 100, value: 50, tLabel: "enhance.slider" });
    this.slider.addEventListener("input", () => this.#cut());
    this.after.addEventListener("load", () => fitSheet(this.after));
    this.sheet = make("div", { class: "compare-sheet" }, this.before, this.after, this.#heat.element);
    this.scale = make("div", { class: "compare-scale" }, make("span", { t: "enhance.before" }), this.slider, make("span", { t: "enhance.after" }));
    this.element = make("div", { class: "compare", hidden: true }, this.sheet, this.scale);
    this.#cut();
  }

  /** A picture, or the region of it that was enhanced, beside the enhanced one at `url`. */
  async show(picture, region, url) {
    this.element.hidden = false;
    this.scale.hidden = false;
    this.before.hidden = false;
    this.#heat.show(null);
    this.after.src = url;
    this.before.src = region ? await cutOf(picture.url, region) : picture.url;
    this.#cut();
  }

  /** The enhanced picture alone, with a heatmap on it. */
  showHeat(url, map) {
    this.element.hidden = false;
    this.scale.hidden = true;
    this.before.hidden = true;
    this.after.src = url;
    this.sheet.style.setProperty("--cut", 0);
    this.#heat.show(map);
  }

  set strength(fraction) {
    this.#heat.strength = fraction;
  }

  hide() {
    this.element.hidden = true;
    this.#heat.show(null);
  }

  #cut() {
    this.sheet.style.setProperty("--cut", this.slider.value / 100);
  }
}

/** A region of a picture as a picture of its own. */
async function cutOf(url, [x1, y1, x2, y2]) {
  const whole = make("img", { src: url, alt: "" });
  await whole.decode();
  const [width, height] = [whole.naturalWidth, whole.naturalHeight];
  const canvas = make("canvas", { width: Math.round((x2 - x1) * width), height: Math.round((y2 - y1) * height) });
  canvas.getContext("2d").drawImage(whole, x1 * width, y1 * height, canvas.width, canvas.height, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done));
  return URL.createObjectURL(blob);
}
