// JSON with colours, made of text nodes.

import { make } from "./dom.js";

const MAX_CHARS = 100_000; // colouring more would hold the page up
const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A document, indented. */
export function jsonView(document_) {
  const text = JSON.stringify(document_, null, 2);
  const view = make("pre", { class: "json", tabindex: "0" });
  if (text.length > MAX_CHARS) {
    view.textContent = text;
    return view;
  }
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    view.append(text.slice(end, match.index));
    const [all, quoted, colon, word] = match;
    const kind = colon ? "key" : quoted ? "string" : word ? "word" : "number";
    view.append(make("span", { class: `json-${kind}` }, quoted && colon ? quoted : all));
    if (colon) view.append(colon);
    end = match.index + all.length;
  }
  view.append(text.slice(end));
  return view;
}
