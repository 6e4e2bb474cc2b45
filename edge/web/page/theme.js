// Light and dark: as the system has it, or as the reader wants it.

import { button } from "./dom.js";
import { icon } from "./icons.js";
import { word } from "./words.js";

const KEPT_AS = "edge.theme";
const ORDER = ["auto", "light", "dark"];
const ICONS = { auto: "auto", light: "sun", dark: "moon" };
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

let theme = ORDER.includes(localStorage.getItem(KEPT_AS)) ? localStorage.getItem(KEPT_AS) : "auto";

function apply() {
  const isDark = theme === "dark" || (theme === "auto" && prefersDark.matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
}

/** Follow the system and the reader from now on. */
export function startTheme() {
  prefersDark.addEventListener("change", apply);
  apply();
}

/** The switch: system, light, dark. */
export function themeSwitch() {
  const made = button({
    class: "plain",
    on: {
      click: () => {
        theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
        localStorage.setItem(KEPT_AS, theme);
        apply();
        show();
      },
    },
  });
  function show() {
    made.replaceChildren(icon(ICONS[theme]));
    word(made, `theme.${theme}`, {}, "aria-label");
    word(made, `theme.${theme}`, {}, "title");
  }
  show();
  return made;
}
