// The line that says that the box's model was never trained. Whoever hears of the model tells it.

import { make } from "./dom.js";

/** `tell(model)` takes what the box says of its model, null where it has none. */
export function buildUntrained() {
  const element = make("p", { class: "untrained", role: "note", hidden: true, t: "untrained" });
  return { element, tell: (model) => (element.hidden = !model?.untrained) };
}
