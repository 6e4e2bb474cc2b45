// Short messages at the edge of the page, and the boxes that stand where something failed.

import { button, make } from "./dom.js";
import { icon } from "./icons.js";

const SHOWN_MS = 5000;

/** Tell something that needs no answer; `key` names the words. */
export function notify(key, given = {}, { isError = false } = {}) {
  show(make("div", { class: isError ? "notice bad" : "notice", t: key, tp: given }), isError);
}

/** Tell an error in its own words. */
export function notifyError(error) {
  show(make("div", { class: "notice bad" }, error.message), true);
}

function show(notice, isError) {
  document.getElementById("notices").append(notice);
  setTimeout(() => notice.remove(), isError ? 2 * SHOWN_MS : SHOWN_MS);
}

/** A box that says what failed, with a way to try again. */
export function failure(error, again = null) {
  return make(
    "div",
    { class: "failure", role: "alert" },
    make("p", {}, error.message),
    again && button({ class: "quiet", on: { click: again } }, icon("refresh"), make("span", { t: "again" })),
  );
}

/** What stands where nothing is yet. */
export function emptiness(key, hint, iconName) {
  return make(
    "div",
    { class: "empty" },
    icon(iconName),
    make("p", { class: "empty-title", t: key }),
    hint && make("p", { class: "empty-hint", t: hint }),
  );
}

/** Copy a text, and say so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    copyOldWay(text); // without TLS there is no clipboard API on another machine
  }
  notify("copied");
}

function copyOldWay(text) {
  const area = make("textarea", { class: "away", value: text });
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
