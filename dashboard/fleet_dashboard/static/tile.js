// One tile of the wall: builds it from the template in index.html and patches it from a node.
// Owns nothing but its element; which of a node's values it shows is in fields.js.

import {setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {headline, minor} from "./fields.js";
import {heard} from "./rollcall.js";
import {drawSpark} from "./spark.js";
import {token} from "./tokens.js";
import {ago, count, number, reason, roundTrip, shortfall, span, symbol, withUnit} from "./units.js";

const AGE_SHOWN_MS = 3000;
const ID_FITS = 16; // letters of name and id together; the id alone would be cut to nothing
const FLASH_MS = 600;
const TRAIL = 60; // points of a line that this page collects itself
const FRESH_MS = 30000; // an event stands out for so long

export function makeTile() {
  const slot = document.getElementById("tile").content.firstElementChild.cloneNode(true);
  const find = (name) => slot.querySelector(`.${name}`);
  slot.parts = {
    link: find("tile"),
    glyph: find("state-glyph"),
    name: find("tile-name"),
    id: find("tile-id"),
    answer: find("tile-answer"),
    state: find("tile-state"),
    value: find("value"),
    unit: find("unit"),
    spark: find("spark"),
    minor: find("minor"),
    event: find("tile-event"),
    why: find("tile-why"),
    short: find("tile-short"),
    age: find("tile-age"),
  };
  return slot;
}

/** Patch everything that a change of the node can change, with the value `show` as its headline, or its own; ages are
 * patchAge, the line is patchSpark. */
export function patchTile(slot, node, show = "") {
  const parts = slot.parts;
  const head = headline(node, show);
  slot.points = pointsOf(slot, node, head);
  setAttribute(slot, "data-line", slot.points.length > 1 ? "" : null);
  if (slot.live !== (node.state === "online")) slot.drawn = null;
  slot.live = node.state === "online";
  setAttribute(slot, "data-state", node.state);
  setAttribute(slot, "data-node", node.id);
  setAttribute(parts.link, "href", `/node/${encodeURIComponent(node.id)}`);
  setGlyph(parts.glyph, `state-${node.state}`);
  const name = node.name || node.id;
  setText(parts.name, name);
  setAttribute(parts.name, "title", name === node.id ? name : `${name} (${node.id})`);
  setText(parts.id, node.id);
  setHidden(parts.id, name.toLowerCase() === node.id || name.length + node.id.length > ID_FITS);
  setText(parts.state, node.state);
  patchValues(parts, node, head);
  const event = node.told ?? node.event;
  setText(parts.event, event && !node.paused ? `${event.input} ${event.type}` : "");
  const why = node.state === "online" && !node.paused ? "" : sentence(reason(node));
  setText(parts.why, why);
  setAttribute(parts.why, "title", why || null);
  const missing = node.counts?.missing ?? 0; // what is gone or dropped nobody can mend: the node's page says it
  setText(parts.short, `${count(missing)} missing`);
  setHidden(parts.short, !missing);
}

function patchValues(parts, node, head) {
  setText(parts.value, number(head?.value, head?.unit));
  setText(parts.unit, head && head.value == null ? "no reading" : symbol(head?.unit ?? ""));
  const told = [node.name || node.id, node.state, withUnit(head?.value, head?.unit), ...shortfall(node.counts)];
  setAttribute(parts.link, "aria-label", told.join(", "));
  setText(
    parts.minor,
    minor(node, head)
      .map((text) => text.replaceAll(" ", "\u00a0"))
      .join(" ·\u00a0"),
  );
}

export function patchAge(slot, node, now) {
  const age = node.last ? now - node.last : null;
  const limit = Math.max(AGE_SHOWN_MS, 2 * (node.period || 0));
  const old = node.state === "online" && !node.paused && age !== null && age > limit;
  const away = node.state !== "online" && node.since ? `for ${span(now - node.since)}` : "";
  setText(slot.parts.age, old ? ago(age) : away);
  setAttribute(slot, "data-old", old ? "" : null);
  const event = node.told ?? node.event;
  setAttribute(slot, "data-fresh-event", event && now - event.t < FRESH_MS ? "" : null);
}

/** The points of the tile's line: what the host sends, or, of another value, what was seen since it was chosen. */
function pointsOf(slot, node, head) {
  if (!head) return [];
  if (node.spark?.sensor === head.sensor && node.spark.field === head.field) return node.spark.points;
  const source = `${head.sensor} ${head.field}`;
  const at = node.t?.[head.sensor];
  if (slot.trail?.source !== source) slot.trail = {source, at, points: [head.value]};
  else if (slot.trail.at !== at) slot.trail = {source, at, points: [...slot.trail.points, head.value].slice(-TRAIL)};
  return slot.trail.points;
}

/** Draw the tile's line if it has changed; it knows its size from the wall's observer. */
export function patchSpark(slot, again = false) {
  if (!slot.seen || !slot.size || (slot.drawn === slot.points && !again)) return;
  slot.drawn = slot.points;
  drawSpark(slot.parts.spark, slot.points, slot.size, token(slot.live ? "--accent" : "--text-3"));
}

/** The tile lights up for a moment when its node reports an event. */
export function flash(slot) {
  clearTimeout(slot.flashing);
  slot.classList.add("flash");
  slot.flashing = setTimeout(() => slot.classList.remove("flash"), FLASH_MS);
}

/** What this node said to the command of the moment; no row takes the mark away. */
export function patchAnswer(slot, row) {
  setHidden(slot.parts.answer, !row);
  setAttribute(slot, "data-answer", row ? (heard(row) ? "heard" : row.st) : null);
  if (!row) return;
  const refused = row.st === "waiting" ? "…" : `✕ ${row.st}`;
  setText(slot.parts.answer, heard(row) ? `✓ ${roundTrip(row.ms)}` : refused);
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}
