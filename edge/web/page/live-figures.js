// The box's own figures: the model, how much it can take, what waits, the broker, memory.

import { get } from "./api.js";
import { make } from "./dom.js";
import { count, percent, span, spent } from "./figures.js";

const OUTCOMES = ["analysed", "reused", "superseded", "stale", "failed", "waiting"];
const BUDGET_EVERY_MS = 30_000;

/** The strip of figures, and what lies behind it. */
export function buildFigures(box) {
  const strip = make("dl", { class: "strip" });
  const account = make("div", { class: "account" });
  const costs = make("div", { class: "costs" });
  const more = make("details", { class: "more" }, make("summary", { t: "figures.more" }), account, costs);
  const element = make("section", { class: "figures", tLabel: "figures.title" }, strip, more);

  function show() {
    if (!box.stats) return;
    strip.replaceChildren(...tiles(box.stats, box.info));
    account.replaceChildren(...accountOf(box.stats));
  }
  async function showCosts() {
    if (!more.open) return;
    try {
      costs.replaceChildren(...costsOf(await get("/api/v1/budget")));
    } catch {
      costs.replaceChildren(); // the strip says that the box is away
    }
  }
  box.addEventListener("stats", () => {
    show();
    if (!box.info?.model) box.loadInfo();
  });
  box.addEventListener("info", show);
  more.addEventListener("toggle", showCosts);
  setInterval(showCosts, BUDGET_EVERY_MS);
  document.addEventListener("edge:language", show);
  return element;
}

function tiles(stats, info) {
  const { counts, outbox } = stats;
  const load = stats.keyframes_per_hour_budget;
  const memory = Object.values(stats.rss_mb).reduce((sum, mb) => sum + mb, 0);
  const model = info?.model;
  return [
    tile("figures.model", [dot(toneOf(stats.analyzer)), make("span", { t: `analyzer.${stats.analyzer}` })], model && `${model.name} · ${model.precision}`, model?.demonstration ? "figures.demonstration" : null),
    tile("figures.budget", [load === null ? "–" : count(load)], null, load === null ? "figures.unmeasured" : "figures.per_hour"),
    effortTile(stats.effort),
    tile("figures.median", [stats.analysis_ms_median === null ? "–" : spent(stats.analysis_ms_median)], null, "figures.per_keyframe"),
    tile("figures.queue", [count(counts.waiting)], null, "figures.waiting"),
    tile("figures.broker", [dot(outbox.connected ? "good" : "bad"), make("span", { t: outbox.connected ? "broker.on" : "broker.off" })], null, "figures.pending", { n: count(outbox.pending) }),
    tile("figures.memory", [`${count(memory)} MB`], null, "figures.up", { span: () => span(stats.uptime_s) }),
  ];
}

function tile(key, value, text, hint = null, given = {}) {
  return make(
    "div",
    { class: "tile" },
    make("dt", { t: key }),
    make("dd", { class: "tile-value" }, ...value),
    text && make("dd", { class: "tile-hint" }, text),
    hint && make("dd", { class: hint === "figures.demonstration" ? "tile-hint warn" : "tile-hint", t: hint, tp: given }),
  );
}

/** How much of the model's time a keyframe gets, and how much all of them need. */
function effortTile({ step, load }) {
  const tone = step === "full" ? "good" : step === "motion" ? "bad" : "warn";
  const hint = load === null ? "figures.load_unknown" : "figures.load";
  return tile("figures.effort", [dot(tone), make("span", { t: `effort.${step}` })], null, hint, { share: () => percent(load) });
}

function toneOf(analyzer) {
  return { ready: "good", busy: "good", loading: "warn" }[analyzer] ?? "bad";
}

/** A coloured dot; the words beside it say the same. */
export function dot(tone) {
  return make("span", { class: `dot ${tone}`, "aria-hidden": "true" });
}

function accountOf({ counts }) {
  const rows = OUTCOMES.map((outcome) =>
    make(
      "li",
      { class: `outcome ${outcome}` },
      make("span", { t: `outcome.${outcome}` }),
      make("span", { class: "figure" }, count(counts[outcome])),
    ),
  );
  const whole = counts.keyframes || 1;
  const parts = OUTCOMES.filter((outcome) => counts[outcome]).map((outcome) =>
    make("span", { class: `account-part ${outcome}`, vars: { part: counts[outcome] / whole } }),
  );
  return [
    make("h3", { t: "account.title", tp: { n: count(counts.keyframes) } }),
    make("div", { class: "account-bar", "aria-hidden": "true" }, ...parts),
    make("ul", { class: "account-list" }, ...rows),
  ];
}

function costsOf(budget) {
  if (!budget.rules.length) return [];
  const { needs } = budget;
  const expected = new Map((needs?.rules ?? []).map((rule) => [rule.rule, spent(rule.each_ms)]));
  const head = ["costs.rule", "costs.keyframes", "costs.each", "costs.share", "costs.expected"].map((key) => make("th", { scope: "col", t: key }));
  const rows = budget.rules.map((rule) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, rule.rule),
      make("td", {}, count(rule.keyframes)),
      make("td", {}, rule.keyframes ? spent(rule.spent_ms / rule.keyframes) : "–"),
      make("td", {}, percent(rule.share)),
      make("td", {}, expected.get(rule.rule) ?? "–"),
    ),
  );
  return [
    make("h3", { t: "costs.title" }),
    make("p", { class: "soft", t: "costs.load", tp: { share: () => percent(budget.load), span: () => span(budget.window_s) } }),
    needsLine(needs),
    make("table", { class: "table" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)),
  ];
}

/** What the configuration needs at the pace that the box measured; how that comes to be before. */
function needsLine(needs) {
  if (!needs) return make("p", { class: "soft", t: "needs.unmeasured" });
  const given = {
    n: () => count(needs.keyframes_per_hour),
    each: () => spent(needs.keyframe_ms),
    clocked: () => count(needs.clocked_per_hour),
    share: () => percent(needs.clock_share),
  };
  return make("p", { class: needs.clock_share > 1 ? "warn" : "soft", t: needs.clock_share > 1 ? "needs.too_much" : "needs.fits", tp: given });
}
