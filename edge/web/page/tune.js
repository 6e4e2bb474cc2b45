// Tune: for now nothing.
import { make } from "./dom.js";
export function buildTune() {
  return { element: make("div", {}, make("h1", { t: "tab.tune" })) };
}
