// One tile of the wall: builds it from the template in index.html and patches it from a node.
// Owns nothing but its element; what a node's values mean is in units.js.

import {setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {heard} from "./rollcall.js";
import {drawSpark} from "./spark.js";
import {ago, count, fieldOf, inOrder, MISSING, number, reason, roundTrip, shortfall, span, symbol, withUnit} from "./units.js";

const AGE_SHOWN_MS = 3000;
const FLASH_MS = 600;
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

/** Patch everything that a change of the node can change; ages are patchAge, the line is patchSpark. */
export function patchTile(slot, node) {
  const parts = slot.parts;
  setAttribute(slot, "data-state", node.state);
  setAttribute(slot, "data-node", node.id);
  setAttribute(parts.link, "href", `/node/${encodeURIComponent(node.id)}`);
  setGlyph(parts.glyph, `state-${node.state}`);
  setText(parts.name, node.name || node.id);
  setText(parts.id, node.id);
  setHidden(parts.id, !node.name || node.name === node.id);
  setText(parts.state, node.state);
  patchValues(parts, node);
  const event = node.told ?? node.event;
  setText(parts.event, event && !node.paused ? `${event.input} ${event.type}` : "");
  setText(parts.why, node.state === "online" && !node.paused ? "" : sentence(reason(node)));
  const missing = node.counts?.missing ?? 0; // what is gone or dropped nobody can mend: the node's page says it
  setText(parts.short, `${count(missing)} missing`);
  setHidden(parts.short, !missing);
}

function patchValues(parts, node) {
  const head = headline(node);
  const [unit] = head ? fieldOf(node, head.sensor, head.field) : [""];
  const value = head ? node.v[head.sensor]?.[head.field] : null;
  setText(parts.value, number(value, unit));
  setText(parts.unit, head && value == null ? "no reading" : symbol(unit));
  const told = [node.name || node.id, node.state, withUnit(value, unit), ...shortfall(node.counts)];
  setAttribute(parts.link, "aria-label", told.join(", "));
  setText(
    parts.minor,
    minor(node, head)
      .map((text) => text.replaceAll(" ", "\u00a0"))
      .join(" ·\u00a0"),
  );
}

/** The value in big digits: what the line is drawn of, else the first field of the first sensor. */
export function headline(node) {
  if (node.spark) return node.spark;
  for (const [sensor, fields] of inOrder(node.v)) {
    const field = "temp" in fields ? "temp" : Object.keys(fields)[0];
    if (field) return {sensor, field};
  }
  return null;
}

/** One text for each quantity that is not the headline; three axes become the length of their vector. */
function minor(node, head) {
  const said = new Set(head ? [fieldOf(node, head.sensor, head.field)[1]] : []);
  const texts = [];
  for (const [sensor, fields] of inOrder(node.v)) {
    if (typeof fields.ax === "number" && typeof fields.ay === "number" && typeof fields.az === "number") {
      const [unit, quantity] = fieldOf(node, sensor, "ax");
      if (!said.has(quantity)) texts.push(withUnit(Math.hypot(fields.ax, fields.ay, fields.az), unit));
      said.add(quantity);
    }
    for (const [field, value] of inOrder(fields)) {
      const [unit, quantity] = fieldOf(node, sensor, field);
      if (said.has(quantity) || ["ax", "ay", "az"].includes(field)) continue;
      said.add(quantity);
      texts.push(unit ? withUnit(value, unit) : `${field} ${value == null ? MISSING : number(value, unit)}`);
    }
  }
  return texts;
}

export function patchAge(slot, node, now) {
  const age = node.last ? now - node.last : null;
  const limit = Math.max(AGE_SHOWN_MS, 2 * (node.period || 0));
  const old = node.state === "online" && age !== null && age > limit;
  const away = node.state !== "online" && node.since ? `for ${span(now - node.since)}` : "";
  setText(slot.parts.age, old ? ago(age) : away);
  setAttribute(slot, "data-old", old ? "" : null);
  const event = node.told ?? node.event;
  setAttribute(slot, "data-fresh-event", event && now - event.t < FRESH_MS ? "" : null);
}

export function patchSpark(slot, node) {
  const points = node.spark?.points ?? [];
  setAttribute(slot, "data-line", points.length > 1 ? "" : null);
  drawSpark(slot.parts.spark, points);
}

/** The tile lights up for a moment when its node reports an event. */
export function flash(slot) {
  slot.classList.remove("flash");
  void slot.offsetWidth; // restart the animation
  slot.classList.add("flash");
  setTimeout(() => slot.classList.remove("flash"), FLASH_MS);
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
