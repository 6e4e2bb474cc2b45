// A finding in full, in a dialog.

import { call, get, pathOf } from "./api.js";
import { optionBars, timingBar } from "./bars.js";
import { button, make } from "./dom.js";
import { fullTime } from "./figures.js";
import { icon } from "./icons.js";
import { jsonView } from "./json-view.js";
import { marksOf, pictureOf, titleOf, verdictHead, verdictRow } from "./live-finding.js";
import { copy, notifyError } from "./notices.js";

/** The dialog; the same one for every finding. */
export class FindingDialog {
  #box;
  #isAdmin;
  #go;
  #shown = "";

  constructor(box, me, go) {
    this.#box = box;
    this.#isAdmin = me.role === "admin";
    this.#go = go;
    this.title = make("h2", { id: "finding-title" });
    this.body = make("div", { class: "dialog-body" });
    const close = button({ class: "plain", tLabel: "close", tTitle: "close", on: { click: () => this.element.close() } }, icon("close"));
    this.element = make(
      "dialog",
      { class: "dialog", "aria-labelledby": "finding-title" },
      make("div", { class: "dialog-head" }, this.title, close),
      this.body,
    );
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.element.close(); // beside it
    });
    this.element.addEventListener("close", () => (this.#shown = ""));
  }

  async show(id) {
    this.#shown = id;
    try {
      const finding = this.#box.findings.get(id) ?? (await get(pathOf("/api/v1/findings", id)));
      this.#fill(finding);
      this.element.showModal();
    } catch (error) {
      notifyError(error);
    }
  }

  /** The finding may be the one that is shown. */
  renew(finding) {
    if (finding.id === this.#shown && this.element.open) this.#fill(finding);
  }

  #fill(finding) {
    this.title.replaceChildren(titleOf(finding));
    this.body.replaceChildren(
      ...[
        pictureOf(finding, this.#box),
        make("p", { class: "soft" }, fullTime(finding.ts), finding.trigger.detail ? ` · ${finding.trigger.detail}` : ""),
        make("div", { class: "chips" }, ...marksOf(finding)),
        finding.summary && make("p", { class: "finding-summary" }, finding.summary),
        finding.reason && make("p", { class: "field-error" }, finding.reason),
        finding.verdicts.length ? section("detail.verdicts", make("ul", { class: "verdicts" }, ...finding.verdicts.map(verdict))) : null,
        ...lists(finding),
        Object.keys(finding.details).length ? section("detail.details", jsonView(finding.details)) : null,
        timingBar(finding.timing) && section("detail.timing", timingBar(finding.timing), tokens(finding)),
        this.#actions(finding),
        make("details", { class: "more" }, make("summary", { t: "detail.json" }), jsonView(finding)),
      ].filter(Boolean),
    );
  }

  #actions(finding) {
    const actions = [];
    if (this.#isAdmin && this.#box.hasPicture(finding)) {
      actions.push(button({ class: "main", on: { click: () => this.#ask(finding) } }, icon("ask"), make("span", { t: "detail.ask" })));
    }
    actions.push(button({ class: "quiet", on: { click: () => copy(JSON.stringify(finding, null, 2)) } }, icon("copy"), make("span", { t: "detail.copy" })));
    return make("div", { class: "actions" }, ...actions);
  }

  async #ask(finding) {
    try {
      const response = await call(pathOf("/api/v1/snapshots", finding.frame.snapshot));
      this.element.close();
      this.#go.ask({ blob: await response.blob(), name: `${finding.camera}.jpg`, camera: finding.camera });
    } catch (error) {
      notifyError(error);
    }
  }
}

function section(key, ...content) {
  return make("section", { class: "dialog-section" }, make("h3", { t: key }), ...content);
}

function verdict(one) {
  if (Object.keys(one.probabilities).length < 2) return verdictRow(one);
  return make("li", { class: "verdict-full" }, verdictHead(one), optionBars(one.probabilities, one.answer));
}

function lists(finding) {
  return ["objects", "texts", "spatial_relations"]
    .filter((name) => finding[name].length)
    .map((name) => section(`detail.${name}`, make("div", { class: "chips" }, ...finding[name].map((text) => make("span", { class: "chip object" }, text)))));
}

function tokens({ timing, model }) {
  const words = { prompt: timing.prompt_tokens, output: timing.output_tokens, model: model?.name ?? "–" };
  return make("p", { class: "soft small", t: "detail.tokens", tp: words });
}
