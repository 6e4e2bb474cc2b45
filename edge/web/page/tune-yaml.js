// A camera's masks, zones and sensitivity as they are written into the configuration.

const PLAIN = /^[A-Za-z_][\w-]*$/;
const OTHER_THINGS = /^(y|n|yes|no|on|off|true|false|null)$/i; // plain, YAML takes these for something else

/** The YAML for one camera. */
export function cameraYaml(camera, shapes, sensitivity) {
  const lines = ["cameras:", `  ${key(camera)}:`];
  const masks = shapes.filter((shape) => shape.kind === "mask");
  const zones = shapes.filter((shape) => shape.kind === "zone");
  if (sensitivity !== null) lines.push(`    motion: {sensitivity: ${sensitivity}}`);
  if (masks.length) lines.push("    mask:", ...masks.map((shape) => `      - ${polygon(shape)}`));
  if (zones.length) lines.push("    zones:", ...zones.map((shape) => `      ${key(shape.name)}: ${polygon(shape)}`));
  if (lines.length === 2) lines[1] += " {}";
  return `${lines.join("\n")}\n`;
}

function polygon({ points }) {
  return `[${points.map(([x, y]) => `[${rounded(x)}, ${rounded(y)}]`).join(", ")}]`;
}

function rounded(fraction) {
  return Math.round(fraction * 1000) / 1000;
}

function key(name) {
  return PLAIN.test(name) && !OTHER_THINGS.test(name) ? name : JSON.stringify(name);
}
