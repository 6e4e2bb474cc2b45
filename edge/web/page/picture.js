// A picture with what was seen drawn over it: the sampler's boxes, and what the model was shown.

import { make, makeSvg } from "./dom.js";
import { icon } from "./icons.js";

/** A frame for one picture of the given size (px); something calm stands in it until it has come. */
export class Frame {
  constructor({ width = 16, height = 9, lazy = false } = {}) {
    this.image = make("img", { class: "frame-image", alt: "", decoding: "async", loading: lazy ? "lazy" : null });
    this.image.hidden = true;
    this.outlines = makeSvg("svg", {
      class: "frame-outlines", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true",
    });
    this.blank = make("div", { class: "frame-blank loading" }, icon("camera"));
    this.element = make(
      "div",
      { class: "frame", vars: { ratio: `${width} / ${height}` } },
      this.blank, this.image, this.outlines,
    );
    this.image.addEventListener("load", () => (this.blank.hidden = true));
    this.image.addEventListener("error", () => this.fail());
  }

  /** Put a picture in; `words` say what it is. */
  show(url, words) {
    this.image.alt = words;
    this.image.hidden = false;
    if (this.image.getAttribute("src") !== url) this.image.src = url;
  }

  /** There is no picture. */
  fail() {
    this.image.hidden = true;
    this.blank.hidden = false;
    this.blank.classList.remove("loading");
  }

  resize(width, height) {
    this.element.style.setProperty("--ratio", `${width} / ${height}`);
  }

  /** Outline boxes [x1, y1, x2, y2] (fractions), and the views of a finding. */
  draw(boxes, views = []) {
    this.outlines.replaceChildren(
      ...views.filter((view) => !view.overview).map((view) => outline(view.box, "outline-view")),
      ...boxes.map((box) => outline(box, "outline-box")),
    );
  }
}

/** Let the sheet around a picture that has been loaded take its shape. */
export function fitSheet(image) {
  image.parentElement.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight);
}

function outline([x1, y1, x2, y2], kind) {
  const place = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
  return makeSvg("rect", { class: kind, "vector-effect": "non-scaling-stroke", ...place });
}
