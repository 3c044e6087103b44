// The account of delivery of one node, in the words of whoever teaches with it: of each start (boot) of the node,
// what was taken, what of it is stored, and why the rest is not. Text out of numbers; owns nothing.

import {glyph, h, patchList, setAttribute, setGlyph, setText} from "./dom.js";
import {moment} from "./units.js";

const SHOWN = 5; // the newest; of the older ones only those of which not all is stored
const RANGES = 4;
const MARKS = {good: "mark-yes", warn: "mark-waiting", bad: "mark-no", unknown: "mark-silent"};

/** A line for each boot of /api/nodes/<id>, newest first, and one for all those that are not worth a line. */
export function patchDeliveries(list, boots, node) {
  const lines = boots.map((boot) => ({key: boot.boot, ...describe(boot, node)}));
  const shown = lines.filter((line, index) => index < SHOWN || !line.whole);
  const older = lines.length - shown.length;
  if (older) shown.push({key: "older", level: "good", what: `${exact(older)} earlier starts, all stored`, more: []});
  if (!boots.length) shown.push({key: "none", level: "unknown", what: "No readings yet.", more: []});
  patchList(list, shown, ({key}) => key, make, patch);
}

/** {level, what, more: [[text, level]], when, whole} of one boot. */
export function describe(boot, node) {
  const now = node.state === "online" && node.boot === boot.boot;
  const when = `${now ? "now" : `until ${moment(boot.seen)}`} · boot ${boot.boot}`;
  if (!boot.counted) {
    const what = `${readings(boot.stored)} stored, of how many is not known`;
    return {level: "unknown", what, more: [["The node or the dashboard was too old to count."]], when};
  }
  const {taken, stored, missing, dropped, gone, before, twice, expired = 0} = boot;
  const more = [];
  const say = (number, text, level) => number > 0 && more.push([`${exact(number)} ${text}`, level]);
  const asked = node.state === "online" ? "asked for" : "asked for when the node is back";
  say(missing, `missing${which(boot)}: ${asked}`, "warn");
  say(gone, "gone for good: the node has them no more", "bad");
  say(dropped, "dropped: the node's journal was full", "warn");
  say(expired, "stored once and deleted since: kept for so long only");
  say(before, "from before this dashboard knew this start");
  say(twice, "came twice, stored once");
  const wrong = taken !== stored + expired + missing + dropped + gone + before;
  if (wrong) more.unshift(["The numbers contradict each other: please report it.", "bad"]);
  if (!boot.timed) more.push(["Times: no later than shown. This start was not heard live."]);
  const level = wrong || gone ? "bad" : missing || dropped ? "warn" : "good";
  return {level, what: summary(taken, stored + expired), more, when, whole: !wrong && taken === stored + expired};
}

function summary(taken, stored) {
  if (!taken) return "No readings taken yet.";
  const all = taken === 1 ? "stored" : "all stored";
  return `${readings(taken)} taken, ${taken === stored ? all : `${exact(stored)} stored`}`;
}

function readings(number) {
  return `${exact(number)} ${number === 1 ? "reading" : "readings"}`;
}

/** An account is exact or it is none: no "1.2 M" here. */
function exact(number) {
  return number.toLocaleString("en");
}

/** " (41-43, 50)": the first ranges of what is missing. */
function which({missing, ranges}) {
  const shown = ranges.slice(0, RANGES);
  const listed = shown.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const texts = shown.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return texts.length ? ` (${texts.join(", ")}${missing > listed ? ", …" : ""})` : "";
}

function make() {
  const parts = {mark: glyph("mark-yes"), what: h("p", {class: "delivery-what"}), more: h("ul", {})};
  parts.when = h("p", {class: "delivery-when"});
  const item = h("li", {}, parts.mark, h("div", {}, parts.what, parts.more, parts.when));
  item.parts = parts;
  return item;
}

function patch(item, {level, what, more, when = ""}) {
  setAttribute(item, "data-level", level);
  setGlyph(item.parts.mark, MARKS[level]);
  setText(item.parts.what, what);
  setText(item.parts.when, when);
  patchList(
    item.parts.more,
    more.map(([text, kind], index) => ({text, kind, index})),
    ({index}) => index,
    () => h("li", {}),
    (line, {text, kind}) => {
      setAttribute(line, "class", kind ? `delivery-more delivery-${kind}` : "delivery-more");
      setText(line, text);
    },
  );
}
