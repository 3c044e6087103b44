// What is wrong now and what to do about it; below, what happened, newest first. Loaded when first wanted.
// Owns the rows it has loaded; what a row means is in happening.js.

import {ApiError, get} from "./api.js";
import {glyph, h, loadStyle, patchList, perFrame, setAttribute, setHidden, setText} from "./dom.js";
import {CHOICES, describe, shapeOf, who} from "./happening.js";
import {clock, span} from "./units.js";

await loadStyle("/static/timeline.css");

const PAGE = 100;
const MOST = 3000; // rows on the page; older ones are a replay or the API away
const LOST_NAMED = 12;
const AGAIN_MS = 3000;

export class TimelinePage {
  constructor(fleet, query) {
    this.fleet = fleet;
    this.rows = new Map(); // by id, newest first in `sorted`
    this.guide = {};
    this.before = null;
    this.asked = 0;
    this.choice = query.get("kind") in CHOICES ? query.get("kind") : "";
    this.node = query.get("node") ?? "";
    this.group = query.get("group") ?? "";
    this.makeNow();
    this.makePast();
    this.element = h("div", {class: "timeline"}, h("h1", {class: "unseen"}, "Timeline"), this.now, this.past);
    this.paint = perFrame(() => this.patch());
  }

  makeNow() {
    this.cards = h("ul", {class: "cards"});
    this.well = h("p", {class: "well"}, glyph("mark-yes"), h("span", {}, "Nothing: no alert is open, and no node is lost."));
    this.now = h("section", {class: "now", "aria-label": "Wrong now"}, h("h2", {}, "Wrong now"), this.well, this.cards);
  }

  makePast() {
    const tab = ([name, [, title]]) => {
      const choose = () => this.choose({choice: name});
      return h("button", {type: "button", "data-choice": name, onclick: choose}, title);
    };
    this.tabs = h("div", {class: "tabs", role: "group", "aria-label": "Show only"}, ...Object.entries(CHOICES).map(tab));
    const select = (label, change) => h("select", {"aria-label": label, onchange: (event) => change(event.target.value)});
    this.groups = select("Show only a group", (group) => this.choose({group, node: ""}));
    this.nodes = select("Show only a node", (node) => this.choose({node, group: ""}));
    this.list = h("ol", {class: "happenings"});
    this.problem = h("p", {class: "problem", role: "alert", hidden: true});
    this.more = h("button", {type: "button", class: "more", hidden: true, onclick: () => this.load()}, "Earlier");
    this.end = h("p", {class: "hint", role: "status"});
    this.empty = h("div", {class: "nothing", hidden: true});
    this.past = h(
      "section",
      {class: "past", "aria-label": "What happened"},
      h("header", {}, h("h2", {}, "What happened"), this.tabs, this.groups, this.nodes),
      this.problem,
      this.list,
      this.empty,
      this.more,
      this.end,
    );
  }

  show() {
    this.unsubscribe = this.fleet.subscribe((change) => this.take(change));
    this.reload();
    this.paint();
  }

  hide() {
    this.unsubscribe();
  }

  /** Ages of what is lost, and another try where the dashboard did not answer. */
  tick() {
    this.patchNow();
    if (this.failed !== undefined && this.fleet.clock() - this.failed > AGAIN_MS) this.load();
  }

  take(change) {
    if (change.all && this.loaded) this.reload(); // a snapshot says nothing of what happened meanwhile
    for (const row of change.happenings ?? []) if (this.wants(row)) this.rows.set(row.id, row);
    this.paint();
  }

  wants(row) {
    const [kinds] = CHOICES[this.choice];
    if (kinds && !kinds.split(",").includes(row.kind)) return false;
    if (this.node) return row.node === this.node;
    return !this.group || row.node === `_${this.group}` || this.fleet.nodes.get(row.node)?.groups?.includes(this.group);
  }

  choose(what) {
    Object.assign(this, what);
    const query = this.query({kind: this.choice});
    history.replaceState(null, "", query.size ? `/timeline?${query}` : "/timeline");
    this.reload();
    this.paint();
  }

  query(more) {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries({...more, node: this.node, group: this.group})) {
      if (value) query.set(key, value);
    }
    return query;
  }

  reload() {
    this.rows.clear();
    this.before = null;
    this.load();
  }

  /** The next page; one that was asked for before somebody chose otherwise is thrown away. */
  async load() {
    const asked = ++this.asked;
    this.failed = undefined;
    setAttribute(this.more, "disabled", "");
    const query = this.query({kind: CHOICES[this.choice][0], before: this.before, limit: PAGE});
    try {
      const answer = await get(`/api/timeline?${query}`);
      if (asked !== this.asked) return;
      if (!answer) throw new ApiError("The dashboard takes too long to answer. It is asked again.");
      for (const row of answer.happenings) if (!this.rows.has(row.id)) this.rows.set(row.id, row);
      this.before = answer.before;
      this.guide = answer.guide;
      this.loaded = true;
      setHidden(this.problem, true);
    } catch (error) {
      if (asked !== this.asked) return;
      this.failed = this.fleet.clock();
      setText(this.problem, error.message);
      setHidden(this.problem, false);
    }
    setAttribute(this.more, "disabled", null);
    this.paint();
  }

  patch() {
    this.patchNow();
    this.patchFilters();
    this.patchRows();
  }

  patchNow() {
    const lost = this.fleet.sorted().filter((node) => node.state === "lost");
    const alerts = this.fleet.alerts.map((alert) => ({key: alert.id, kind: alert.kind, alert}));
    const open = lost.length ? [...alerts, {key: "lost", kind: "lost", lost}] : alerts;
    patchList(this.cards, open, ({key}) => key, makeCard, (card, one) => this.patchCard(card, one));
    setHidden(this.well, open.length > 0 || !this.fleet.ready);
  }

  patchCard(card, {kind, alert, lost}) {
    const {title, means, do: remedy} = this.guide[kind] ?? {title: kind, means: "", do: ""};
    const {parts} = card;
    setAttribute(card, "data-kind", kind);
    setText(parts.title, lost ? (lost.length === 1 ? "A node is lost" : `${lost.length} nodes are lost`) : title);
    const begins = alert && [alert.node, this.fleet.nodes.get(alert.node)?.name].some((id) => id && alert.text.startsWith(id));
    setText(parts.text, alert ? `${begins ? alert.text : sentence(alert.text)}.` : ""); // an id is never written large
    setHidden(parts.text, !alert);
    setText(parts.means, means);
    patchRemedy(parts.remedy, remedy);
    setHidden(parts.advice, !remedy);
    const named = lost?.slice(0, LOST_NAMED).map(({id}) => id) ?? [alert.node].filter(Boolean);
    patchList(parts.who, named, (id) => id, (id) => h("li", {}, who(id, this.fleet), h("span", {})), (item, id) => {
      const node = this.fleet.nodes.get(id);
      const since = lost ? node.since : alert.ts;
      setText(item.lastChild, `for ${span(this.fleet.now() - since)}`);
      if (node && item.firstChild.tagName === "A") setText(item.firstChild, node.name || id);
    });
    const rest = lost ? lost.length - named.length : 0;
    setText(parts.rest, rest ? `and ${rest} more` : "");
  }

  patchFilters() {
    for (const button of this.tabs.children) {
      setAttribute(button, "aria-pressed", String(button.dataset.choice === this.choice));
    }
    const nodes = this.fleet.sorted().map(({id, name}) => [id, name && name !== id ? `${name} (${id})` : id]);
    options(this.nodes, [["", "All nodes"], ...nodes], this.node);
    const groups = this.fleet.groups();
    options(this.groups, [["", "All groups"], ...groups.map((name) => [name, name])], this.group);
    setHidden(this.groups, !groups.length && !this.group);
  }

  patchRows() {
    const sorted = [...this.rows.values()].sort((a, b) => b.t - a.t || b.id - a.id).slice(0, MOST);
    const items = [];
    let day = null;
    let hour = null;
    for (const row of sorted) {
      const date = new Date(row.t);
      if (date.toDateString() !== day) items.push({key: `d ${(day = date.toDateString())}`, day: dayOf(date)});
      const start = `${day} ${date.getHours()}`;
      if (start !== hour) items.push({key: `h ${(hour = start)}`, hour: `${clock(row.t).slice(0, 2)}:00`});
      items.push({key: `r ${row.id}`, row});
    }
    const make = (item) => (item.row ? makeRow(item.row) : makeHeading(item));
    patchList(this.list, items, ({key}) => key, make, (element, {row}) => row && this.patchRow(element, row));
    setHidden(this.more, !this.before || sorted.length >= MOST);
    setHidden(this.empty, !this.loaded || sorted.length > 0);
    if (!this.empty.hidden) this.patchEmpty();
    const all = sorted.length >= MOST ? "Older ones: choose a node or a kind." : "That is all that is kept.";
    setText(this.end, sorted.length && (!this.before || sorted.length >= MOST) ? all : "");
  }

  patchRow(element, row) {
    const called = this.fleet.nodes.get(row.node)?.name; // a node joins before it has said its name
    if (element.row === row && element.guide === this.guide && element.called === called) return;
    [element.row, element.guide, element.called] = [row, this.guide, called];
    const {word, about, text} = describe(row, this.guide);
    const name = who(row.node, this.fleet);
    const said = row.kind === "birth" || row.kind === "state" ? [name, " ", h("b", {}, word)] : [h("b", {}, word)];
    if (row.kind === "command") said.push(" ", h("code", {}, about), " to ", name);
    if (row.kind === "alert") said.push(": ", about, name && ", ", name);
    element.parts.shape.replaceChildren(shapeOf(row));
    element.parts.what.replaceChildren(...said.filter(Boolean));
    setText(element.parts.text, text);
    setHidden(element.parts.text, !text);
    const advice = row.kind === "alert" && row.word === "raised" ? row.about : row.kind === "state" ? row.word : "";
    const remedy = this.guide[advice]?.do ?? "";
    patchRemedy(element.parts.remedy, remedy);
    setHidden(element.parts.help, !remedy);
  }

  patchEmpty() {
    const filtered = this.choice || this.node || this.group;
    const [title, text] = filtered
      ? ["Nothing of this kind", "Choose All, or another node or group."]
      : [
          "Nothing has happened yet",
          "Here you will see each node that joins, starts again, sleeps or is lost, every alert with what to do, the " +
            "commands you send with who answered, and rounds with who won.",
        ];
    if (this.empty.title === title) return;
    this.empty.title = title;
    this.empty.replaceChildren(h("h3", {}, title), h("p", {}, text));
  }
}

/** A sentence of the guide: what stands between backticks is to be typed. */
function patchRemedy(element, text) {
  if (element.said === text) return;
  element.said = text;
  element.replaceChildren(...text.split("`").map((part, place) => (place % 2 ? h("code", {}, part) : part)));
}

function options(select, wanted, value) {
  const known = wanted.map((pair) => pair.join("\n")).join("\n\n");
  if (select.known !== known) {
    select.known = known;
    select.replaceChildren(...wanted.map(([id, name]) => h("option", {value: id}, name)));
    if (!wanted.some(([id]) => id === value)) select.append(h("option", {value}, value));
  }
  if (select.value !== value) select.value = value;
}

function makeCard() {
  const parts = {
    title: h("h3", {}),
    who: h("ul", {class: "who"}),
    rest: h("span", {class: "rest"}),
    text: h("p", {class: "text"}),
    means: h("p", {class: "means"}),
    remedy: h("span", {}),
  };
  parts.advice = h("p", {class: "remedy"}, h("b", {}, "What to do"), parts.remedy);
  const named = h("div", {class: "named"}, parts.who, parts.rest);
  const head = h("div", {}, h("header", {}, glyph("state-lost"), parts.title), named);
  const card = h("li", {class: "card"}, head, h("div", {}, parts.text, parts.means), parts.advice);
  card.parts = parts;
  return card;
}

function makeHeading({day, hour}) {
  return day ? h("li", {class: "day"}, h("h3", {}, day)) : h("li", {class: "hour"}, hour);
}

function makeRow(row) {
  const parts = {
    shape: h("span", {class: "shape"}),
    what: h("p", {class: "what"}),
    text: h("p", {class: "text"}),
    remedy: h("p", {}),
  };
  parts.help = h("details", {class: "help"}, h("summary", {}, "What to do"), parts.remedy);
  const time = h("time", {datetime: new Date(row.t).toISOString()}, clock(row.t));
  const again = h("a", {class: "again", href: `/replay?at=${row.t}`, title: "Replay from here"}, "Replay");
  again.setAttribute("aria-label", `Replay from ${clock(row.t)}`);
  const item = h(
    "li",
    {class: "happening", "data-kind": row.kind, "data-word": row.word},
    time,
    parts.shape,
    h("div", {class: "body"}, parts.what, parts.text, parts.help),
    again,
  );
  item.parts = parts;
  return item;
}

function dayOf(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86400e3);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return date.toLocaleDateString("en-GB", {weekday: "long", day: "numeric", month: "long", year: "numeric"});
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) : "";
}
