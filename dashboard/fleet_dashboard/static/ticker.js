// What happens in the fleet, newest first: presses, nodes that come and go, commands that end.
// Never faster than a line in half a second: a burst waits, and what waits too long is summed up.

import {h, patchList} from "./dom.js";
import {summary} from "./rollcall.js";
import {clock} from "./units.js";

const LINES = 12;
const PACE_MS = 500;
const QUEUE = 12;
const CAME_AND_WENT = {
  online: "is back",
  sleeping: "sleeps",
  offline: "said goodbye",
  lost: "is lost",
  silent: "is silent",
};

export class Ticker {
  constructor(fleet) {
    this.fleet = fleet;
    this.serial = 0;
    this.lines = [];
    this.waiting = [];
    this.shownAt = 0;
    this.list = h("ul", {class: "ticker-lines"});
    this.hint = h("p", {class: "hint"}, "Button presses and nodes that come and go appear here.");
    this.element = h(
      "section",
      {class: "ticker panel", "aria-label": "Events"},
      h("header", {}, h("h2", {}, "Events")),
      this.list,
      this.hint,
    );
  }

  show() {
    this.unsubscribe = this.fleet.subscribe((change) => this.take(change));
    this.filled = this.fleet.ready;
    this.fill();
  }

  hide() {
    this.unsubscribe();
  }

  take(change) {
    if (change.all && !this.filled) {
      this.filled = true;
      this.fill();
      return;
    }
    for (const event of change.events) if (event.type !== "release") this.queue(this.eventLine(event));
    for (const [node, from, to] of change.moved) this.queue(this.moveLine(node, from, to));
    const rollcall = change.rollcall;
    if (rollcall?.done && rollcall.id !== this.lastCommand) {
      this.lastCommand = rollcall.id;
      const text = summary(rollcall, (id) => this.fleet.nodes.get(id)?.name || id);
      this.queue({t: this.fleet.now(), name: rollcall.name, text, kind: "command"});
    }
    this.tick();
  }

  fill() {
    const told = this.fleet.events.filter((event) => event.type !== "release").slice(0, LINES);
    for (const event of told.reverse()) this.add(this.eventLine(event));
    this.patch();
  }

  queue(line) {
    this.waiting.push(line);
    if (this.waiting.length > QUEUE) {
      const rest = this.waiting.splice(0, this.waiting.length - QUEUE / 2);
      this.waiting.unshift({t: rest.at(-1).t, name: `${rest.length} events`, text: "in a burst", kind: "burst"});
    }
  }

  /** Show the next waiting line if it is time for one. */
  tick() {
    const now = this.fleet.clock();
    if (!this.waiting.length || now - this.shownAt < PACE_MS) return;
    this.shownAt = now;
    this.add(this.waiting.shift());
    this.patch();
  }

  add(line) {
    this.lines.unshift({...line, key: ++this.serial});
    this.lines.length = Math.min(this.lines.length, LINES);
  }

  patch() {
    patchList(this.list, this.lines, (line) => line.key, makeLine);
    this.hint.hidden = this.lines.length > 0;
  }

  eventLine(event) {
    const node = this.fleet.nodes.get(event.node);
    return {
      t: event.t,
      node: event.node,
      name: node?.name || event.node,
      text: `${event.input} ${event.type}`,
      kind: "event",
    };
  }

  moveLine(node, from, to) {
    const text = from === null ? "joined" : (CAME_AND_WENT[to] ?? to);
    return {t: this.fleet.now(), node: node.id, name: node.name || node.id, text, kind: to};
  }
}

function makeLine(line) {
  const name = line.node ? h("a", {href: `/node/${encodeURIComponent(line.node)}`}, line.name) : h("b", {}, line.name);
  return h("li", {"data-kind": line.kind}, h("time", {}, clock(line.t)), name, h("span", {}, line.text));
}
