// Where pictures come from: a file, the clipboard, dropped ones, a camera.

import { call, get, pathOf } from "./api.js";
import { button, make } from "./dom.js";
import { icon } from "./icons.js";
import { notify, notifyError } from "./notices.js";

/** The row of buttons. */
export class Sources {
  #pictures;

  constructor(pictures, isShown) {
    this.#pictures = pictures;
    this.file = make("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
    this.file.addEventListener("change", () => {
      this.#take([...this.file.files]);
      this.file.value = "";
    });
    const upload = button({ class: "main", on: { click: () => this.file.click() } }, icon("upload"), make("span", { t: "source.upload" }));
    this.camera = make("select", { class: "source-camera", tLabel: "source.camera", hidden: true });
    this.camera.addEventListener("change", () => this.#fromCamera());
    const hint = make("span", { class: "soft small source-hint", t: "source.hint" });
    this.element = make("div", { class: "sources" }, upload, this.file, this.camera, hint);
    document.addEventListener("paste", (event) => {
      if (isShown() && event.clipboardData.files.length) this.#take([...event.clipboardData.files]);
    });
  }

  /** Pictures may be dropped on this element. */
  dropOn(element) {
    const mark = (isOver) => element.classList.toggle("drop", isOver);
    element.addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(true);
    });
    element.addEventListener("dragleave", () => mark(false));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      this.#take([...event.dataTransfer.files]);
    });
  }

  /** The cameras there are now. */
  async renew() {
    try {
      const { cameras } = await get("/api/v1/cameras");
      const names = cameras.map((camera) => make("option", { value: camera.name }, camera.name));
      this.camera.replaceChildren(make("option", { value: "", t: "source.camera" }), ...names);
      this.camera.hidden = !names.length;
    } catch {
      this.camera.hidden = true; // uploading still works
    }
  }

  #take(files) {
    const images = files.filter((file) => file.type.startsWith("image/"));
    if (images.length < files.length) notify("source.no_image", {}, { isError: true });
    if (!images.length) return;
    const left = this.#pictures.add(images.map((blob) => ({ blob, name: blob.name || "picture" })));
    if (left) notify("source.too_many", { n: left }, { isError: true });
  }

  async #fromCamera() {
    const name = this.camera.value;
    if (!name) return;
    this.camera.disabled = true;
    try {
      const response = await call(pathOf("/api/v1/cameras", name, "/keyframe?fresh=true"));
      this.#pictures.add([{ blob: await response.blob(), name: `${name}.jpg`, camera: name }]);
    } catch (error) {
      notifyError(error);
    } finally {
      this.camera.disabled = false;
      this.camera.value = "";
    }
  }
}
