// What of a node's values is said of it on the wall: one in big digits, the others in small ones, any one by choice.
// Pure functions of the node; a quantity is chosen by what it measures, so that one choice fits all sensors.

import {fieldOf, inOrder, MISSING, number, withUnit} from "./units.js";

export const STATE = "state"; // instead of a quantity: the node's state

/** "temperature,Cel": the same key for every sensor that measures it in this unit. */
export function keyOf(node, sensor, field) {
  const [unit, quantity] = fieldOf(node, sensor, field);
  return `${quantity},${unit}`;
}

/** Every quantity of these nodes: Map of key -> {quantity, unit, nodes: how many have it}, the most common first. */
export function quantities(nodes) {
  const found = new Map();
  for (const node of nodes) {
    const own = new Map();
    for (const [sensor, fields] of Object.entries(node.v ?? {})) {
      for (const field of Object.keys(fields)) own.set(keyOf(node, sensor, field), fieldOf(node, sensor, field));
    }
    for (const [key, [unit, quantity]] of own) {
      const entry = found.get(key) ?? {quantity, unit, nodes: 0};
      entry.nodes += 1;
      found.set(key, entry);
    }
  }
  return new Map([...found].sort(([a, {nodes: m}], [b, {nodes: n}]) => n - m || (a < b ? -1 : 1)));
}

/** The key of what most of these nodes have as their own headline, or "state" if none has one. */
export function commonest(nodes) {
  const votes = new Map();
  for (const node of nodes) {
    const head = headline(node);
    if (!head) continue;
    const key = keyOf(node, head.sensor, head.field);
    votes.set(key, (votes.get(key) ?? 0) + 1);
  }
  const [most] = [...votes].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return most?.[0] ?? STATE;
}

/**
 * The value that stands for the node: {sensor, field, unit, value}, or null. Of the quantity `key` if one was chosen;
 * else what its line is drawn of, else the first field of its first sensor.
 */
export function headline(node, key = "") {
  if (key && key !== STATE) {
    for (const [sensor, fields] of inOrder(node.v)) {
      for (const [field] of inOrder(fields)) if (keyOf(node, sensor, field) === key) return reading(node, sensor, field);
    }
    return null;
  }
  if (node.spark) return reading(node, node.spark.sensor, node.spark.field);
  for (const [sensor, fields] of inOrder(node.v)) {
    const field = "temp" in fields ? "temp" : Object.keys(fields)[0];
    if (field) return reading(node, sensor, field);
  }
  return null;
}

function reading(node, sensor, field) {
  const fields = node.v?.[sensor] ?? {};
  const length = isVector(fields) && ["ax", "ay", "az"].includes(field) ? vector(fields) : fields[field];
  return {sensor, field, unit: fieldOf(node, sensor, field)[0], value: length ?? null};
}

/** One text for each quantity that is not the headline; three axes become the length of their vector. */
export function minor(node, head) {
  const said = new Set(head ? [fieldOf(node, head.sensor, head.field)[1]] : []);
  const texts = [];
  for (const [sensor, fields] of inOrder(node.v)) {
    if (isVector(fields)) {
      const [unit, quantity] = fieldOf(node, sensor, "ax");
      if (!said.has(quantity)) texts.push(withUnit(vector(fields), unit));
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

function isVector({ax, ay, az}) {
  return typeof ax === "number" && typeof ay === "number" && typeof az === "number";
}

function vector({ax, ay, az}) {
  return Math.hypot(ax, ay, az);
}
