// The motion score over time against what counts, with the keyframes that the sampler would take.

import { make, makeSvg } from "./dom.js";
import { decimal } from "./figures.js";
import { sayOr, word } from "./words.js";

const WIDTH = 1000; // units of the drawing; it is stretched to its place
const HEIGHT = 220;
const BAND = 10; // of the states below it
const EXPONENT = 0.5; // small scores are the interesting ones

/** The plot of a reply; `choose` is told the number of a keyframe that was clicked. */
export function motionPlot({ series, keyframes, source }, choose) {
  const end = Math.max(source.seconds, series.t.at(-1) ?? 0, 1);
  const x = (t) => (t / end) * WIDTH;
  const y = (score) => HEIGHT - BAND - 4 - Math.min(1, score) ** EXPONENT * (HEIGHT - BAND - 12);
  const line = (values) => values.map((value, n) => `${n ? "L" : "M"}${x(series.t[n]).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const area = series.t.length ? `${line(series.score)}L${x(series.t.at(-1)).toFixed(1)} ${y(0)}L${x(series.t[0]).toFixed(1)} ${y(0)}Z` : "";
  const cursor = makeSvg("line", { class: "plot-cursor", y1: 0, y2: HEIGHT, "vector-effect": "non-scaling-stroke", visibility: "hidden" });
  const drawing = makeSvg(
    "svg",
    { class: "plot-drawing", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", tLabel: "plot.label", tp: { n: keyframes.length, s: decimal(end, 0) } },
    ...states(series, x, end),
    makeSvg("path", { class: "plot-area", d: area }),
    makeSvg("path", { class: "plot-score", d: line(series.score), "vector-effect": "non-scaling-stroke" }),
    makeSvg("path", { class: "plot-least", d: line(series.least_score), "vector-effect": "non-scaling-stroke" }),
    ...keyframes.map(({ t }) => makeSvg("line", { class: "plot-keyframe", x1: x(t), x2: x(t), y1: 0, y2: HEIGHT - BAND, "vector-effect": "non-scaling-stroke" })),
    cursor,
  );
  const marks = keyframes.map(({ t }, n) =>
    make("button", { type: "button", class: "plot-mark", tLabel: "plot.keyframe", tp: { s: decimal(t) }, vars: { x: t / end }, on: { click: () => choose(n) } }),
  );
  const told = make("p", { class: "soft small plot-told", t: "plot.hint" });
  drawing.addEventListener("pointermove", (event) => {
    const { left, width } = drawing.getBoundingClientRect();
    const n = nearest(series.t, ((event.clientX - left) / width) * end);
    if (n < 0) return;
    for (const side of ["x1", "x2"]) cursor.setAttribute(side, x(series.t[n]));
    cursor.setAttribute("visibility", "visible");
    word(told, "plot.told", {
      s: decimal(series.t[n]), score: decimal(series.score[n], 3), least: decimal(series.least_score[n], 3),
      limit: decimal(series.limit[n]), state: () => sayOr(`plot.${series.state[n]}`, series.state[n]),
    });
  });
  const legend = make("ul", { class: "plot-legend" }, ...["score", "least", "keyframe", "moving", "doubtful"].map((name) => make("li", { class: `legend-${name}`, t: `plot.legend.${name}` })));
  return make("div", { class: "plot" }, make("div", { class: "plot-sheet" }, drawing, ...marks), make("div", { class: "plot-axis" }, make("span", {}, "0 s"), make("span", {}, `${decimal(end, 0)} s`)), legend, told);
}

/** The band below: stretches of one state. */
function states({ t, state }, x, end) {
  const bands = [];
  for (let from = 0; from < t.length; ) {
    let until = from + 1;
    while (until < t.length && state[until] === state[from]) until += 1;
    const right = until < t.length ? t[until] : end;
    if (state[from] !== "quiet") {
      bands.push(makeSvg("rect", { class: `plot-state ${state[from]}`, x: x(t[from]), y: HEIGHT - BAND, width: Math.max(1, x(right) - x(t[from])), height: BAND }));
    }
    from = until;
  }
  return bands;
}

function nearest(times, t) {
  let best = -1;
  for (const [n, one] of times.entries()) {
    if (best < 0 || Math.abs(one - t) < Math.abs(times[best] - t)) best = n;
  }
  return best;
}
