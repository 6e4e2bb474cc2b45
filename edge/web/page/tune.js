// Tune: what the sampler makes of a stretch of pictures, and masks and zones drawn on the scene.

import { get } from "./api.js";
import { make } from "./dom.js";
import { emptiness, failure } from "./notices.js";
import { ShapeEditor } from "./tune-editor.js";
import { TuneReport } from "./tune-report.js";
import { TuneRun } from "./tune-run.js";

/** The view. */
export function buildTune(me) {
  const title = make("h1", { class: "away", t: "tab.tune" });
  if (me.role !== "admin") {
    return { element: make("div", { class: "tune" }, title, emptiness("tune.viewer", "ask.viewer_hint", "tune")) };
  }
  const editor = new ShapeEditor();
  const report = new TuneReport(editor);
  const run = new TuneRun(editor, report);
  const trouble = make("div", { class: "tune-trouble" });
  const left = make("div", { class: "tune-left" }, run.element, editor.element);
  const element = make("div", { class: "tune" }, title, trouble, left, report.element);
  let isKnown = false;

  async function shown() {
    if (isKnown) return;
    isKnown = true;
    trouble.replaceChildren();
    try {
      const [{ cameras }, { paths }] = await Promise.all([get("/api/v1/cameras"), get("/api/v1/openapi.json")]);
      run.offer(cameras, "/api/v1/tune" in paths);
    } catch (error) {
      isKnown = false;
      trouble.replaceChildren(failure(error, shown));
    }
  }

  return { element, shown };
}
