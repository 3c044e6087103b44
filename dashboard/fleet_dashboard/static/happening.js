// What a happening is in words and shapes: one table for the timeline and the replay. Text out of rows; owns nothing.

import {glyph, h} from "./dom.js";
import {clock} from "./units.js";

// What one can choose to see -> the kinds of the API, and its name.
export const CHOICES = {
  "": ["", "All"],
  nodes: ["birth,state", "Nodes"],
  alerts: ["alert", "Alerts"],
  commands: ["command", "Commands"],
  rounds: ["round", "Rounds"],
  host: ["host", "Dashboard"],
};

// kind and word -> [shape of the sprite, tone, what is said behind the name]
const WORDS = {
  "birth new": ["state-online", "good", "joined"],
  "birth boot": ["state-online", "good", "started again"],
  "birth again": ["state-silent", "warn", "an earlier start speaks again"],
  "state online": ["state-online", "good", "is back"],
  "state sleeping": ["state-sleeping", "rest", "sleeps"],
  "state offline": ["state-offline", "rest", "said goodbye"],
  "state lost": ["state-lost", "bad", "is lost"],
  "state silent": ["state-silent", "warn", "is silent"],
  "state forgotten": ["mark-no", "rest", "was forgotten"],
  "alert raised": ["state-lost", "bad", "Alert"],
  "alert cleared": ["mark-yes", "good", "Over"],
  "command sent": ["mark-waiting", "rest", "Command"],
  "round started": ["state-online", "accent", "Round started"],
  "round ended": ["mark-yes", "accent", "Round ended"],
  "round called-off": ["mark-no", "rest", "Round called off"],
  "host started": ["state-online", "good", "Dashboard started"],
  "host stopped": ["state-offline", "rest", "Dashboard stopped"],
  "host died": ["state-lost", "bad", "Dashboard ended"],
  "host link-lost": ["state-lost", "bad", "Link to the broker lost"],
  "host link-back": ["state-online", "good", "Link to the broker is back"],
  "host clock": ["mark-waiting", "warn", "The computer's clock was set"],
};

/** {shape, tone, word, about, text} of a row; `guide` is the table of the API. */
export function describe(row, guide = {}) {
  const [shape, tone, word] = WORDS[`${row.kind} ${row.word}`] ?? ["mark-waiting", "rest", row.word];
  const title = guide[row.about]?.title ?? row.about;
  const about = row.kind === "alert" ? title : row.kind === "command" ? row.about : "";
  const many = row.n > 1 ? `${row.n} changes until ${clock(row.until)}, this was the last` : "";
  const text = row.node && row.text.startsWith(row.node) ? row.text : sentence(row.text); // an id is never written large
  return {shape, tone, word, about, text: [many, text].filter(Boolean).join(" · ")};
}

/** The link to a node by its name now, or a target in words: "all nodes", "group red". */
export function who(id, fleet) {
  if (!id) return null;
  if (id === "_all") return h("b", {}, "all nodes");
  if (id.startsWith("_")) return h("b", {}, `group ${id.slice(1)}`);
  return h("a", {href: `/node/${encodeURIComponent(id)}`}, fleet.nodes.get(id)?.name || id);
}

export function shapeOf(row) {
  const {shape, tone} = describe(row);
  const svg = glyph(shape);
  svg.dataset.tone = tone;
  return svg;
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}
