// The stream of events: opened again when it breaks, with growing pauses, and closed while nobody
// looks, because a browser has few connections to spare for one box.

const PAUSES_S = [1, 2, 5, 10, 30];
const SILENT_S = 25; // figures come every 5 s, so that silence means a dead line
const HIDDEN_S = 60;
const KINDS = ["finding", "rule", "camera", "motion", "stats", "snapshot", "info"];

/**
 * Emits `open` (detail: whether it is not the first time), `down`, and each of the box's events with
 * its document as the detail.
 */
export class Feed extends EventTarget {
  #source = null;
  #failures = 0;
  #wasOpen = false;
  #retry = 0;
  #silence = 0;
  #hidden = 0;
  #isResting = false; // closed because nobody looks

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  start() {
    this.stop();
    this.#connect();
  }

  stop() {
    this.#isResting = false;
    this.#close();
    clearTimeout(this.#retry);
  }

  #connect() {
    const source = new EventSource("/api/v1/events");
    this.#source = source;
    source.addEventListener("open", () => {
      this.#failures = 0;
      this.#listenOn();
      this.#emit("open", this.#wasOpen);
      this.#wasOpen = true;
    });
    source.addEventListener("error", () => this.#lost());
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.#listenOn();
        this.#emit(kind, JSON.parse(event.data));
      });
    }
  }

  #lost() {
    this.#close();
    this.#emit("down", null);
    const pause = PAUSES_S[Math.min(this.#failures, PAUSES_S.length - 1)];
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), pause * 1000 * (0.8 + 0.4 * Math.random()));
  }

  #listenOn() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), SILENT_S * 1000);
  }

  #close() {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #seen() {
    clearTimeout(this.#hidden);
    if (document.hidden) {
      this.#hidden = setTimeout(() => this.#rest(), HIDDEN_S * 1000);
    } else if (this.#isResting) {
      this.#failures = 0;
      this.start();
    }
  }

  #rest() {
    if (!this.#wasOpen) return;
    this.stop();
    this.#isResting = true;
  }

  #emit(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
