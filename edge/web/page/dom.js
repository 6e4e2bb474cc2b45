// Elements made in code. Text only ever becomes text nodes and attributes, never HTML, so that
// whatever a camera's name or the model's words hold is shown and not obeyed.

import { word } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "selected", "open"]);

/**
 * An element. Of `props`, `on` holds listeners, `t` is the key of its words (`tp` what is put into
 * them), `tLabel`, `tTitle` and `tPlaceholder` are keys for attributes, `vars` are CSS variables;
 * the rest are attributes, left out where null or false.
 */
export function make(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function makeSvg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  const { on = {}, vars = {}, t, tp, tLabel, tTitle, tPlaceholder, ...rest } = props;
  for (const [name, value] of Object.entries(rest)) {
    if (PROPERTIES.has(name)) element[name] = value;
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  for (const [name, value] of Object.entries(vars)) element.style.setProperty(`--${name}`, value);
  for (const [name, listener] of Object.entries(on)) element.addEventListener(name, listener);
  if (t) word(element, t, tp);
  if (tLabel) word(element, tLabel, tp, "aria-label");
  if (tTitle) word(element, tTitle, tp, "title");
  if (tPlaceholder) word(element, tPlaceholder, tp, "placeholder");
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A button with an icon, words or both; `tLabel` names one without words. */
export function button(props, ...children) {
  return make("button", { type: "button", ...props }, ...children);
}

/** An id that no other element has. */
export function freshId(stem) {
  freshId.last = (freshId.last ?? 0) + 1;
  return `${stem}-${freshId.last}`;
}
