// Tabs as the ARIA practices have them: arrow keys move, the address remembers.

import { button, make } from "./dom.js";
import { icon } from "./icons.js";

const KEYS = { ArrowRight: 1, ArrowLeft: -1 };

/** Tabs of these names; each has a panel. `onShow` is told the name of the one that is shown. */
export function buildTabs(names) {
  const panels = {};
  const buttons = {};
  const tabs = { panels, onShow: () => {}, show, current, showByAddress };
  let shown = names[0];

  for (const name of names) {
    panels[name] = make("section", {
      id: `panel-${name}`, class: `view view-${name}`, role: "tabpanel", "aria-labelledby": `tab-${name}`, hidden: true,
    });
    buttons[name] = button(
      { id: `tab-${name}`, role: "tab", class: "tab", "aria-controls": `panel-${name}`, on: { click: () => show(name) } },
      icon(name),
      make("span", { t: `tab.${name}` }),
    );
  }
  tabs.element = make("div", { class: "tabs", role: "tablist", tLabel: "tabs" }, ...Object.values(buttons));
  tabs.element.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    const next = (names.indexOf(shown) + KEYS[event.key] + names.length) % names.length;
    show(names[next]);
    buttons[names[next]].focus();
  });
  window.addEventListener("hashchange", showByAddress);

  function show(name) {
    shown = name;
    for (const one of names) {
      const isShown = one === name;
      panels[one].hidden = !isShown;
      buttons[one].setAttribute("aria-selected", String(isShown));
      buttons[one].tabIndex = isShown ? 0 : -1;
    }
    if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
    tabs.onShow(name);
  }

  function current() {
    return shown;
  }

  function showByAddress() {
    const wanted = location.hash.slice(1);
    show(names.includes(wanted) ? wanted : names[0]);
  }

  return tabs;
}
