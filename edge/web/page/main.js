// The page's beginning: who is calling decides between the login and the three views.

import { ApiError, get, send } from "./api.js";
import { buildAsk } from "./ask.js";
import { make, button } from "./dom.js";
import { startClock } from "./figures.js";
import { icon } from "./icons.js";
import { buildLive } from "./live.js";
import { buildLogin } from "./login.js";
import { failure } from "./notices.js";
import { buildTabs } from "./tabs.js";
import { startTheme, themeSwitch } from "./theme.js";
import { buildTune } from "./tune.js";
import { applyLanguage, currentLanguage, setLanguage } from "./words.js";

const app = document.getElementById("app");
let isOpen = false;

async function begin() {
  let me;
  try {
    me = await get("/api/v1/me");
  } catch (error) {
    if (error instanceof ApiError && error.isLoginNeeded) return showLogin();
    return showFrame([make("main", { class: "alone" }, failure(error, begin))], null);
  }
  showViews(me);
}

function showLogin() {
  showFrame([buildLogin(again)], null);
}

/** Load the page anew: nothing of what another visitor saw is left. */
function again() {
  location.reload();
}

function showViews(me) {
  const tabs = buildTabs(["live", "ask", "tune"]);
  const go = { ask: (picture) => { tabs.show("ask"); ask.take(picture); } };
  const ask = buildAsk(me, () => tabs.current() === "ask");
  const live = buildLive(me, go);
  const tune = buildTune(me);
  isOpen = true;
  tabs.panels.live.append(live.element);
  tabs.panels.ask.append(ask.element);
  tabs.panels.tune.append(tune.element);
  tabs.onShow = (name) => ({ live, ask, tune })[name].shown?.();
  showFrame([make("main", {}, ...Object.values(tabs.panels))], me, tabs);
  live.start();
  tabs.showByAddress();
}

function showFrame(content, me, tabs = null) {
  const brand = make("div", { class: "brand" }, brandMark(), make("span", { class: "brand-name", t: "brand" }));
  const tools = make("div", { class: "tools" }, languageSwitch(), themeSwitch(), me?.login ? exit(me) : null);
  app.replaceChildren(make("header", { class: "top" }, brand, tabs?.element ?? null, tools), ...content);
}

function brandMark() {
  const made = make("span", { class: "brand-mark" }, icon("region"));
  return made;
}

function languageSwitch() {
  const made = button({ class: "plain", tLabel: "language.other", tTitle: "language.other", t: "language.mark" });
  made.addEventListener("click", () => setLanguage(currentLanguage() === "en" ? "zh" : "en"));
  return made;
}

function exit(me) {
  const leave = async () => {
    await send("POST", "/api/v1/logout");
    again();
  };
  return button({ class: "plain", tLabel: "logout", tTitle: "logout.as", tp: { name: me.name, role: me.role }, on: { click: leave } }, icon("exit"));
}

document.addEventListener("edge:login-needed", () => {
  if (isOpen) again(); // the login has expired
});
startTheme();
startClock();
applyLanguage();
begin();
