// Where the pictures to tune on come from: a camera for a while, a clip, or the same ones again.

import { call, pathOf } from "./api.js";
import { button, freshId, make } from "./dom.js";
import { decimal } from "./figures.js";
import { icon } from "./icons.js";
import { notifyError } from "./notices.js";
import { word } from "./words.js";

const SECONDS = [10, 30, 60, 120];

/** The form. Without the API's `tune` it only chooses a camera to draw on. */
export class TuneRun {
  #editor;
  #report;
  #cameras = new Map();
  #abort = null;
  #last = null; // the reply that can be asked for again

  constructor(editor, report) {
    this.#editor = editor;
    this.#report = report;
    report.onTry = (changes) => this.again(changes);
    const cameraId = freshId("tune-camera");
    this.camera = make("select", { id: cameraId, on: { change: () => this.#choose() } });
    const secondsId = freshId("tune-seconds");
    const lengths = SECONDS.map((s) => make("option", { value: s, t: "span.s", tp: { s } }));
    this.seconds = make("select", { id: secondsId }, ...lengths);
    this.seconds.value = 30;
    this.record = button({ class: "main", on: { click: () => this.#fromCamera() } }, icon("play"), make("span", { t: "tune.record" }));
    this.file = make("input", { type: "file", accept: "video/*,.mkv,.ts", hidden: true });
    this.file.addEventListener("change", () => this.#fromClip());
    this.clip = button({ class: "quiet", on: { click: () => this.file.click() } }, icon("upload"), make("span", { t: "tune.clip" }));
    this.progress = make("span", { class: "soft", role: "status" });
    this.stopper = button({ class: "quiet", on: { click: () => this.cancel() } }, icon("stop"), make("span", { t: "talk.cancel" }));
    this.running = make("div", { class: "tune-running", hidden: true }, make("span", { class: "thinking", "aria-hidden": "true" }), this.progress, this.stopper);
    this.lengthPart = make("span", { class: "tune-field" }, make("label", { for: secondsId, t: "tune.seconds" }), this.seconds);
    this.element = make(
      "div",
      { class: "tune-run card" },
      make("span", { class: "tune-field" }, make("label", { for: cameraId, t: "findings.camera" }), this.camera),
      this.lengthPart,
      this.record,
      this.clip,
      this.file,
      this.running,
    );
  }

  /** The cameras, and whether the box can look at a stretch of pictures. */
  offer(cameras, canRun) {
    this.#cameras = new Map(cameras.map((camera) => [camera.name, camera]));
    this.camera.replaceChildren(...cameras.map((camera) => make("option", { value: camera.name }, camera.name)));
    for (const part of [this.lengthPart, this.record, this.clip]) part.hidden = !canRun;
    this.#report.element.hidden = !canRun;
    if (cameras.length) this.#choose();
  }

  cancel() {
    this.#abort?.abort();
  }

  /** Look at the same pictures once more with other settings {mask, sensitivity}. */
  again(changes) {
    if (!this.#last?.id) return;
    const form = new FormData();
    form.set("again", this.#last.id);
    form.set("suggest", "false");
    form.set("mask", JSON.stringify(changes.mask));
    form.set("sensitivity", changes.sensitivity);
    this.#run(form, 0);
  }

  /** Draw on a camera's picture, with the shapes it has now. */
  async #choose() {
    const camera = this.#cameras.get(this.camera.value);
    this.#last = null;
    this.#report.clear();
    this.#editor.setCamera(camera.name);
    this.#editor.setShapes(camera.mask, Object.fromEntries(camera.zones.map((zone) => [zone.name, zone.points])));
    try {
      const response = await call(pathOf("/api/v1/cameras", camera.name, "/keyframe"));
      this.#editor.setPicture(URL.createObjectURL(await response.blob()));
    } catch (error) {
      notifyError(error);
    }
  }

  #fromCamera() {
    const form = new FormData();
    form.set("camera", this.camera.value);
    form.set("seconds", this.seconds.value);
    this.#run(form, Number(this.seconds.value));
  }

  #fromClip() {
    const [clip] = this.file.files;
    this.file.value = "";
    if (!clip) return;
    const form = new FormData();
    form.set("clip", clip, clip.name);
    if (this.camera.value) form.set("settings_of", this.camera.value);
    this.#run(form, 0);
  }

  async #run(form, seconds) {
    this.cancel();
    const abort = (this.#abort = new AbortController());
    const stop = this.#tick(seconds);
    for (const one of [this.record, this.clip]) one.disabled = true;
    this.#report.wait();
    try {
      const response = await call("/api/v1/tune", { method: "POST", body: form, signal: abort.signal });
      const reply = await response.json();
      this.#last = reply;
      if (!form.has("again")) {
        this.#editor.setPicture(reply.picture);
        this.#editor.setShapes(reply.settings.mask, reply.settings.zones);
      }
      this.#editor.setSensitivity(form.has("sensitivity") ? reply.settings.sensitivity : null);
      this.#report.show(reply);
    } catch (error) {
      if (error.name === "AbortError") this.#report.clear();
      else this.#report.fail(error);
    }
    stop();
    for (const one of [this.record, this.clip]) one.disabled = false;
  }

  #tick(seconds) {
    const began = performance.now();
    const tell = () => {
      const spent = (performance.now() - began) / 1000;
      const isRecording = spent < seconds;
      const [key, s] = isRecording ? ["tune.recording", seconds - spent] : ["tune.looking", spent];
      word(this.progress, key, { s: decimal(s, 0) });
    };
    tell();
    this.running.hidden = false;
    const timer = setInterval(tell, 500);
    return () => {
      clearInterval(timer);
      this.running.hidden = true;
    };
  }
}
