// What can be asked of nodes, as forms: the commands that they declare in `meta`, and fields for typed, bounded
// arguments. The server and the node check them again.

import {h, setAttribute, setText} from "./dom.js";

// In the order of a lesson; what is not named here follows in alphabetical order.
const ORDER = ["identify", "buzz", "led", "say", "echo", "mute", "pause", "period", "groups", "name", "rebirth", "reset"];
const LABELS = new Map([["hz", "Hz"], ["s", "seconds"]]); // a Map: an argument may be called constructor

export function labelOf(argument) {
  return LABELS.get(argument) ?? argument;
}

/** [{name, spec, count}]: every command that one of these nodes knows, and how many of them do. */
export function knownCommands(nodes) {
  const commands = new Map();
  for (const node of nodes) {
    for (const [name, spec] of Object.entries(node.meta?.commands ?? {})) {
      const known = commands.get(name);
      if (known) known.count += 1;
      else commands.set(name, {name, spec, count: 1});
    }
  }
  const rank = ({name}) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
  return [...commands.values()].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** One field for [name, type, low, high, default?]; without a default it must be filled in. Its limits stand below. */
export function makeField([name, kind, low, high, ...preset], prefix) {
  const id = `${prefix}-${name}`;
  const limits = h("small", {id: `${id}-limits`, class: "limits"}, inWords(kind, low, high));
  const shared = {id, name, "aria-describedby": limits.id};
  const required = !preset.length && kind !== "b" && (kind !== "s" || low > 0);
  let input;
  if (kind === "b") {
    input = h("input", {...shared, type: "checkbox"});
    input.checked = preset[0] ?? true;
  } else if (kind === "s") {
    const bounds = {minlength: low, maxlength: high, autocomplete: "off"};
    input = h("input", {...shared, ...bounds, type: "text", value: preset[0], required});
  } else {
    const bounds = {min: low, max: high, step: kind === "i" ? 1 : "any"};
    input = h("input", {...shared, ...bounds, type: "number", value: preset[0], required});
  }
  const judge = () => {
    const bad = !input.validity.valid;
    setAttribute(input, "aria-invalid", bad ? "true" : null);
    setText(limits, bad && kind === "i" ? `a whole number, ${low} to ${high}` : inWords(kind, low, high));
  };
  input.addEventListener("input", judge);
  input.addEventListener("invalid", judge);
  return h("div", {class: `argument argument-${kind}`}, h("label", {for: id}, labelOf(name)), input, limits);
}

function inWords(kind, low, high) {
  if (kind === "b") return "yes or no";
  if (kind !== "s") return `${low} to ${high}`;
  return low > 0 ? `${low} to ${high} characters` : `up to ${high} characters`;
}

/** What was filled in; an empty field is left out, so that the node takes its own default. */
export function readArgs(form, spec) {
  const args = {};
  for (const [name, kind] of spec) {
    const input = form.elements.namedItem(name);
    if (kind === "b") args[name] = input.checked;
    else if (kind === "s" && input.value) args[name] = input.value;
    else if (kind !== "s" && input.value !== "") args[name] = Number(input.value);
  }
  return args;
}

/** The roll-call of a command that was just taken, before the first answer. */
export function begun({id, expected}, target, name, args) {
  return {id, target, name, args, done: false, rows: expected.map((node) => ({node, st: "waiting", ms: null, err: null}))};
}
