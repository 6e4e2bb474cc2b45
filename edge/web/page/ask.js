// Ask: pictures on one side, the talk about them on the other.

import { get } from "./api.js";
import { Composer } from "./ask-composer.js";
import { Conversation } from "./ask-conversation.js";
import { Pictures } from "./ask-pictures.js";
import { Sources } from "./ask-sources.js";
import { Stage } from "./ask-stage.js";
import { Talk } from "./ask-talk.js";
import { make } from "./dom.js";
import { emptiness } from "./notices.js";
import { buildDemonstration } from "./demonstration.js";

/** The view; `isShown` says whether it is in front, so that pasted pictures are meant for it. */
export function buildAsk(me, isShown) {
  if (me.role !== "admin") {
    const element = make("div", { class: "ask" }, make("h1", { class: "away", t: "tab.ask" }), emptiness("ask.viewer", "ask.viewer_hint", "ask"));
    return { element, take: () => {} };
  }
  const pictures = new Pictures();
  const conversation = new Conversation(pictures);
  const stage = new Stage(pictures, conversation);
  const sources = new Sources(pictures, isShown);
  const talk = new Talk(conversation, stage, me.login);
  const composer = new Composer(pictures, conversation);
  const demonstration = buildDemonstration();
  const left = make("div", { class: "ask-left" }, sources.element, stage.element);
  const right = make("div", { class: "ask-right" }, talk.element, demonstration.element, composer.element);
  const element = make("div", { class: "ask" }, make("h1", { class: "away", t: "tab.ask" }), left, right);
  sources.dropOn(left);
  conversation.addEventListener("turn", ({ detail }) => detail.reply && demonstration.tell(detail.reply.model));
  let isKnown = false;

  async function shown() {
    sources.renew();
    get("/api/v1/info").then(({ model }) => demonstration.tell(model), () => {}); // the next answer says it, too
    if (isKnown) return;
    isKnown = true;
    try {
      composer.offer(await offered());
    } catch {
      isKnown = false; // asked again when the view is shown again
    }
  }

  return {
    element,
    shown,
    take: (picture) => {
      conversation.restart();
      pictures.replace([picture]);
      composer.focus();
    },
  };
}

/** What this box's API can do: the fields of its form, by its own document, and the templates. */
async function offered() {
  const document_ = await get("/api/v1/openapi.json");
  const form = document_.paths["/api/v1/chat"].post.requestBody.content["multipart/form-data"].schema;
  const schema = form.$ref ? document_.components.schemas[form.$ref.split("/").pop()] : form;
  const fields = new Set(Object.keys(schema.properties));
  const hasTemplates = fields.has("template") && "/api/v1/templates" in document_.paths;
  const { templates } = hasTemplates ? await get("/api/v1/templates") : { templates: [] };
  return { enhance: fields.has("enhance"), templates };
}
