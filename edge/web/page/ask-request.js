// A question as the API takes it, and as a command line for a terminal.

import { regionText } from "./region.js";

/** The fields of the form, without the pictures: [name, value]. */
function fieldsOf(wish, sent, session) {
  const region = sent[0]?.region ?? null;
  const fields = [
    ["query", wish.query],
    ["template", wish.template],
    ["language", wish.template && wish.language],
    ["session", session],
    ["region", region && regionText(region)],
    ["format", wish.asJson && "json"],
    ["schema", wish.asJson && wish.schema],
    ["kind", wish.kind !== "text" && !wish.template && !wish.asJson && wish.kind],
    ["heatmap", wish.heatmap && "true"],
    ["enhance", wish.enhance && sent.length > 0 && "true"],
  ];
  const options = wish.kind === "choice" && !wish.template && !wish.asJson ? wish.choices : [];
  return [...fields, ...options.map((option) => ["choices", option])].filter(([, value]) => value);
}

/** The form that asks `wish` about what is `sent`, as a stream. */
export function askForm(wish, sent, session) {
  const form = new FormData();
  for (const { picture } of sent) form.append("image", picture.blob, picture.name);
  for (const [name, value] of fieldsOf(wish, sent, session)) form.append(name, value);
  form.append("stream", "true");
  return form;
}

/** The same question as a call of curl. `needsToken` where the box asks for one. */
export function curlOf({ wish, sent, session }, origin, needsToken) {
  const lines = [`curl ${quoted(`${origin}/api/v1/chat`)}`];
  if (needsToken) lines.push('-H "Authorization: Bearer $EDGE_TOKEN"');
  for (const { picture } of sent) lines.push(`-F ${quoted(`image=@${fileName(picture)}`)}`);
  // curl would read files for values that begin with @ or <; --form-string takes them as they are
  for (const [name, value] of fieldsOf(wish, sent, session)) lines.push(`--form-string ${quoted(`${name}=${value}`)}`);
  return lines.join(" \\\n  ");
}

function fileName(picture) {
  const name = picture.name.replace(/[;,"\\\n]/g, "_"); // signs that mean something to -F
  return name.includes(".") ? name : `${name}.jpg`;
}

function quoted(text) {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
