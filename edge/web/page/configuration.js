// What stands above the views while the configuration's file is not in force as it is.

import { make } from "./dom.js";

const WORDS = { refused: "configuration.refused", partly: "configuration.partly" };

/** `tell(configuration)` takes what the box says of its file, null where it is not known. */
export function buildConfiguration() {
  const element = make("div", { class: "configuration", role: "alert", hidden: true });

  function tell(configuration) {
    const key = WORDS[configuration?.state];
    element.hidden = !key;
    if (!key) return element.replaceChildren();
    const problems = configuration.problems.map((problem) => make("li", {}, problem));
    element.replaceChildren(make("p", { t: key }), make("ul", {}, ...problems));
  }

  return { element, tell };
}
