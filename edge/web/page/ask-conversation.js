// A conversation about pictures: questions are asked one after the other, the box remembers what was
// shown and said. Knows no element.

import { call, eventsOf, send, pathOf } from "./api.js";
import { askForm } from "./ask-request.js";
import { say } from "./words.js";

/**
 * Each turn is {id, wish, about, state, text, reply, error, sent, startedMs}; its state is waiting,
 * running, done, failed or cancelled. Emits `turn` (detail: the turn) when one has changed, `restart`
 * when all are gone.
 */
export class Conversation extends EventTarget {
  turns = [];
  session = "";
  #pictures;
  #shown = []; // what the conversation holds, as heatmaps count it: {picture, url}
  #abort = null;
  #lastId = 0;

  constructor(pictures) {
    super();
    this.#pictures = pictures;
  }

  /** Ask when all that was asked before is answered. */
  ask(wish) {
    this.#lastId += 1;
    const about = this.#pictures.about(wish.isAboutAll);
    const turn = { id: this.#lastId, wish, about, state: "waiting", text: "", reply: null, error: null, sent: [], heat: [], startedMs: 0 };
    this.turns.push(turn);
    this.#tell(turn);
    this.#next();
  }

  /** Ask a turn that failed once more. */
  again(turn) {
    Object.assign(turn, { state: "waiting", text: "", error: null });
    this.#tell(turn);
    this.#next();
  }

  cancel(turn) {
    if (turn.state === "running") this.#abort?.abort();
    else if (turn.state === "waiting") this.#set(turn, "cancelled");
  }

  cancelAll() {
    for (const turn of this.turns) this.cancel(turn);
  }

  /** Forget everything but the pictures. */
  restart() {
    this.cancelAll();
    if (this.session) send("DELETE", pathOf("/api/v1/sessions", this.session)).catch(() => {}); // it ends by itself
    this.turns = [];
    this.#forget();
    this.dispatchEvent(new Event("restart"));
  }

  #forget() {
    this.session = "";
    this.#shown = [];
    this.#pictures.forgetSent();
  }

  async #next() {
    if (this.#abort) return;
    const turn = this.turns.find((one) => one.state === "waiting");
    if (!turn) return;
    this.#abort = new AbortController();
    turn.startedMs = performance.now();
    this.#set(turn, "running");
    try {
      await this.#run(turn);
      this.#set(turn, "done");
    } catch (error) {
      turn.error = error;
      this.#set(turn, error.name === "AbortError" ? "cancelled" : "failed");
    }
    this.#abort = null;
    this.#next();
  }

  async #run(turn) {
    try {
      await this.#request(turn);
    } catch (error) {
      if (error.status !== 404 || !this.session) throw error;
      this.#forget(); // the box did, too: the pictures are shown anew
      turn.text = "";
      await this.#request(turn);
    }
  }

  async #request(turn) {
    const { signal } = this.#abort;
    turn.sent = this.#pictures.toSend(turn.about);
    turn.session = this.session;
    const form = askForm(turn.wish, turn.sent, this.session);
    const response = await call("/api/v1/chat", { method: "POST", body: form, signal });
    for await (const { kind, data } of eventsOf(response)) {
      if (kind === "piece") {
        turn.text += data.text;
        this.#tell(turn);
      } else if (kind === "answer") return void (await this.#answered(turn, data));
      else if (kind === "error") throw new Error(data.error.what);
    }
    throw new Error(say("error.offline"));
  }

  async #answered(turn, reply) {
    const enhanced = await keptOf(reply.enhanced_pictures ?? []);
    turn.reply = { ...reply, enhanced_pictures: enhanced };
    if (!this.turns.includes(turn)) return; // restarted meanwhile
    this.session = reply.session;
    this.#pictures.sent(turn.sent);
    for (const [n, { picture }] of turn.sent.entries()) {
      const of = enhanced.filter((one) => one.picture === n);
      this.#shown.push({ picture, url: of.find((one) => !one.detail)?.url ?? null });
      for (const detail of of.filter((one) => one.detail)) this.#shown.push({ picture, url: detail.url });
    }
    turn.heat = (reply.heatmap ?? [])
      .filter((map) => map.picture in this.#shown)
      .map((map) => ({ ...this.#shown[map.picture], map }));
  }

  #set(turn, state) {
    turn.state = state;
    this.#tell(turn);
  }

  #tell(turn) {
    this.dispatchEvent(new CustomEvent("turn", { detail: turn }));
  }
}

/** The enhanced pictures, fetched: the box forgets them soon. */
async function keptOf(pictures) {
  const kept = pictures.map(async (one) => {
    const response = await call(one.url);
    return { ...one, url: URL.createObjectURL(await response.blob()) };
  });
  const fetched = await Promise.allSettled(kept);
  return fetched.map(({ value }, n) => value ?? pictures[n]);
}
