// The line that says that the box's model is one for demonstration. Whoever hears of the model tells it.

import { make } from "./dom.js";

/** `tell(model)` takes what the box says of its model, null where it has none. */
export function buildDemonstration() {
  const element = make("p", { class: "demonstration", role: "note", hidden: true, t: "demonstration" });
  return { element, tell: (model) => (element.hidden = !model?.demonstration) };
}
