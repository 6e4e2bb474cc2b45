// Calls of the box's HTTP API. Whatever fails becomes an ApiError with words fit to show.

import { say } from "./words.js";

/** A call that failed: `status` 0 where the box was not reached. */
export class ApiError extends Error {
  constructor(status, what, { where = "", retryAfterS = 0 } = {}) {
    super(what);
    this.status = status;
    this.where = where;
    this.retryAfterS = retryAfterS;
  }

  get isLoginNeeded() {
    return this.status === 401;
  }
}

/** One call; the Response where it went well. An abort is told as the browser tells it. */
export async function call(path, { method = "GET", body, headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(path, { method, body, headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, say("error.offline"));
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function errorOf(response) {
  let told = {};
  try {
    told = (await response.json()).error ?? {};
  } catch {
    told = {}; // something between us and the box answered
  }
  const error = new ApiError(response.status, told.what ?? say("error.status", { status: response.status }), {
    where: told.where ?? "",
    retryAfterS: Number(response.headers.get("retry-after") ?? 0),
  });
  if (error.isLoginNeeded) document.dispatchEvent(new Event("edge:login-needed"));
  return error;
}

const PATIENCE = 2; // times that a box too busy to answer a GET is asked again, when it says
const LONGEST_WAIT_S = 10;

/** GET a JSON document; `query` without what is empty. */
export async function get(path, query = {}, { signal } = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  const wanted = search ? `${path}?${search}` : path;
  for (let again = 0; ; again++) {
    try {
      return await (await call(wanted, { signal })).json();
    } catch (error) {
      const isBusy = error.status === 429 && error.retryAfterS > 0 && error.retryAfterS <= LONGEST_WAIT_S;
      if (!isBusy || again === PATIENCE) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * error.retryAfterS));
    }
  }
}

/** Send JSON; the reply's document, null where there is none. */
export async function send(method, path, body) {
  const response = await call(path, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: body === undefined ? {} : { "content-type": "application/json" },
  });
  return response.status === 204 ? null : response.json();
}

/** A path of which one part comes from outside. */
export function pathOf(before, part, after = "") {
  return `${before}/${encodeURIComponent(part)}${after}`;
}

/** The server-sent events of a response: {kind, data} with the JSON read. */
export async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {}); // already over where it was aborted
  }
}

function parseEvent(block) {
  let kind = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data.push(line.slice(6));
  }
  return data.length ? { kind, data: JSON.parse(data.join("\n")) } : null;
}
