// What the page knows of the box: cameras, rules, figures and the latest findings, kept true by the
// stream of events. Knows no element; whoever shows something listens.

import { get } from "./api.js";
import { Feed } from "./feed.js";

const MAX_FINDINGS = 500;
const CAUGHT_UP = 100; // findings asked for after a broken connection
const HISTORY = 40; // verdicts kept of a rule at a camera
const ORDER = { new: 0, update: 1, end: 2 };

/** Emits `cameras`, `rules`, `stats`, `info`, `finding` (its document), `line` (whether events come). */
export class Box extends EventTarget {
  cameras = new Map();
  rules = new Map();
  findings = new Map(); // by id, as last heard of
  pictures = new Set(); // ids of snapshots that are there before their finding says more
  history = new Map(); // `rule/camera` -> [{id, ts, verdict, probability, answer, changed}]
  stats = null;
  info = null;
  #feed = new Feed();

  constructor() {
    super();
    const feed = this.#feed;
    const on = (kind, heard) => feed.addEventListener(kind, (event) => heard(event.detail));
    on("open", (again) => {
      this.#emit("line", true);
      if (again) this.info = null; // the box may have been started anew with another model
      this.#catchUp(); // also at first: something may have happened since all was loaded
    });
    on("down", () => {
      this.#emit("line", false);
      get("/api/v1/me").catch(() => {}); // an expired login is noticed, an absent box is told already
    });
    on("finding", (finding) => this.take(finding));
    on("snapshot", ({ id }) => this.#hasPicture(id));
    on("rule", (attributes) => this.#ruleMoved(attributes));
    on("stats", (stats) => this.#figures(stats));
    on("info", (info) => this.#introduced(info));
    on("camera", ({ camera, state }) => this.#change(camera, (one) => (one.stats.state = state)));
    on("motion", ({ camera, moving }) => this.#change(camera, (one) => (one.moving = moving)));
  }

  /** Load everything; raises ApiError. Then listen. */
  async start() {
    await Promise.all([this.loadCameras(), this.loadRules(), this.loadStats()]);
    this.#feed.start();
  }

  async loadCameras() {
    const { cameras } = await get("/api/v1/cameras");
    this.cameras = new Map(cameras.map((camera) => [camera.name, camera]));
    this.#emit("cameras");
  }

  async loadRules() {
    const { rules } = await get("/api/v1/rules");
    this.rules = new Map(rules.map((rule) => [rule.name, rule]));
    this.#emit("rules");
  }

  async loadStats() {
    this.#figures(await get("/api/v1/stats"));
  }

  /** What the box is, its model too; null while it cannot be told. */
  async loadInfo() {
    const before = this.info;
    const info = await get("/api/v1/info").catch(() => null);
    if (this.info !== before) return; // the box has said it anew meanwhile
    this.info = info;
    this.#emit("info");
  }

  /** The verdicts of a rule, oldest first, from the findings that are kept. */
  async loadHistory(rule) {
    const { findings } = await get("/api/v1/findings", { rule, limit: HISTORY });
    for (const finding of findings.reverse()) this.#remember(finding);
    this.#emit("rules");
  }

  /** A finding was heard of or loaded; false if a later state of it is known already. */
  take(finding) {
    const known = this.findings.get(finding.id);
    if (known && ORDER[known.type] > ORDER[finding.type]) return false;
    this.findings.delete(finding.id);
    this.findings.set(finding.id, finding);
    if (this.findings.size > MAX_FINDINGS) this.findings.delete(this.findings.keys().next().value);
    this.#remember(finding);
    this.#emit("finding", finding);
    return true;
  }

  /** The newest finding of a camera that has a picture. */
  latestOf(camera) {
    let latest = null;
    for (const finding of this.findings.values()) {
      const fits = finding.camera === camera && finding.frame.snapshot && this.hasPicture(finding);
      if (fits && finding.ts >= (latest?.ts ?? 0)) latest = finding;
    }
    return latest;
  }

  /** Whether a finding's picture can be loaded: the disk may not have taken it yet. */
  hasPicture(finding) {
    return Boolean(finding.frame.snapshot) && (finding.type !== "new" || this.pictures.has(finding.frame.snapshot));
  }

  #hasPicture(id) {
    this.pictures.add(id);
    if (this.pictures.size > MAX_FINDINGS) this.pictures.delete(this.pictures.values().next().value);
    const finding = this.findings.get(id);
    if (finding) this.#emit("finding", finding);
  }

  #remember(finding) {
    for (const verdict of finding.verdicts) {
      const place = `${verdict.rule}/${finding.camera}`;
      const points = this.history.get(place) ?? [];
      if (points.some((point) => point.id === finding.id)) continue;
      const { probability, answer, changed, state } = verdict;
      points.push({ id: finding.id, ts: finding.ts, verdict: verdict.verdict, probability, answer, changed, state });
      points.sort((a, b) => a.ts - b.ts);
      this.history.set(place, points.slice(-HISTORY));
    }
  }

  #ruleMoved(attributes) {
    const rule = this.rules.get(attributes.rule);
    if (!rule) return void this.loadRules().catch(() => {}); // a new configuration; tried again then
    rule.states = rule.states.filter((state) => state.camera !== attributes.camera).concat(attributes);
    rule.states.sort((a, b) => a.camera.localeCompare(b.camera));
    this.#emit("rules");
  }

  #figures(stats) {
    this.stats = stats;
    for (const [name, figures] of Object.entries(stats.cameras)) {
      const camera = this.cameras.get(name);
      if (camera) camera.stats = figures;
    }
    this.#emit("stats");
  }

  /** The box says anew what it is, as after a reload: cameras and rules may be others. */
  #introduced(info) {
    this.info = info;
    this.#emit("info");
    Promise.all([this.loadCameras(), this.loadRules()]).catch(() => {}); // as above
  }

  #change(name, change) {
    const camera = this.cameras.get(name);
    if (!camera) return void this.loadCameras().catch(() => {}); // as above
    change(camera);
    this.#emit("cameras");
  }

  /** What happened before events came, or came again. */
  async #catchUp() {
    const latest = Math.max(0, ...[...this.findings.values()].map((finding) => finding.ts));
    const since = latest ? latest - 120 : "";
    try {
      const { findings } = await get("/api/v1/findings", { since, limit: CAUGHT_UP });
      for (const finding of findings.reverse()) this.take(finding);
      await Promise.all([this.loadCameras(), this.loadRules(), this.loadStats()]);
    } catch {
      this.#emit("line", false); // the stream tells when the box is back
    }
  }

  #emit(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
