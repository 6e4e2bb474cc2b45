// The rules: what each asks, its state at each camera, and how its answers went lately.

import { call, pathOf } from "./api.js";
import { answerWord, areYesNo, bar } from "./bars.js";
import { button, freshId, make, makeSvg } from "./dom.js";
import { agoOf, clock, percent, spent } from "./figures.js";
import { icon } from "./icons.js";
import { emptiness } from "./notices.js";
import { say, sayOr } from "./words.js";

const SHOWN_POINTS = 32;

/** All of them, as cards. */
export function buildRules(box, me) {
  const list = make("div", { class: "rules" });
  const cards = new Map();
  const element = make("section", { "aria-labelledby": "rules-title" }, make("h2", { id: "rules-title", t: "rules.title" }), list);

  function show() {
    for (const [name, rule] of box.rules) {
      if (!cards.has(name)) {
        cards.set(name, new Card(name, me));
        box.loadHistory(name).catch(() => {}); // the bars fill as answers come
      }
      cards.get(name).tell(rule, box.history);
    }
    for (const name of cards.keys()) {
      if (!box.rules.has(name)) cards.delete(name);
    }
    const wanted = [...cards.values()].map((card) => card.element);
    if (!wanted.length) list.replaceChildren(emptiness("rules.none", "rules.none_hint", "tune"));
    else if (list.children.length !== wanted.length || wanted.some((card, n) => list.children[n] !== card)) {
      list.replaceChildren(...wanted);
    }
  }
  box.addEventListener("rules", show);
  box.addEventListener("finding", (event) => {
    for (const { rule } of event.detail.verdicts) {
      if (box.rules.has(rule)) cards.get(rule)?.tell(box.rules.get(rule), box.history);
    }
  });
  document.addEventListener("edge:language", show);
  return element;
}

class Card {
  #name;

  constructor(name, me) {
    this.#name = name;
    this.question = make("p", { class: "rule-question" });
    this.chips = make("span", { class: "chips" });
    this.states = make("div", { class: "rule-states" });
    this.tried = make("div", { class: "tried", role: "status" });
    const title = freshId("rule");
    this.attempt = button({ class: "quiet small-button", "aria-describedby": title, on: { click: () => this.#attempt() } }, icon("play"), make("span", { t: "rule.try" }));
    this.element = make(
      "article",
      { class: "card rule" },
      make("div", { class: "rule-head" }, make("h3", { id: title }, name), this.chips),
      this.question,
      this.states,
      me.role === "admin" ? make("div", { class: "actions" }, this.attempt) : null,
      this.tried,
    );
  }

  tell(rule, history) {
    this.question.textContent = rule.question;
    const chips = [];
    if (rule.severity) chips.push(make("span", { class: `chip severity-${rule.severity}` }, say(`severity.${rule.severity}`)));
    chips.push(make("span", { class: "chip" }, sayOr(`kind.${rule.kind}`, rule.kind)));
    for (const zone of rule.zones) chips.push(make("span", { class: "chip" }, say("rule.zone", { zone })));
    if (rule.schedule) chips.push(make("span", { class: "chip" }, rule.schedule));
    this.chips.replaceChildren(...chips);
    this.states.replaceChildren(...rule.states.map((state) => stateRow(state, rule.kind, history.get(`${rule.name}/${state.camera}`) ?? [])));
  }

  async #attempt() {
    this.attempt.disabled = true;
    this.tried.replaceChildren(make("p", { class: "soft small loading-text", t: "rule.trying" }));
    try {
      const form = new FormData();
      form.set("fresh", "true");
      const response = await call(pathOf("/api/v1/rules", this.#name, "/test"), { method: "POST", body: form });
      this.tried.replaceChildren(triedRow(await response.json()));
    } catch (error) {
      this.tried.replaceChildren(make("p", { class: "field-error" }, error.message));
    } finally {
      this.attempt.disabled = false;
    }
  }
}

function stateRow(state, kind, points) {
  const isOn = state.state === "on";
  const head = make(
    "div",
    { class: "rule-state-head" },
    make("span", { class: `pill ${state.state}`, t: `state.${state.state}` }),
    make("span", { class: "rule-camera" }, state.camera),
    state.since ? make("span", { class: "soft small" }, agoOf(Date.parse(state.since) / 1000)) : null,
    state.pending_since && !isOn ? make("span", { class: "chip", t: "rule.pending" }) : null,
  );
  const answer = state.probability === null
    ? make("p", { class: "soft small", t: "rule.no_answer" })
    : make(
        "div",
        { class: "rule-answer" },
        answerWord("rule-answer-word", state.answer, kind === "yes_no"),
        bar(state.probability, state.verdict ?? ""),
        make("span", { class: "figure" }, percent(state.probability)),
        state.verdict === "unsure" ? make("span", { class: "chip warn", t: "verdict.unsure" }) : null,
      );
  return make("div", { class: "rule-state" }, head, answer, points.length ? historyOf(points) : null);
}

/** Bars of the last verdicts: yes upwards, no downwards, unsure around the middle. */
function historyOf(points) {
  const shown = points.slice(-SHOWN_POINTS);
  const bars = shown.map((point, n) => {
    const height = point.verdict === "unsure" ? 0.3 : point.probability;
    const top = { yes: 1 - height, no: 1, unsure: 0.85 }[point.verdict];
    return makeSvg(
      "rect",
      { class: `point ${point.verdict}${point.changed ? " changed" : ""}`, x: SHOWN_POINTS - shown.length + n + 0.15, y: top, width: 0.7, height, rx: 0.12 },
      makeSvg("title", {}, `${clock(point.ts)}: ${point.answer} ${percent(point.probability)}`),
    );
  });
  const count = (verdict) => shown.filter((point) => point.verdict === verdict).length;
  return makeSvg(
    "svg",
    {
      class: "history", viewBox: `0 0 ${SHOWN_POINTS} 2`, preserveAspectRatio: "none", role: "img",
      tLabel: "rule.history", tp: { n: shown.length, yes: count("yes"), no: count("no"), unsure: count("unsure") },
    },
    makeSvg("line", { class: "history-axis", x1: 0, x2: SHOWN_POINTS, y1: 1, y2: 1, "vector-effect": "non-scaling-stroke" }),
    ...bars,
  );
}

/** As a state's row: the probability is that of the answer, not of the rule's condition. */
function triedRow(result) {
  const probability = result.probabilities[result.answer] ?? result.probability;
  return make(
    "div",
    { class: "rule-answer" },
    answerWord("rule-answer-word", result.answer, areYesNo(result.probabilities)),
    bar(probability, result.verdict),
    make("span", { class: "figure" }, percent(probability)),
    result.verdict === "unsure" ? make("span", { class: "chip warn", t: "verdict.unsure" }) : null,
    make("span", { class: "soft small" }, spent(result.timing.total_ms)),
  );
}
