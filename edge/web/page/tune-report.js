// What came out of a run: the plot, the keyframes, what was dropped and why, what would help.

import { button, freshId, make } from "./dom.js";
import { count, decimal, percent } from "./figures.js";
import { icon } from "./icons.js";
import { copy, emptiness, failure } from "./notices.js";
import { Frame } from "./picture.js";
import { motionPlot } from "./tune-plot.js";
import { say, sayOr } from "./words.js";

/** The right side of the view. `onTry` is told {mask, sensitivity} to try on the same pictures. */
export class TuneReport {
  onTry = () => {};
  #editor;
  #reply = null;

  constructor(editor) {
    this.#editor = editor;
    this.element = make("div", { class: "tune-report" });
    this.clear();
    document.addEventListener("edge:language", () => this.#reply && this.show(this.#reply));
  }

  clear() {
    this.#reply = null;
    this.element.replaceChildren(emptiness("tune.empty", "tune.empty_hint", "tune"));
  }

  wait() {
    this.element.classList.add("waiting-for-more");
  }

  fail(error) {
    this.element.classList.remove("waiting-for-more");
    this.element.replaceChildren(failure(error));
  }

  show(reply) {
    this.#reply = reply;
    this.element.classList.remove("waiting-for-more");
    this.#editor.setActivity(reply.activity.share);
    const gallery = make("div", { class: "gallery" }, ...reply.keyframes.map((keyframe) => keyframeCard(keyframe, reply.source)));
    const choose = (n) => {
      gallery.children[n].scrollIntoView({ block: "nearest", behavior: "smooth" });
      gallery.children[n].focus();
    };
    this.element.replaceChildren(
      ...[
        section("tune.plot", motionPlot(reply, choose), this.#trial(reply)),
        section("tune.keyframes", figures(reply), reply.keyframes.length ? gallery : emptiness("tune.no_keyframes", null, "camera")),
        reply.suggestions.length || reply.advice.length ? section("tune.help", ...reply.advice.map((one) => make("p", {}, one)), ...reply.suggestions.map((one) => this.#suggestion(one))) : null,
        reply.dropped.length ? make("details", { class: "more" }, make("summary", { t: "tune.dropped", tp: { n: reply.dropped.length } }), dropped(reply.dropped)) : null,
      ].filter(Boolean),
    );
  }

  /** Another sensitivity, and the masks as they are drawn now, on the same pictures. */
  #trial({ id, settings }) {
    if (!id) return null;
    const slider = make("input", { id: freshId("sensitivity"), type: "range", min: 0, max: 1, step: 0.05, value: settings.sensitivity });
    const figure = make("span", { class: "figure" }, decimal(settings.sensitivity, 2));
    slider.addEventListener("input", () => (figure.textContent = decimal(Number(slider.value), 2)));
    const attempt = () => this.onTry({ mask: this.#editor.masks, sensitivity: slider.value });
    const go = button({ class: "quiet small-button", on: { click: attempt } }, icon("refresh"), make("span", { t: "tune.try" }));
    return make("div", { class: "trial" }, make("label", { for: slider.id, t: "tune.sensitivity" }), slider, figure, go);
  }

  #suggestion(suggestion) {
    const { changes, yaml } = suggestion;
    const mask = changes.mask ?? this.#reply.settings.mask;
    const sensitivity = changes.sensitivity ?? this.#reply.settings.sensitivity;
    const take = () => {
      this.#editor.setShapes(mask, this.#reply.settings.zones);
      this.onTry({ mask, sensitivity });
    };
    return make(
      "article",
      { class: "card suggestion" },
      make("h3", {}, suggestion.title),
      make("p", { class: "soft" }, suggestion.why),
      make("p", { t: "tune.calls", tp: { before: suggestion.calls_before, after: suggestion.calls_after } }),
      make(
        "div",
        { class: "actions" },
        this.#reply.id ? button({ class: "quiet small-button", on: { click: take } }, icon("play"), make("span", { t: "tune.take" })) : null,
        button({ class: "quiet small-button", on: { click: () => copy(yaml) } }, icon("copy"), make("span", { t: "shapes.copy" })),
      ),
    );
  }
}

function section(key, ...content) {
  return make("section", { class: "tune-section" }, make("h2", { t: key }), ...content);
}

function figures({ cost, keyframes, source }) {
  const parts = [
    say("tune.taken", { n: count(keyframes.length), s: decimal(source.seconds, 0) }),
    say("tune.per_hour", { n: count(cost.keyframes_per_hour) }),
    say("tune.model_time", { share: percent(Math.min(1, cost.model_s_per_hour / 3600)) }),
  ];
  return make("p", { class: "soft" }, parts.join(" · "));
}

function keyframeCard(keyframe, source) {
  const frame = new Frame({ width: source.width_px || 16, height: source.height_px || 9 });
  if (keyframe.picture) frame.show(keyframe.picture, say("plot.keyframe", { s: decimal(keyframe.t) }));
  else frame.fail();
  frame.draw(keyframe.boxes);
  const kind = sayOr(`trigger.${keyframe.trigger}`, keyframe.trigger);
  const phase = keyframe.phase ? ` · ${sayOr(`phase.${keyframe.phase}`, keyframe.phase)}` : "";
  return make(
    "figure",
    { class: "card gallery-item", tabindex: "-1" },
    frame.element,
    make("figcaption", {}, make("span", {}, `${decimal(keyframe.t)} s`), make("span", { class: "soft small" }, `${kind}${phase}`)),
  );
}

function dropped(list) {
  const rows = list.map((drop) =>
    make(
      "li",
      {},
      make("span", { class: "figure" }, drop.count > 1 ? `${decimal(drop.t)}–${decimal(drop.until)} s` : `${decimal(drop.t)} s`),
      make("span", {}, drop.why, drop.count > 1 ? ` (${count(drop.count)})` : ""),
    ),
  );
  return make("ul", { class: "dropped" }, ...rows);
}
