// The wall: every node, as tiles or as a heat map, in an order that stays, with alerts, leaderboard and ticker beside.
// Owns its part of the document while it is shown; what it shows comes from the Fleet it is given.

import {glyph, h, patchList, perFrame, setHidden, setText} from "./dom.js";
import {Board} from "./leaderboard.js";
import {Ticker} from "./ticker.js";
import {HeatMap} from "./wall-map.js";
import {automatic, fits, matches, Order, sections} from "./wall-order.js";
import {Tiles} from "./wall-tiles.js";
import {View} from "./wall-view.js";

const ANSWERS_SHOWN_MS = 8000;
const FILTERS_REM = 4; // height of what stands above the tiles

export class Wall {
  constructor(fleet, query) {
    this.fleet = fleet;
    this.dirty = new Set();
    this.pressed = [];
    this.relist = true;
    this.answers = null;
    this.listed = new Map(); // id -> what the listing of the node depends on
    this.order = new Order();
    this.view = new View(query, () => this.chosen());
    this.tiles = new Tiles(fleet);
    this.map = new HeatMap(fleet);
    this.empty = h("div", {class: "empty", hidden: true});
    this.alerts = h("ul", {class: "alerts", "aria-label": "Alerts"});
    this.board = new Board(fleet, {rows: 8});
    this.ticker = new Ticker(fleet);
    this.field = h("div", {class: "field"}, this.view.element, this.tiles.element, this.map.element, this.empty);
    this.element = h(
      "div",
      {class: "wall"},
      h("h1", {class: "unseen"}, "All nodes"),
      this.field,
      h("aside", {class: "side", "aria-label": "Beside the nodes"}, this.alerts, this.board.element, this.ticker.element),
    );
    this.paint = perFrame(() => this.patch());
    this.fitted = perFrame(() => this.list());
  }

  show() {
    this.unsubscribe = this.fleet.subscribe((change) => this.take(change));
    document.addEventListener("click", this.view.close);
    addEventListener("resize", this.fitted);
    for (const part of [this.tiles, this.map]) part.open();
    for (const part of [this.board, this.ticker]) part.show();
    this.relist = true;
    if (this.fleet.ready) this.paint();
  }

  hide() {
    this.unsubscribe();
    document.removeEventListener("click", this.view.close);
    removeEventListener("resize", this.fitted);
    for (const part of [this.tiles, this.map]) part.close();
    for (const part of [this.board, this.ticker]) part.hide();
  }

  take(change) {
    for (const id of change.nodes) {
      this.dirty.add(id);
      if (this.listed.get(id) !== this.listing(id)) this.relist = true;
    }
    for (const event of change.events) if (event.type !== "release") this.pressed.push(event.node);
    if (change.all) this.relist = true;
    if (change.rollcall) this.answered(change.rollcall);
    this.paint();
  }

  /** All that decides whether, where and under which title a node is listed; it changes far less often than values. */
  listing(id) {
    const node = this.fleet.nodes.get(id);
    return node && [node.name, node.state, node.groups, Object.keys(node.v ?? {})].join("\n");
  }

  chosen() {
    this.order.forget();
    this.relist = true;
    this.paint();
  }

  patch() {
    if (this.relist) this.list();
    const shown = this.map.element.hidden ? this.tiles : this.map;
    shown.patch(this.dirty, this.pressed);
    this.dirty.clear();
    this.pressed = [];
    this.patchAlerts();
    this.ticker.tick();
  }

  list(glide = false) {
    const {view} = this;
    this.relist = false;
    this.listed = new Map([...this.fleet.nodes.keys()].map((id) => [id, this.listing(id)]));
    const all = this.fleet.sorted();
    const found = all.filter((node) => matches(node, view));
    const parts = sections(this.order.arrange(found, view, this.fleet.clock()), view.grouped);
    const room = this.room();
    const size = view.size || automatic(found.length, room);
    const asMap = size === "map" && found.length > 0;
    view.offer(this.fleet);
    view.patch(size);
    setText(view.shown, found.length === all.length ? "" : `${found.length} of ${all.length} shown`);
    setHidden(this.map.element, !asMap);
    setHidden(this.tiles.element, asMap);
    this.tiles.arrange(asMap ? [] : parts, size, view.show, {glide, fits: fits(size, found.length, room)});
    this.map.arrange(asMap ? parts : [], view.show);
    if (!asMap) this.tiles.tick();
    this.patchEmpty(all.length, found.length);
  }

  /** What a screen shows of the nodes without scrolling, in rem. */
  room() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const {width, top} = this.field.getBoundingClientRect();
    const dock = document.getElementById("dock")?.offsetHeight ?? 0;
    return {width: width / rem, height: (innerHeight - (top + scrollY) - dock) / rem - FILTERS_REM};
  }

  patchEmpty(all, found) {
    setHidden(this.empty, found > 0);
    if (found) return;
    const kind = all ? "filtered" : `none ${this.fleet.broker.url_public}`;
    if (this.empty.kind === kind) return;
    this.empty.kind = kind;
    this.empty.replaceChildren(...(all ? filteredOut() : noNodes(this.fleet)));
  }

  patchAlerts() {
    const about = ({node, kind, text}) => (node && text.toLowerCase().startsWith(node) ? "" : `${node || kind} `);
    const make = (alert) => h("li", {}, glyph("state-lost"), h("b", {}, about(alert)), h("span", {}, alert.text));
    patchList(this.alerts, this.fleet.alerts.slice(0, 4), (alert) => `${alert.id} ${alert.text}`, make);
    setHidden(this.alerts, !this.fleet.alerts.length);
  }

  answered(rollcall) {
    this.answers = {until: this.fleet.clock() + ANSWERS_SHOWN_MS};
    this.tiles.answer(new Map(rollcall.rows.map((row) => [row.node, row])));
  }

  /** Twice a second: what only time alters. An order by anything but names is taken again now and then, never while
   * somebody points at a tile. */
  tick() {
    const now = this.fleet.clock();
    if (this.order.due(this.view, now) && this.fleet.ready && !this.tiles.held()) {
      this.order.forget();
      this.list(true);
    }
    this.tiles.tick();
    if (this.answers && now > this.answers.until) {
      this.answers = null;
      this.tiles.answer(null);
    }
    this.ticker.tick();
  }
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
