// The findings as they come, and looking for earlier ones.

import { get } from "./api.js";
import { button, make } from "./dom.js";
import { icon } from "./icons.js";
import { findingCard } from "./live-finding.js";
import { FindingDialog } from "./live-detail.js";
import { emptiness, failure } from "./notices.js";

const PAGE = 30;
const MAX_SHOWN = 150; // the oldest go when new ones come
const TYPING_MS = 300;
const PERIODS_S = { any: 0, hour: 3600, day: 86_400, week: 604_800 };

/** The list with its search. */
export function buildFindings(box, me, go) {
  return new Findings(box, me, go).element;
}

class Findings {
  #box;
  #cards = new Map();
  #dialog;
  #cursor = "";
  #limit = MAX_SHOWN;
  #looking = null; // the search that runs
  #missed = new Set(); // came while a text was searched for

  constructor(box, me, go) {
    this.#box = box;
    this.#dialog = new FindingDialog(box, me, go);
    this.#build();
    box.addEventListener("finding", (event) => this.#came(event.detail));
    box.addEventListener("cameras", () => this.#offer(this.camera, box.cameras.keys()));
    box.addEventListener("rules", () => this.#offer(this.rule, box.rules.keys()));
    document.addEventListener("edge:language", () => this.#renew());
    this.#search();
  }

  #build() {
    const search = () => this.#search();
    let typing = 0;
    this.text = make("input", { type: "search", id: "finding-text", class: "search-text", tPlaceholder: "findings.search", tLabel: "findings.search", maxlength: 200 });
    this.text.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(search, TYPING_MS);
    });
    this.camera = make("select", { tLabel: "findings.camera", on: { change: search } }, make("option", { value: "", t: "findings.every_camera" }));
    this.rule = make("select", { tLabel: "findings.rule", on: { change: search } }, make("option", { value: "", t: "findings.every_rule" }));
    const periods = Object.keys(PERIODS_S).map((name) => make("option", { value: name, t: `period.${name}` }));
    this.period = make("select", { tLabel: "findings.period", on: { change: search } }, ...periods);
    this.list = make("div", { class: "finding-list", role: "feed", tLabel: "findings.title", "aria-busy": "true" });
    this.state = make("div", { class: "finding-state" });
    this.more = button({ class: "quiet wide", hidden: true, on: { click: () => this.#loadMore() } }, make("span", { t: "findings.more" }));
    this.newer = button({ class: "main wide", hidden: true, on: { click: search } });
    this.element = make(
      "section",
      { class: "findings", "aria-labelledby": "findings-title" },
      make("h2", { id: "findings-title", t: "findings.title" }),
      make(
        "form",
        { class: "search", role: "search", on: { submit: (event) => { event.preventDefault(); search(); } } },
        make("div", { class: "search-field" }, icon("search"), this.text),
        make("div", { class: "search-filters" }, this.camera, this.rule, this.period),
      ),
      this.newer,
      this.list,
      this.state,
      this.more,
      this.#dialog.element,
    );
  }

  #offer(select, names) {
    const wanted = [...names];
    const options = [...select.options].slice(1);
    if (wanted.join("\n") === options.map((option) => option.value).join("\n")) return;
    const kept = select.value;
    for (const option of options) option.remove();
    select.append(...wanted.map((name) => make("option", { value: name }, name)));
    select.value = wanted.includes(kept) ? kept : "";
  }

  #query() {
    const since = PERIODS_S[this.period.value];
    return {
      camera: this.camera.value,
      rule: this.rule.value,
      text: this.text.value.trim(),
      since: since ? Math.floor(Date.now() / 1000 - since) : "",
    };
  }

  async #search() {
    this.#looking?.abort();
    this.#looking = new AbortController();
    this.#missed.clear();
    this.#limit = MAX_SHOWN;
    this.newer.hidden = true;
    this.list.setAttribute("aria-busy", "true");
    try {
      const page = await get("/api/v1/findings", { ...this.#query(), limit: PAGE }, { signal: this.#looking.signal });
      this.#cards.clear();
      this.list.replaceChildren();
      this.#append(page);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.state.replaceChildren(failure(error, () => this.#search()));
    }
    this.list.setAttribute("aria-busy", "false");
  }

  async #loadMore() {
    this.more.disabled = true;
    this.#limit += PAGE;
    this.list.setAttribute("aria-busy", "true"); // what is loaded has not just come
    try {
      this.#append(await get("/api/v1/findings", { ...this.#query(), limit: PAGE, cursor: this.#cursor }));
    } catch (error) {
      this.state.replaceChildren(failure(error));
    } finally {
      this.more.disabled = false;
      this.list.setAttribute("aria-busy", "false");
    }
  }

  #append({ findings, cursor }) {
    this.#cursor = cursor;
    this.more.hidden = !cursor;
    for (const finding of [...findings].reverse()) this.#box.take(finding);
    for (const finding of findings) this.#put(this.#box.findings.get(finding.id) ?? finding, "end");
    this.#tellEmpty();
  }

  #tellEmpty() {
    const { camera, rule, text, since } = this.#query();
    if (this.#cards.size) this.state.replaceChildren();
    else if (camera || rule || text || since) this.state.replaceChildren(emptiness("findings.no_match", "findings.no_match_hint", "search"));
    else this.state.replaceChildren(emptiness("findings.none", "findings.none_hint", "live"));
  }

  /** A finding has come or changed. */
  #came(finding) {
    if (this.#cards.has(finding.id)) return this.#put(finding);
    if (this.list.getAttribute("aria-busy") === "true") return; // the search will find it
    const { camera, rule, text, since } = this.#query();
    if (camera && finding.camera !== camera) return;
    if (rule && !finding.verdicts.some((verdict) => verdict.rule === rule)) return;
    if (since && finding.ts < since) return;
    const newest = this.list.firstElementChild?.dataset.ts ?? 0;
    if (finding.ts < newest - 3600) return; // loaded for something else
    if (text) {
      if (finding.type === "end" && finding.summary) this.#tellMissed(finding);
      return;
    }
    this.#put(finding, "begin");
    while (this.#cards.size > this.#limit) {
      const oldest = this.list.lastElementChild;
      this.#cards.delete(oldest.dataset.id);
      oldest.remove();
      this.more.hidden = true; // its cursor leads to others now
    }
    this.#tellEmpty();
  }

  #tellMissed(finding) {
    this.#missed.add(finding.id);
    this.newer.hidden = false;
    this.newer.replaceChildren(make("span", { t: "findings.newer", tp: { n: this.#missed.size } }));
  }

  #put(finding, where = "") {
    const known = this.#cards.get(finding.id);
    const card = findingCard(finding, this.#box, () => this.#dialog.show(finding.id), known);
    this.#dialog.renew(finding);
    if (known) known.replaceWith(card);
    else if (where === "begin") this.#insert(card);
    else this.list.append(card);
    this.#cards.set(finding.id, card);
  }

  #insert(card) {
    const later = [...this.list.children].find((other) => Number(other.dataset.ts) <= Number(card.dataset.ts));
    card.classList.add("fresh");
    this.list.insertBefore(card, later ?? null);
  }

  #renew() {
    for (const id of this.#cards.keys()) {
      if (this.#box.findings.has(id)) this.#put(this.#box.findings.get(id));
    }
  }
}
