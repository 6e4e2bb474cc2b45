// The cameras: how each does, and its last keyframe with what moved in it.

import { call, pathOf } from "./api.js";
import { button, make } from "./dom.js";
import { agoOf, decimal, fullTime } from "./figures.js";
import { icon } from "./icons.js";
import { dot } from "./live-figures.js";
import { emptiness, notifyError } from "./notices.js";
import { Frame } from "./picture.js";
import { isWord, say } from "./words.js";

const TONES = { online: "good", offline: "bad", stalled: "bad", frozen: "warn", ended: "idle", disabled: "idle" };

/** All of them, as cards. */
export function buildCameras(box, me, go) {
  const grid = make("div", { class: "cameras" });
  const cards = new Map();
  const element = make("section", { "aria-labelledby": "cameras-title" }, make("h2", { id: "cameras-title", t: "cameras.title" }), grid);

  function show() {
    for (const [name, camera] of box.cameras) {
      if (!cards.has(name)) cards.set(name, new Card(camera, box, me, go));
      cards.get(name).tell(camera);
    }
    for (const name of cards.keys()) {
      if (!box.cameras.has(name)) cards.delete(name);
    }
    const wanted = [...cards.values()].map((card) => card.element);
    if (!wanted.length) grid.replaceChildren(emptiness("cameras.none", "cameras.none_hint", "camera"));
    else if (wanted.some((card, n) => grid.children[n] !== card) || grid.children.length !== wanted.length) {
      grid.replaceChildren(...wanted);
    }
  }
  box.addEventListener("cameras", show);
  box.addEventListener("stats", () => box.cameras.size && show());
  document.addEventListener("edge:language", show);
  box.addEventListener("finding", (event) => cards.get(event.detail.camera)?.look());
  return element;
}

class Card {
  #box;
  #name;
  #shown = "";

  constructor(camera, box, me, go) {
    this.#box = box;
    this.#name = camera.name;
    const { width, height } = camera.stats.capture ?? {};
    this.frame = new Frame({ width: width || 16, height: height || 9 });
    this.state = make("span", { class: "state" });
    this.moving = make("span", { class: "chip live-chip", hidden: true, t: "camera.moving" });
    this.facts = make("p", { class: "soft small" });
    this.error = make("p", { class: "small camera-error", hidden: true });
    this.when = make("span", { class: "frame-when" });
    this.frame.element.append(this.when, this.moving);
    const ask = button({ class: "quiet small-button", on: { click: () => this.#ask(go) } }, icon("ask"), make("span", { t: "camera.ask" }));
    this.element = make(
      "article",
      { class: "card camera" },
      this.frame.element,
      make("div", { class: "camera-head" }, make("h3", {}, camera.name), this.state),
      this.facts,
      this.error,
      me.role === "admin" ? make("div", { class: "actions" }, ask) : null,
    );
    this.#load();
  }

  tell(camera) {
    const { state, fps, last_error: lastError, capture } = camera.stats;
    const key = `camera.${state}`;
    this.state.replaceChildren(dot(TONES[state] ?? "idle"), isWord(key) ? make("span", { t: key }) : state);
    this.moving.hidden = !camera.moving;
    const facts = [say("camera.fps", { fps: decimal(fps) })];
    if (capture) {
      facts.push(`${capture.width}×${capture.height}`, capture.codec === "none" ? "" : capture.codec);
      if (capture.gop_s) facts.push(say("camera.gop", { s: decimal(capture.gop_s) }));
      facts.push(say(`decode.${capture.decode}`));
    }
    this.facts.textContent = facts.filter(Boolean).join(" · ");
    this.error.hidden = !lastError || state === "online";
    this.error.textContent = lastError;
  }

  /** Show the newest finding's picture. */
  look() {
    const latest = this.#box.latestOf(this.#name);
    if (!latest || latest.id === this.#shown) return;
    this.#shown = latest.id;
    this.#show(latest, pathOf("/api/v1/snapshots", latest.frame.snapshot));
  }

  #show(finding, url) {
    this.frame.resize(finding.frame.width, finding.frame.height);
    this.frame.show(url, say("picture.of", { camera: this.#name, time: fullTime(finding.ts) }));
    this.frame.draw(finding.trigger.boxes);
    this.when.replaceChildren(agoOf(finding.ts));
  }

  /** The last keyframe as it was before this page was opened. */
  async #load() {
    try {
      const response = await call(pathOf("/api/v1/cameras", this.#name, "/keyframe"));
      const id = response.headers.get("x-finding-id");
      const picture = await response.blob();
      if (this.#shown) return;
      if (id) {
        const finding = await (await call(pathOf("/api/v1/findings", id))).json();
        if (!this.#shown) this.#show(finding, pathOf("/api/v1/snapshots", id));
        return;
      }
      this.frame.show(URL.createObjectURL(picture), say("picture.now", { camera: this.#name }));
    } catch {
      if (!this.#shown) this.frame.fail(); // the card's state says what is wrong with the camera
    }
  }

  async #ask(go) {
    try {
      const response = await call(pathOf("/api/v1/cameras", this.#name, "/keyframe?fresh=true"));
      go.ask({ blob: await response.blob(), name: `${this.#name}.jpg`, camera: this.#name });
    } catch (error) {
      notifyError(error);
    }
  }
}
