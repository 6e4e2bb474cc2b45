// One finding as a card: what was seen, what each rule made of it, how long that took.

import { pathOf } from "./api.js";
import { answerWord, areYesNo, bar } from "./bars.js";
import { make } from "./dom.js";
import { fullTime, percent, span, spent, timeOf } from "./figures.js";
import { Frame } from "./picture.js";
import { say, sayOr } from "./words.js";

const SHOWN_OBJECTS = 6;

/** The card; a click anywhere opens it. `known` is the card that it takes the place of. */
export function findingCard(finding, box, open, known = null) {
  const opener = make(
    "button",
    { type: "button", class: "finding-open", on: { click: open } },
    titleOf(finding),
  );
  const hadFocus = known?.contains(document.activeElement);
  const card = make(
    "article",
    { class: `card finding ${finding.type} severity-edge-${finding.severity}`, "data-id": finding.id, "data-ts": finding.ts },
    pictureOf(finding, box, { lazy: true, reuse: known?.frame }),
    make(
      "div",
      { class: "finding-body" },
      make("div", { class: "finding-head" }, make("h3", {}, opener), timeOf(finding.ts)),
      make("div", { class: "chips" }, ...marksOf(finding)),
      finding.summary ? make("p", { class: "finding-summary" }, finding.summary) : null,
      finding.verdicts.length ? make("ul", { class: "verdicts" }, ...finding.verdicts.map(verdictRow)) : null,
      objectsOf(finding),
      timeLine(finding),
    ),
  );
  card.frame = card.querySelector(".frame")?.holder ?? null;
  if (hadFocus) queueMicrotask(() => opener.focus());
  return card;
}

/** `porch · motion`. */
export function titleOf(finding) {
  return make("span", {}, `${finding.camera} · ${sayOr(`trigger.${finding.trigger.kind}`, finding.trigger.kind)}`);
}

/** A finding's picture with its boxes; null where none is kept. */
export function pictureOf(finding, box, { lazy = false, reuse = null } = {}) {
  if (!finding.frame.snapshot) return null;
  const frame = reuse ?? new Frame({ width: finding.frame.width, height: finding.frame.height, lazy });
  frame.element.holder = frame;
  const words = say("picture.of", { camera: finding.camera, time: fullTime(finding.ts) });
  if (box.hasPicture(finding)) frame.show(pathOf("/api/v1/snapshots", finding.frame.snapshot), words);
  frame.draw(finding.trigger.boxes, finding.views);
  return frame.element;
}

/** Chips: what is special about it. */
export function marksOf(finding) {
  const marks = [];
  const mark = (kind, key, given = {}) => marks.push(make("span", { class: `chip ${kind}`, t: key, tp: given }));
  if (finding.severity) mark(`severity-${finding.severity}`, `severity.${finding.severity}`);
  if (finding.type !== "end") mark("working", finding.type === "new" ? "mark.looking" : "mark.describing");
  if (finding.status === "analysis_failed") mark("bad", "mark.failed");
  if (finding.status === "stale") mark("warn", "mark.stale");
  if (finding.left_out) mark("warn", `mark.left_out.${finding.left_out.effort}`);
  if (finding.reused) mark("", "mark.reused");
  if (finding.superseded) mark("", "mark.superseded");
  if (finding.truncated) mark("warn", "mark.truncated");
  if (finding.model?.demonstration) mark("warn", "mark.demonstration");
  for (const zone of finding.zones) mark("", "rule.zone", { zone });
  if (finding.covers_from) {
    const from = Date.parse(finding.covers_from) / 1000;
    mark("", "mark.covers", { span: () => span(finding.ts - from) });
  }
  return marks;
}

/** A rule's verdict with its answer and that one's probability. */
export function verdictRow(verdict) {
  return make(
    "li",
    { class: "verdict-row" },
    verdictHead(verdict),
    answerWord(`verdict-answer ${verdict.verdict}`, verdict.answer, areYesNo(verdict.probabilities)),
    bar(verdict.probability, verdict.verdict),
    make("span", { class: "figure" }, percent(verdict.probability)),
  );
}

/** The rule, and what became of it. */
export function verdictHead(verdict) {
  const moved = verdict.changed
    ? make("span", { class: `pill ${verdict.state}`, t: "verdict.moved", tp: { state: () => say(`state.${verdict.state}`) } })
    : null;
  return make(
    "span",
    { class: "verdict-rule" },
    verdict.rule,
    verdict.verdict === "unsure" ? make("span", { class: "chip warn", t: "verdict.unsure" }) : null,
    verdict.alert ? make("span", { class: "chip severity-2", t: "verdict.alert" }) : null,
    moved,
  );
}

function objectsOf(finding) {
  const names = [...finding.objects, ...finding.texts.map((text) => `“${text}”`)];
  if (!names.length) return null;
  const shown = names.slice(0, SHOWN_OBJECTS);
  const rest = names.length - shown.length;
  return make("div", { class: "chips" }, ...shown.map((name) => make("span", { class: "chip object" }, name)), rest ? make("span", { class: "chip" }, `+${rest}`) : null);
}

function timeLine({ timing, reason }) {
  const parts = [];
  if (timing.total_ms) parts.push(say("timing.total", { time: spent(timing.total_ms) }));
  if (timing.queue_ms >= 50) parts.push(say("timing.waited", { time: spent(timing.queue_ms) }));
  if (reason) parts.push(reason);
  return parts.length ? make("p", { class: "soft small" }, parts.join(" · ")) : null;
}
