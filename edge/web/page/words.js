// The page's words in the reader's language. Elements remember which words they carry, so that
// switching the language changes them where they stand and nothing is built anew.

import { en } from "./words-en.js";
import { zh } from "./words-zh.js";

const LANGUAGES = { en, zh };
const KEPT_AS = "edge.language";
const carried = new WeakMap();

let language = chosen();

function chosen() {
  const kept = localStorage.getItem(KEPT_AS);
  if (kept in LANGUAGES) return kept;
  for (const wanted of navigator.languages) {
    const short = wanted.slice(0, 2).toLowerCase();
    if (short in LANGUAGES) return short;
  }
  return "en";
}

/** `en` or `zh`. */
export function currentLanguage() {
  return language;
}

/** The words for a key, with `{name}` replaced from `given`. */
export function say(key, given = {}) {
  let words = LANGUAGES[language][key];
  if (words === undefined) throw new Error(`there are no words for ${key}`);
  if (typeof words !== "string") words = words[given.n === 1 ? "one" : "other"];
  return words.replace(/\{(\w+)\}/g, (_, name) => String(given[name] ?? ""));
}

/** Whether there are words for a key that comes from the server. */
export function isWord(key) {
  return key in LANGUAGES[language];
}

/** The words for a key made of what the server says, or what it says itself where none are known. */
export function sayOr(key, otherwise) {
  return isWord(key) ? say(key) : otherwise;
}

/** Give an element its words, or one of its attributes. */
export function word(element, key, given = {}, attribute = "") {
  const words = carried.get(element) ?? new Map();
  words.set(attribute, [key, given]);
  carried.set(element, words);
  element.setAttribute("data-words", "");
  put(element, attribute, key, given);
}

function put(element, attribute, key, given) {
  const values = Object.entries(given).map(([name, v]) => [name, typeof v === "function" ? v() : v]);
  const text = say(key, Object.fromEntries(values));
  if (attribute) element.setAttribute(attribute, text);
  else element.textContent = text;
}

/** Speak another language from now on. */
export function setLanguage(wanted) {
  language = wanted;
  localStorage.setItem(KEPT_AS, wanted);
  applyLanguage();
  document.dispatchEvent(new Event("edge:language"));
}

/** Put the present language's words wherever words stand. */
export function applyLanguage() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const element of document.querySelectorAll("[data-words]")) {
    for (const [attribute, [key, given]] of carried.get(element) ?? []) {
      put(element, attribute, key, given);
    }
  }
}
