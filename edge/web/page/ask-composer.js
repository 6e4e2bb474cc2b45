// Where a question is written, with how its answer is wanted.

import { button, freshId, make } from "./dom.js";
import { icon } from "./icons.js";
import { notify } from "./notices.js";
import { currentLanguage, say } from "./words.js";

const KINDS = ["text", "yes_no", "choice", "count", "rating"];
const MAX_LINES = 16;

/** The form below the talk. */
export class Composer {
  #pictures;
  #conversation;

  constructor(pictures, conversation) {
    this.#pictures = pictures;
    this.#conversation = conversation;
    this.#build();
    for (const kind of ["change", "region"]) pictures.addEventListener(kind, () => this.#renew());
    document.addEventListener("edge:language", () => this.#nameTemplates());
    this.#renew();
  }

  /** Show what the box offers besides the usual. */
  offer({ enhance, templates }) {
    this.enhance.label.hidden = !enhance;
    this.templates = templates;
    this.template.hidden = !templates.length;
    this.#nameTemplates();
  }

  focus() {
    this.query.focus();
  }

  #build() {
    this.query = make("textarea", { id: freshId("query"), rows: 2, maxlength: 8000, tLabel: "composer.label", tPlaceholder: "composer.placeholder" });
    this.query.addEventListener("input", () => this.#grow());
    this.query.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !this.lines.box.checked) {
        event.preventDefault();
        this.#submit();
      }
    });
    this.submit = make("button", { type: "submit", class: "main round", tLabel: "composer.send", tTitle: "composer.send" }, icon("send"));
    const kinds = KINDS.map((kind) => make("option", { value: kind, t: `kind.${kind}` }));
    this.kind = make("select", { tLabel: "composer.kind", on: { change: () => this.#renew() } }, ...kinds);
    this.template = make("select", { tLabel: "composer.template", hidden: true, on: { change: () => this.#chooseTemplate() } });
    this.templates = [];
    this.choices = make("input", { type: "text", class: "composer-choices", hidden: true, maxlength: 2000, tLabel: "composer.choices", tPlaceholder: "composer.choices" });
    this.json = toggle("composer.json", () => this.#renew());
    this.heatmap = toggle("composer.heatmap");
    this.enhance = toggle("composer.enhance");
    this.enhance.label.hidden = true;
    this.lines = toggle("composer.lines");
    this.all = toggle("composer.all");
    this.schema = make("textarea", { rows: 4, class: "composer-schema", spellcheck: "false", maxlength: 20_000, tLabel: "composer.schema", tPlaceholder: "composer.schema_hint" });
    this.schemaPart = make("details", { class: "more", hidden: true }, make("summary", { t: "composer.schema" }), this.schema);
    this.element = make(
      "form",
      { class: "composer card" },
      make("div", { class: "composer-options" }, this.template, this.kind, this.json.label, this.heatmap.label, this.enhance.label, this.lines.label, this.all.label),
      this.choices,
      this.schemaPart,
      make("div", { class: "composer-line" }, this.query, this.submit),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  #renew() {
    const isTemplate = this.template.value !== "";
    this.kind.hidden = isTemplate || this.json.box.checked;
    this.choices.hidden = this.kind.hidden || this.kind.value !== "choice";
    this.schemaPart.hidden = !this.json.box.checked;
    this.all.label.hidden = this.#pictures.list.length < 2;
    this.submit.disabled = !this.#pictures.active;
  }

  #grow() {
    this.query.style.height = "auto";
    this.query.style.height = `${Math.min(this.query.scrollHeight + 2, 220)}px`;
  }

  #nameTemplates() {
    const kept = this.template.value;
    const named = this.templates.map((template) => make("option", { value: template.name }, wordsOf(template).title));
    this.template.replaceChildren(make("option", { value: "" }, say("composer.no_template")), ...named);
    this.template.value = kept;
  }

  #chooseTemplate() {
    this.#renew();
    this.focus();
  }

  #submit() {
    if (!this.#pictures.active) return notify("composer.no_picture", {}, { isError: true });
    const wish = this.#wish();
    const queries = this.#queries();
    if (!queries.length && wish.template) queries.push("");
    if (!queries.length) return notify("composer.empty", {}, { isError: true });
    if (wish.kind === "choice" && !this.choices.hidden && wish.choices.length < 2) {
      return notify("composer.few_choices", {}, { isError: true });
    }
    for (const query of queries) this.#conversation.ask({ ...wish, query });
    this.query.value = "";
    this.#grow();
  }

  #wish() {
    const template = this.templates.find((one) => one.name === this.template.value);
    return {
      kind: this.kind.value,
      choices: this.choices.value.split(/[,，]/).map((option) => option.trim()).filter(Boolean),
      template: template?.name ?? "",
      title: template ? wordsOf(template).title : "",
      language: template ? languageOf(template) : "",
      asJson: this.json.box.checked,
      schema: this.schema.value.trim(),
      heatmap: this.heatmap.box.checked,
      enhance: !this.enhance.label.hidden && this.enhance.box.checked,
      isAboutAll: this.all.box.checked,
    };
  }

  #queries() {
    const text = this.query.value.trim();
    if (!this.lines.box.checked) return text ? [text] : [];
    return text.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, MAX_LINES);
  }
}

function languageOf(template) {
  const language = currentLanguage();
  if (template[language]) return language;
  return language === "en" ? "zh" : "en";
}

function wordsOf(template) {
  return template[languageOf(template)];
}

function toggle(key, changed = () => {}) {
  const box = make("input", { type: "checkbox", on: { change: changed } });
  return { box, label: make("label", { class: "toggle" }, box, make("span", { t: key })) };
}
