// Live: what the box sees and does now.

import { make } from "./dom.js";
import { failure } from "./notices.js";
import { Box } from "./box.js";
import { buildCameras } from "./live-cameras.js";
import { buildFindings } from "./live-findings.js";
import { buildFigures } from "./live-figures.js";
import { buildRules } from "./live-rules.js";
import { buildConfiguration } from "./configuration.js";
import { buildDemonstration } from "./demonstration.js";

/** The view. `go.ask(picture)` takes a picture over to Ask. */
export function buildLive(me, go) {
  const box = new Box();
  const line = make("p", { class: "line-down", role: "status", hidden: true, t: "live.down" });
  const trouble = make("div", {});
  const demonstration = buildDemonstration();
  const configuration = buildConfiguration();
  const parts = [
    buildFigures(box),
    make(
      "div",
      { class: "live-columns" },
      make("div", { class: "live-left" }, buildCameras(box, me, go), buildRules(box, me)),
      buildFindings(box, me, go),
    ),
  ];
  const element = make("div", { class: "live" }, make("h1", { class: "away", t: "tab.live" }), line, trouble, configuration.element, demonstration.element, ...parts);
  box.addEventListener("line", (event) => (line.hidden = event.detail));
  box.addEventListener("info", () => {
    demonstration.tell(box.info?.model);
    configuration.tell(box.info?.configuration);
  });

  async function start() {
    trouble.replaceChildren();
    try {
      await box.start();
    } catch (error) {
      if (!error.isLoginNeeded) trouble.replaceChildren(failure(error, start));
    }
  }

  return { element, start };
}
