// Numbers and times as people read them, in the page's language.

import { make } from "./dom.js";
import { currentLanguage, say } from "./words.js";

const AGO_STEP_MS = 10_000;

/** The reader's own variety of the page's language, for dates as they write them. */
function locale() {
  const language = currentLanguage();
  return navigator.languages.find((one) => one.toLowerCase().startsWith(language)) ?? language;
}

/** 0.874 as `87 %`. */
export function percent(fraction) {
  return new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 0 }).format(fraction);
}

/** A count with separators. */
export function count(number) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: 0 }).format(number);
}

/** A number with at most `digits` behind the point. */
export function decimal(number, digits = 1) {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(number);
}

/** Milliseconds as `840 ms` or `1.2 s`. */
export function spent(ms) {
  return ms < 995 ? `${decimal(ms, 0)} ms` : `${decimal(ms / 1000, ms < 9950 ? 1 : 0)} s`;
}

/** Seconds as `3 d 4 h`, `12 min` or `8 s`. */
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 90) return say("span.s", { s });
  const minutes = Math.round(s / 60);
  if (minutes < 90) return say("span.min", { min: minutes });
  const hours = Math.floor(s / 3600);
  if (hours < 48) return say("span.h", { h: hours, min: Math.floor((s % 3600) / 60) });
  return say("span.d", { d: Math.floor(hours / 24), h: hours % 24 });
}

/** A moment (s since 1970) in full. */
export function fullTime(ts) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(ts * 1000);
}

/** A moment as short as can be: the time today, the day and time else. */
export function clock(ts) {
  const moment = new Date(ts * 1000);
  const isToday = moment.toDateString() === new Date().toDateString();
  const day = isToday ? {} : { month: "short", day: "numeric" };
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(locale(), { ...day, ...time }).format(moment);
}

/** `<time>` with a moment, the full one as its title. */
export function timeOf(ts) {
  const time = make("time", { datetime: new Date(ts * 1000).toISOString(), title: fullTime(ts) }, clock(ts));
  time.dataset.moment = ts;
  return time;
}

/** `<time>` that says how long ago something was and keeps itself true. */
export function agoOf(ts) {
  const time = make("time", { datetime: new Date(ts * 1000).toISOString(), title: fullTime(ts) });
  time.dataset.ago = ts;
  renewAgo(time);
  return time;
}

function renewAgo(time) {
  time.textContent = say("span.ago", { span: span(Date.now() / 1000 - Number(time.dataset.ago)) });
}

function renewAll() {
  for (const time of document.querySelectorAll("time[data-ago]")) renewAgo(time);
}

/** Keep the page's times true. */
export function startClock() {
  setInterval(renewAll, AGO_STEP_MS);
  document.addEventListener("edge:language", () => {
    renewAll();
    for (const time of document.querySelectorAll("time[data-moment]")) {
      time.textContent = clock(Number(time.dataset.moment));
    }
  });
}
