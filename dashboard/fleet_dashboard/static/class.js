// The roll of the class: everyone in one table, those with trouble first, why, and what to do. Loaded when first wanted.
// The dashboard judges (trouble.py), so that `fleet roll` says the same; this page asks once a second while it is shown.

import {get} from "./api.js";
import {glyph, h, loadStyle, patchList, setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {span} from "./units.js";

await loadStyle("/static/class.css");

const EVERY_MS = 1000;

export class ClassPage {
  constructor(fleet) {
    this.fleet = fleet;
    this.asked = -Infinity;
    this.headline = h("h1", {class: "roll-headline"}, "…");
    this.problem = h("p", {class: "problem roll-problem", role: "alert", hidden: true});
    this.rows = h("tbody", {});
    const heads = ["Name", "Id", "Group", "State", "For", "Why, and what to do"];
    this.table = h(
      "table",
      {class: "roll"},
      h("caption", {class: "unseen"}, "Everyone, those with trouble first"),
      h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", {scope: "col"}, head)))),
      this.rows,
    );
    this.empty = h("p", {class: "nothing", hidden: true}, "Nobody is here yet. Who switches a node on is listed here.");
    this.element = h("div", {class: "class-page"}, this.headline, this.problem, this.table, this.empty);
  }

  show() {
    document.title = "Class · Sensor Fleet";
    this.shown = true;
    this.ask();
  }

  hide() {
    this.shown = false;
  }

  tick() {
    if (this.fleet.clock() - this.asked >= EVERY_MS) this.ask();
  }

  /** One question at a time; an answer that comes after the page was left is not looked at. */
  async ask() {
    if (this.asking) return;
    this.asking = true;
    this.asked = this.fleet.clock();
    try {
      const roll = await get("/api/roll");
      if (this.shown) this.patch(roll);
    } catch (error) {
      if (this.shown) this.say(error.message);
    } finally {
      this.asking = false;
    }
  }

  say(sentence) {
    setText(this.problem, sentence);
    setHidden(this.problem, !sentence);
  }

  patch(roll) {
    setText(this.headline, sentence(roll.headline));
    setAttribute(this.headline, "data-level", roll.help ? "help" : "fine");
    this.say([roll.problem, ...roll.notes].filter(Boolean).map(sentence).join("\n"));
    patchList(this.rows, roll.nodes, ({id}) => id, makeRow, (row, one) => patchRow(row, one, roll.now));
    setHidden(this.table, !roll.nodes.length);
    setHidden(this.empty, roll.nodes.length > 0);
  }
}

function makeRow({id}) {
  const parts = {
    name: h("a", {href: `/node/${encodeURIComponent(id)}`}),
    id: h("code", {}, id),
    group: h("span", {}),
    mark: glyph("state-offline", "state-glyph"),
    state: h("span", {}),
    since: h("span", {}),
    why: h("p", {class: "roll-why"}),
    do: h("p", {class: "roll-do"}),
  };
  const row = h(
    "tr",
    {"data-node": id},
    h("th", {scope: "row", class: "roll-name"}, parts.name),
    h("td", {class: "roll-id"}, parts.id),
    h("td", {class: "roll-group"}, parts.group),
    h("td", {class: "roll-state"}, parts.mark, parts.state),
    h("td", {class: "roll-since"}, parts.since),
    h("td", {class: "roll-words"}, parts.why, parts.do),
  );
  row.parts = parts;
  return row;
}

function patchRow(row, one, now) {
  const {parts} = row;
  setAttribute(row, "data-level", one.level);
  setAttribute(row, "data-state", one.state);
  setAttribute(row, "data-kind", one.kind);
  setText(parts.name, one.name || one.id);
  setText(parts.group, one.groups.join(" "));
  setGlyph(parts.mark, one.state === "never" ? "mark-no" : `state-${one.state}`);
  setText(parts.state, one.state);
  setText(parts.since, one.since ? span(now - one.since) : "");
  setWords(parts.why, one.kind === "fine" ? "" : sentence(one.why));
  const remedy = one.level === "help" ? one.do : "";
  setWords(parts.do, remedy);
  setHidden(parts.do, !remedy);
}

/** Text in which `code` is marked as in this sentence. */
function setWords(element, text) {
  if (element.words === text) return;
  element.words = text;
  element.replaceChildren(...text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part)));
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}
