// A heatmap over a picture: where an answer looked, drawn as `edge ask --heatmap` draws it.

import { make } from "./dom.js";

// From cold to hot; luminance grows all the way, so that it also reads without colours.
const COLORS = [[40, 20, 110], [110, 30, 130], [190, 55, 85], [240, 120, 30], [255, 235, 110]];

/** A layer to lie over a picture. */
export class HeatLayer {
  constructor() {
    this.element = make("div", { class: "heat-layer", hidden: true, "aria-hidden": "true" });
  }

  /** Draw a map {box, cells}; null takes it away. */
  show(map) {
    this.element.hidden = map === null;
    if (!map) return void this.element.replaceChildren();
    const [x1, y1, x2, y2] = map.box;
    const place = { x: x1, y: y1, w: x2 - x1, h: y2 - y1 };
    const canvas = make("canvas", { class: "heat", width: map.cells[0].length, height: map.cells.length, vars: place });
    paint(canvas, map.cells);
    this.element.replaceChildren(canvas); // the browser smooths between the cells
  }

  /** How much of the picture the brightest place hides, 0..1. */
  set strength(fraction) {
    this.element.style.setProperty("--strength", fraction);
  }
}

function paint(canvas, cells) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const brightest = Math.max(...cells.flat());
  for (const [row, line] of cells.entries()) {
    for (const [column, cell] of line.entries()) {
      const heat = brightest > 0 ? cell / brightest : 0;
      image.data.set([...colorOf(heat), Math.round(255 * heat)], 4 * (row * canvas.width + column));
    }
  }
  context.putImageData(image, 0, 0);
}

function colorOf(heat) {
  const at = heat * (COLORS.length - 1);
  const low = Math.min(Math.floor(at), COLORS.length - 2);
  const share = at - low;
  return COLORS[low].map((channel, n) => Math.round(channel * (1 - share) + COLORS[low + 1][n] * share));
}
