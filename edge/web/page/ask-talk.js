// The talk: what was asked and what came back, with what can be done about each answer.

import { answerWord, areYesNo, optionBars, timingBar } from "./bars.js";
import { curlOf } from "./ask-request.js";
import { button, make } from "./dom.js";
import { decimal, spent } from "./figures.js";
import { icon } from "./icons.js";
import { jsonView } from "./json-view.js";
import { copy, emptiness, failure } from "./notices.js";
import { regionWords } from "./region.js";
import { say, sayOr } from "./words.js";

const TICK_MS = 500;
const isNarrow = matchMedia("(max-width: 1000px)"); // the whole page scrolls there, not the list

/** The list of turns. */
export class Talk {
  #conversation;
  #stage;
  #needsToken;
  #entries = new Map();

  constructor(conversation, stage, needsToken) {
    this.#conversation = conversation;
    this.#stage = stage;
    this.#needsToken = needsToken;
    this.list = make("div", { class: "talk-list", role: "log", tLabel: "talk.title" });
    this.empty = emptiness("talk.empty", "talk.empty_hint", "ask");
    const restart = button({ class: "quiet small-button", on: { click: () => conversation.restart() } }, icon("plus"), make("span", { t: "talk.restart" }));
    this.head = make("div", { class: "talk-head", hidden: true }, make("h2", { t: "talk.title" }), restart);
    this.element = make("div", { class: "talk" }, this.head, this.empty, this.list);
    conversation.addEventListener("turn", (event) => this.#tell(event.detail));
    conversation.addEventListener("restart", () => {
      this.#entries.clear();
      this.list.replaceChildren();
      this.head.hidden = true;
      this.empty.hidden = false;
    });
    setInterval(() => this.#tick(), TICK_MS);
  }

  #tell(turn) {
    if (!this.#conversation.turns.includes(turn)) return;
    let entry = this.#entries.get(turn.id);
    if (!entry) {
      entry = new Entry(turn, this.#conversation, this.#stage, this.#needsToken);
      this.#entries.set(turn.id, entry);
      this.list.append(entry.element);
      this.head.hidden = false;
      this.empty.hidden = true;
    }
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 120;
    const isMoved = entry.state !== turn.state;
    entry.tell();
    if (isAtEnd || turn.state === "waiting") this.list.scrollTop = this.list.scrollHeight;
    if (isNarrow.matches && isMoved) entry.element.scrollIntoView({ block: "nearest" });
  }

  #tick() {
    for (const turn of this.#conversation.turns) {
      if (turn.state === "running" && !turn.text) this.#entries.get(turn.id)?.tick();
    }
  }
}

class Entry {
  #turn;
  #conversation;
  #stage;
  #needsToken;
  state = ""; // the turn's, as it is shown

  constructor(turn, conversation, stage, needsToken) {
    this.#turn = turn;
    this.#conversation = conversation;
    this.#stage = stage;
    this.#needsToken = needsToken;
    this.answer = make("div", { class: "answer" });
    this.stream = make("p", { class: "answer-text" });
    this.progress = make("span", { class: "soft small" });
    this.element = make("article", { class: "turn" }, this.#question(), this.answer);
  }

  #question() {
    const { wish, about } = this.#turn;
    const chips = [];
    if (wish.template) chips.push(wish.title);
    if (about.isAll) chips.push(say("talk.all"));
    else if (about.region) chips.push(regionWords(about.region));
    if (!wish.template && !wish.asJson && wish.kind !== "text") chips.push(sayOr(`kind.${wish.kind}`, wish.kind));
    if (wish.asJson) chips.push("JSON");
    return make(
      "div",
      { class: "question" },
      wish.query && make("p", {}, wish.query),
      chips.length ? make("div", { class: "chips" }, ...chips.map((chip) => make("span", { class: "chip" }, chip))) : null,
    );
  }

  tell() {
    const turn = this.#turn;
    if (turn.state === "running" && turn.text) {
      if (!this.stream.isConnected) this.answer.replaceChildren(this.stream, this.#stop());
      this.stream.textContent = turn.text;
      return;
    }
    if (turn.state === this.state) return;
    this.state = turn.state;
    this.element.setAttribute("aria-busy", String(turn.state === "running"));
    const filled = {
      waiting: () => [make("span", { class: "soft small", t: "talk.waiting" }), this.#stop()],
      running: () => [make("span", { class: "thinking", "aria-hidden": "true" }), this.progress, this.#stop()],
      cancelled: () => [turn.text && make("p", { class: "answer-text" }, turn.text), make("span", { class: "soft small", t: "talk.cancelled" }), this.#again()],
      failed: () => [failure(turn.error, () => this.#conversation.again(turn))],
      done: () => this.#done(turn.reply),
    }[turn.state]();
    this.answer.className = `answer ${turn.state}`;
    this.answer.replaceChildren(...filled.filter(Boolean));
    if (turn.state === "running") this.tick();
    if (turn.state === "done" && turn.heat.length) this.#showHeat();
  }

  tick() {
    const seconds = (performance.now() - this.#turn.startedMs) / 1000;
    this.progress.textContent = say("talk.running", { s: decimal(seconds, 0) });
  }

  #stop() {
    return button({ class: "quiet small-button", on: { click: () => this.#conversation.cancel(this.#turn) } }, icon("stop"), make("span", { t: "talk.cancel" }));
  }

  #again() {
    return button({ class: "quiet small-button", on: { click: () => this.#conversation.again(this.#turn) } }, icon("refresh"), make("span", { t: "again" }));
  }

  #done(reply) {
    const isDocument = typeof reply.answer === "object" && reply.answer !== null;
    const text = isDocument ? JSON.stringify(reply.answer, null, 2) : String(reply.answer);
    return [
      isDocument ? jsonView(reply.answer) : answerWord("answer-text", text || say("talk.nothing"), areYesNo(reply.probabilities)),
      reply.probabilities && optionBars(reply.probabilities, String(reply.answer)),
      reply.truncated && make("p", { class: "chip warn", t: "mark.truncated" }),
      this.#enhanced(reply),
      this.#foot(reply, text),
    ];
  }

  #foot(reply, text) {
    const { timing } = reply;
    const act = (name, key, click) => button({ class: "quiet small-button", on: { click } }, icon(name), make("span", { t: key }));
    return make(
      "div",
      { class: "answer-foot" },
      this.#turn.heat.length ? act("heat", "talk.heat", () => this.#showHeat()) : null,
      act("copy", "talk.copy", () => copy(text)),
      act("copy", "talk.curl", () => copy(curlOf(this.#turn, location.origin, this.#needsToken))),
      make(
        "details",
        { class: "answer-timing" },
        make("summary", {}, spent(timing.total_ms)),
        timingBar(timing),
        make("p", { class: "soft small", t: "talk.tokens", tp: { prompt: timing.prompt_tokens, known: timing.known_tokens, output: timing.output_tokens } }),
      ),
    );
  }

  #enhanced(reply) {
    if (!reply.enhanced) return null;
    if (!reply.enhanced.length) return make("p", { class: "soft small", t: "enhance.nothing" });
    const steps = reply.enhanced.map((step) => make("li", {}, stepWords(step)));
    const sent = this.#turn.sent;
    const shows = (reply.enhanced_pictures ?? []).filter((one) => !one.detail && sent[one.picture]);
    return make(
      "div",
      { class: "enhanced" },
      make("p", { class: "soft small", t: "enhance.done" }),
      make("ul", { class: "plain-list small" }, ...steps),
      ...shows.map((one) =>
        button(
          { class: "quiet small-button", on: { click: () => this.#stage.showEnhanced(sent[one.picture].picture, sent[one.picture].region, one.url) } },
          make("span", { t: "enhance.compare" }),
        ),
      ),
    );
  }

  #showHeat() {
    const strongest = this.#turn.heat.reduce((a, b) => (b.map.picture_frac > a.map.picture_frac ? b : a));
    this.#stage.showHeat(strongest.picture, strongest.map, strongest.url);
  }
}

function stepWords(step) {
  const given = {
    degrees: decimal(step.degrees ?? 0), factor: decimal(step.factor ?? 1),
    before: decimal(step.before ?? 0, 2), after: decimal(step.after ?? 0, 2),
  };
  const key = `enhance.step.${step.step}`;
  return sayOr(key, step.step) === step.step ? step.step : say(key, given);
}
