// Probabilities as bars, and times as the parts they are made of.

import { make } from "./dom.js";
import { percent, spent } from "./figures.js";

const SHOWN_OPTIONS = 12;
const YES_NO = ["yes", "no"];
const TIMES = ["queue_ms", "vision_ms", "prefill_ms", "decode_ms"];

/** One bar of a fraction 0..1; the figure beside it says the same in words. */
export function bar(fraction, kind = "") {
  return make("span", { class: `bar ${kind}`, "aria-hidden": "true" }, make("span", { class: "bar-fill", vars: { part: fraction } }));
}

/** A word of an answer; yes and no are said in the reader's language where they are the options. */
export function answerWord(kind, answer, isYesNo) {
  if (isYesNo && YES_NO.includes(answer)) return make("span", { class: kind, t: `verdict.${answer}` });
  return make("span", { class: kind }, answer);
}

/** Whether these are the options of a question that is answered by yes or no. */
export function areYesNo(probabilities) {
  const options = Object.keys(probabilities ?? {});
  return options.length === YES_NO.length && YES_NO.every((word) => options.includes(word));
}

/** All options of an answer with their probabilities, the most probable first. */
export function optionBars(probabilities, chosen) {
  const options = Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
  const isYesNo = areYesNo(probabilities);
  const rows = options.slice(0, SHOWN_OPTIONS).map(([option, chance]) =>
    make(
      "li",
      { class: option === chosen ? "option chosen" : "option" },
      answerWord("option-name", option, isYesNo),
      bar(chance),
      make("span", { class: "figure" }, percent(chance)),
    ),
  );
  return make("ul", { class: "options" }, ...rows);
}

/** Where the time went: a bar of parts, and the same as a list. */
export function timingBar(timing) {
  const parts = TIMES.filter((part) => timing[part] > 0);
  const whole = parts.reduce((sum, part) => sum + timing[part], 0);
  if (!whole) return null;
  return make(
    "div",
    { class: "timing" },
    make(
      "div",
      { class: "timing-bar", "aria-hidden": "true" },
      ...parts.map((part) => make("span", { class: `time-${part}`, vars: { part: timing[part] / whole } })),
    ),
    make(
      "ul",
      { class: "timing-list" },
      ...parts.map((part) =>
        make("li", { class: `time-${part}` }, make("span", { t: `timing.${part}` }), make("span", { class: "figure" }, spent(timing[part]))),
      ),
    ),
  );
}
