// The stage: the chosen picture, the box drawn on it, where an answer looked, before and after.

import { Compare } from "./compare.js";
import { button, freshId, make } from "./dom.js";
import { HeatLayer } from "./heat.js";
import { icon } from "./icons.js";
import { emptiness } from "./notices.js";
import { fitSheet } from "./picture.js";
import { RegionLayer, regionWords } from "./region.js";
import { say } from "./words.js";

const STRENGTH = 65; // percent, as the command line draws it

/** Shows one picture; `showHeat` and `showEnhanced` lay an answer's findings over it. */
export class Stage {
  #pictures;
  #heat = new HeatLayer();
  #region = new RegionLayer();
  #compare = new Compare();

  constructor(pictures, conversation) {
    this.#pictures = pictures;
    this.image = make("img", { class: "stage-image", alt: "" });
    this.image.addEventListener("load", () => this.#measured());
    this.image.addEventListener("error", () => this.#unreadable());
    this.sheet = make("div", { class: "stage-sheet" }, this.image, this.#heat.element, this.#region.element);
    this.empty = emptiness("ask.empty", "ask.empty_hint", "upload");
    this.surface = make("div", { class: "stage-surface" }, this.empty, this.sheet, this.#compare.element);
    this.tray = make("ul", { class: "tray", tLabel: "ask.pictures" });
    this.element = make("div", { class: "stage" }, this.surface, this.#tools(), this.tray);
    this.#region.addEventListener("change", () => pictures.setRegion(this.#region.box));
    pictures.addEventListener("change", () => this.#show());
    pictures.addEventListener("region", () => this.#tellRegion());
    conversation.addEventListener("restart", () => this.plain());
    document.addEventListener("edge:language", () => this.#tellRegion());
    this.#show();
  }

  #tools() {
    const heatId = freshId("heat");
    this.slider = make("input", { id: heatId, type: "range", min: 0, max: 100, value: STRENGTH });
    this.slider.addEventListener("input", () => this.#setStrength(this.slider.value / 100));
    this.#setStrength(STRENGTH / 100);
    const hide = button({ class: "plain", tLabel: "heat.hide", tTitle: "heat.hide", on: { click: () => this.plain() } }, icon("close"));
    this.heatTools = make("div", { class: "stage-tool", hidden: true }, icon("heat"), make("label", { for: heatId, t: "heat.strength" }), this.slider, hide);
    const clear = button({ class: "plain", tLabel: "region.clear", tTitle: "region.clear", on: { click: () => this.#setRegion(null) } }, icon("close"));
    this.regionWords = make("span", {});
    this.regionTools = make("div", { class: "stage-tool", hidden: true }, icon("region"), this.regionWords, clear);
    this.regionHint = make("p", { class: "soft small", t: "region.hint", hidden: true });
    const back = button({ class: "quiet small-button", on: { click: () => this.plain() } }, make("span", { t: "enhance.back" }));
    this.compareTools = make("div", { class: "stage-tool", hidden: true }, back);
    return make("div", { class: "stage-tools" }, this.regionTools, this.heatTools, this.compareTools, this.regionHint);
  }

  /** Nothing but the picture and its box. */
  plain() {
    this.#heat.show(null);
    this.#compare.hide();
    this.heatTools.hidden = this.compareTools.hidden = true;
    this.sheet.hidden = !this.#pictures.active;
    this.#tellRegion();
  }

  /** Where an answer looked: a map on a picture, or on its enhanced form at `url`. */
  showHeat(picture, map, url = null) {
    if (this.#pictures.active !== picture) this.#pictures.choose(picture);
    this.plain();
    this.heatTools.hidden = false;
    if (url) {
      this.sheet.hidden = true;
      this.compareTools.hidden = false;
      this.#compare.showHeat(url, map);
    } else this.#heat.show(map);
    this.#tellRegion();
  }

  /** A picture before and after it was enhanced. */
  showEnhanced(picture, region, url) {
    if (this.#pictures.active !== picture) this.#pictures.choose(picture);
    this.plain();
    this.sheet.hidden = true;
    this.compareTools.hidden = false;
    this.#compare.show(picture, region, url);
  }

  #show() {
    const picture = this.#pictures.active;
    this.empty.hidden = picture !== null;
    if (picture && this.image.src !== picture.url) {
      this.image.src = picture.url;
      this.image.alt = say("ask.picture", { name: picture.name });
    }
    this.#region.box = picture?.region ?? null;
    this.plain();
    this.#showTray();
  }

  #showTray() {
    const { list, active } = this.#pictures;
    this.tray.hidden = !list.length;
    this.tray.replaceChildren(
      ...list.map((picture) =>
        make(
          "li",
          { class: picture === active ? "tray-item active" : "tray-item" },
          button(
            { class: "tray-choose", "aria-pressed": String(picture === active), tLabel: "ask.choose", tp: { name: picture.name }, on: { click: () => this.#pictures.choose(picture) } },
            make("img", { src: picture.url, alt: "" }),
          ),
          button({ class: "tray-remove", tLabel: "ask.remove", tp: { name: picture.name }, on: { click: () => this.#pictures.remove(picture) } }, icon("close")),
        ),
      ),
    );
  }

  #setStrength(fraction) {
    this.#heat.strength = fraction;
    this.#compare.strength = fraction;
  }

  #setRegion(box) {
    this.#region.box = box;
    this.#pictures.setRegion(box);
  }

  #tellRegion() {
    const picture = this.#pictures.active;
    const isPlain = picture !== null && !this.sheet.hidden;
    this.regionTools.hidden = !isPlain || !picture.region;
    this.regionHint.hidden = !isPlain || Boolean(picture.region) || !this.heatTools.hidden;
    if (picture?.region) this.regionWords.textContent = regionWords(picture.region);
  }

  #measured() {
    const picture = this.#pictures.active;
    if (!picture) return;
    picture.width = this.image.naturalWidth;
    picture.height = this.image.naturalHeight;
    fitSheet(this.image);
  }

  /** The browser cannot show it; the box may still be able to, and says so if not. */
  #unreadable() {
    this.image.alt = say("ask.unshown");
  }
}
