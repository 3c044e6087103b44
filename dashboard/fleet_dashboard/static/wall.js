// The wall: every node as a tile in a fixed order, with alerts, leaderboard and ticker beside it.
// Owns its part of the document while it is shown; what it shows comes from the Fleet it is given.

import {glyph, h, patchList, perFrame, setAttribute, setHidden, setText} from "./dom.js";
import {Board} from "./leaderboard.js";
import {Ticker} from "./ticker.js";
import {flash, makeTile, patchAge, patchAnswer, patchSpark, patchTile} from "./tile.js";

const ANSWERS_SHOWN_MS = 8000;

export class Wall {
  constructor(fleet, query) {
    this.fleet = fleet;
    this.dirty = new Set();
    this.events = [];
    this.relist = true;
    this.answers = null;
    this.tiles = h("ul", {class: "tiles", "aria-label": "Nodes"});
    this.empty = h("div", {class: "empty", hidden: true});
    this.search = h("input", {
      type: "search",
      placeholder: "Find a node",
      "aria-label": "Find a node by name, id or sensor",
      value: query.get("q"),
      oninput: () => this.filterChanged(),
    });
    this.group = h(
      "select",
      {"aria-label": "Show only a group", onchange: () => this.filterChanged()},
      h("option", {value: ""}, "All groups"),
    );
    this.wanted = query.get("group") ?? "";
    this.shown = h("span", {class: "shown", role: "status"});
    this.alerts = h("ul", {class: "alerts", "aria-label": "Alerts"});
    this.board = new Board(fleet, {rows: 8});
    this.ticker = new Ticker(fleet);
    this.element = h(
      "div",
      {class: "wall"},
      h("h1", {class: "unseen"}, "All nodes"),
      h(
        "div",
        {class: "field"},
        h("div", {class: "filters", role: "search"}, this.search, this.group, this.shown),
        this.tiles,
        this.empty,
      ),
      h("aside", {class: "side"}, this.alerts, this.board.element, this.ticker.element),
    );
    this.paint = perFrame(() => this.patch());
    this.redraw = () => this.patchSparks();
    this.resizer = new ResizeObserver(this.redraw);
  }

  show() {
    this.unsubscribe = this.fleet.subscribe((change) => this.take(change));
    addEventListener("themechange", this.redraw);
    this.resizer.observe(this.tiles);
    this.board.show();
    this.ticker.show();
    if (this.fleet.ready) this.take({nodes: new Set(this.fleet.nodes.keys()), events: [], moved: [], all: true});
  }

  hide() {
    this.unsubscribe();
    removeEventListener("themechange", this.redraw);
    this.resizer.disconnect();
    this.board.hide();
    this.ticker.hide();
  }

  take(change) {
    for (const id of change.nodes) this.dirty.add(id);
    this.events.push(...change.events);
    if (change.all || [...change.nodes].some((id) => this.nameMoved(id))) this.relist = true;
    if (change.rollcall) this.answered(change.rollcall);
    this.paint();
  }

  /** Does this change alter who is listed or in which order? */
  nameMoved(id) {
    const node = this.fleet.nodes.get(id);
    const slot = this.tiles.keyed?.get(id);
    return !node || !slot || slot.parts.name.textContent !== (node.name || node.id);
  }

  patch() {
    if (this.relist || this.search.value || this.group.value) this.list();
    for (const id of this.dirty) {
      const slot = this.tiles.keyed?.get(id);
      const node = this.fleet.nodes.get(id);
      if (!slot || !node) continue;
      patchTile(slot, node);
      if (slot.points !== node.spark?.points) patchSpark(slot, node);
      slot.points = node.spark?.points;
    }
    for (const event of this.events) {
      if (event.type === "release") continue;
      const slot = this.tiles.keyed?.get(event.node);
      if (slot) flash(slot);
    }
    this.dirty.clear();
    this.events = [];
    this.relist = false;
    this.patchAlerts();
    this.tick();
  }

  list() {
    this.patchGroups();
    const all = this.fleet.sorted();
    const listed = all.filter((node) => this.matches(node));
    const update = (slot, node) => {
      patchTile(slot, node);
      this.dirty.add(node.id);
    };
    setAttribute(this.tiles, "data-density", density(listed.length));
    patchList(this.tiles, listed, (node) => node.id, makeTile, update);
    setText(this.shown, listed.length === all.length ? "" : `${listed.length} of ${all.length} shown`);
    this.patchEmpty(all.length, listed.length);
  }

  matches(node) {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = [node.id, node.name, node.state, ...(node.groups ?? []), ...Object.keys(node.v ?? {})]
      .join(" ")
      .toLowerCase();
    return words.every((word) => text.includes(word)) && (!this.group.value || node.groups?.includes(this.group.value));
  }

  patchGroups() {
    const groups = this.fleet.groups();
    const known = [...this.group.options].slice(1).map((option) => option.value);
    if (known.join() !== groups.join()) {
      const wanted = this.group.value || this.wanted;
      this.group.replaceChildren(
        h("option", {value: ""}, "All groups"),
        ...groups.map((name) => h("option", {value: name}, name)),
      );
      this.group.value = groups.includes(wanted) ? wanted : "";
    }
    setHidden(this.group, !groups.length);
  }

  filterChanged() {
    const query = new URLSearchParams();
    if (this.search.value) query.set("q", this.search.value);
    if (this.group.value) query.set("group", this.group.value);
    this.wanted = this.group.value;
    history.replaceState(null, "", query.size ? `/?${query}` : "/");
    this.relist = true;
    this.paint();
  }

  patchEmpty(all, listed) {
    setHidden(this.empty, listed > 0);
    if (listed) return;
    const kind = all ? "filtered" : `none ${this.fleet.broker.url_public}`;
    if (this.empty.kind === kind) return;
    this.empty.kind = kind;
    this.empty.replaceChildren(...(all ? filteredOut() : noNodes(this.fleet)));
  }

  patchAlerts() {
    const make = (alert) =>
      h("li", {}, glyph("state-lost"), h("b", {}, alert.node || alert.kind), " ", h("span", {}, alert.text));
    patchList(this.alerts, this.fleet.alerts.slice(0, 4), (alert) => `${alert.id} ${alert.text}`, make);
    setHidden(this.alerts, !this.fleet.alerts.length);
  }

  answered(rollcall) {
    this.answers = {rollcall, until: this.fleet.clock() + ANSWERS_SHOWN_MS};
    const rows = new Map(rollcall.rows.map((row) => [row.node, row]));
    for (const [id, slot] of this.tiles.keyed ?? []) patchAnswer(slot, rows.get(id));
  }

  /** Twice a second, and after every change: what only time alters. */
  tick() {
    const now = this.fleet.now();
    for (const [id, slot] of this.tiles.keyed ?? []) {
      const node = this.fleet.nodes.get(id);
      if (node) patchAge(slot, node, now);
    }
    if (this.answers && this.fleet.clock() > this.answers.until) {
      this.answers = null;
      for (const slot of this.tiles.keyed?.values() ?? []) patchAnswer(slot, null);
    }
    this.ticker.tick();
  }

  patchSparks() {
    for (const [id, slot] of this.tiles.keyed ?? []) {
      if (this.fleet.nodes.has(id)) patchSpark(slot, this.fleet.nodes.get(id));
    }
  }
}

// The more nodes, the smaller the tiles: 30 still fit on a projector without scrolling.
function density(tiles) {
  return tiles <= 6 ? "roomy" : tiles <= 12 ? "normal" : tiles <= 40 ? "snug" : "dense";
}

function filteredOut() {
  return [h("h2", {}, "No node matches"), h("p", {}, "Clear the search or choose another group.")];
}

function noNodes(fleet) {
  const url = fleet.broker.url_public || "mqtt://127.0.0.1:1883";
  return [
    h("h2", {}, "No node has said hello yet"),
    h("p", {}, "Start five simulated nodes on this computer:"),
    h("pre", {}, "fleet sim up 5"),
    h("p", {}, "or one of your own, from the project folder:"),
    h("pre", {}, `FLEET_NODE=ada FLEET_BROKER=${url} micropython node/main.py`),
    h("p", {}, "A board needs the same broker in its config.json. Nodes appear here by themselves."),
  ];
}
